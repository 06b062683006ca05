"""Plots with one labelled row for each method, channel, band, feature or metric."""

from collections.abc import Mapping, Sequence

from offline.evaluate.baselines import BASELINES
from offline.evaluate.figures import Attribution, MetricFigures, SegmentBand
from offline.report.glossary import METHODS, METRICS, method_label, ordered_methods
from offline.report.report_figures import CoarseWeight
from offline.report.svg import (
    BASELINE,
    CHANNEL,
    FUNNEL,
    MUTED,
    SOFT,
    add_legend,
    plot_interval,
    report_style,
    row_axes,
    to_svg,
    write_beside,
)

BAND_METHODS = ("funnel", "recency_popularity")  # more would be unreadable
BUNDLE_METRICS = ("ndcg@10", "recall@10", "map@10", "precision@10", "ndcg@20")


def methods_chart(methods: Mapping[str, MetricFigures], metric: str) -> str:
    """Plot one metric of every method with its bounds: funnel, baselines, then channels."""
    names = ordered_methods(methods, metric)
    with report_style():
        figure, axes = row_axes([method_label(name) for name in names], 0.3)
        for y, name in enumerate(names):
            plot_interval(axes, y, methods[name][metric], _colour(name))
        axes.set_xlim(left=0)
        return to_svg(figure, f"{metric} of every method, with 95 % intervals")


def channels_chart(attribution: Attribution) -> str:
    """Plot each channel's own recall, and within it the items that only this channel found."""
    proposing = [item for item in attribution["channels"].items() if item[1]["size"]]
    channels = sorted(proposing, key=lambda item: -item[1]["own"])
    rows = range(len(channels))
    own = [share["own"] for _, share in channels]
    with report_style():
        figure, axes = row_axes([name for name, _ in channels], 0.32)
        axes.barh(rows, own, 0.62, color=SOFT, label="found by this channel")
        unique = [share["unique"] for _, share in channels]
        axes.barh(rows, unique, 0.62, color=FUNNEL, label="found by no other")
        for y, share in enumerate(own):
            write_beside(axes, share, y, f"{share:.1%}")
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.margins(x=0.1)
        add_legend(axes, 2)
        return to_svg(figure, "Share of relevant items each recall channel found, and found alone")


def bands_chart(bands: Sequence[SegmentBand], unit: str, metric: str) -> str:
    """Plot funnel and recent popularity side by side in each band of users or items (``unit``)."""
    labels = [f"{band['band']} ({band['count']:,} {unit})" for band in bands]
    with report_style():
        figure, axes = row_axes(labels, 0.44)
        for shift, name in zip((-0.17, 0.17), BAND_METHODS, strict=True):
            for y, band in enumerate(bands):
                plot_interval(axes, y + shift, band["methods"][name], _colour(name))
            axes.plot([], [], "o", color=_colour(name), label=method_label(name))
        axes.set_xlim(left=0)
        axes.set_xlabel(metric)
        add_legend(axes, 2)
        return to_svg(figure, f"{metric} of funnel and recent popularity by band of {unit}")


def weights_chart(weights: Sequence[CoarseWeight]) -> str:
    """Plot the coarse ranker's coefficients, largest first, whatever their sign."""
    largest = sorted(weights, key=lambda weight: -abs(weight["weight"]))
    values = [weight["weight"] for weight in largest]
    with report_style():
        figure, axes = row_axes([weight["name"] for weight in largest], 0.24)
        colours = [FUNNEL if value >= 0 else BASELINE for value in values]
        axes.barh(range(len(values)), values, 0.62, color=colours)
        axes.axvline(0, color=MUTED, lw=0.8)
        return to_svg(figure, "Weights of the coarse ranker")


def bundles_chart(a: MetricFigures, b: MetricFigures, popularity: MetricFigures) -> str:
    """Plot a few metrics of two bundles and of popularity, with their bounds."""
    methods = (("a", SOFT, a), ("b", FUNNEL, b), ("popularity", BASELINE, popularity))
    with report_style():
        figure, axes = row_axes([_metric_label(name) for name in BUNDLE_METRICS], 0.6)
        for shift, (label, colour, metrics) in zip((-0.22, 0.0, 0.22), methods, strict=True):
            for y, name in enumerate(BUNDLE_METRICS):
                plot_interval(axes, y + shift, metrics[name], colour, alpha=1.0)
            axes.plot([], [], "o", color=colour, label=label)
        axes.set_xlim(left=0)
        add_legend(axes, len(methods))
        return to_svg(figure, "Metrics of both bundles and of popularity, with 95 % intervals")


def gains_chart(a: Mapping[str, float], b: Mapping[str, float], names: Sequence[str]) -> str:
    """Plot each feature's share of the gain in the fine rankers of two bundles."""
    with report_style():
        figure, axes = row_axes(list(names), 0.34)
        for shift, label, colour, shares in ((-0.18, "a", SOFT, a), (0.18, "b", FUNNEL, b)):
            places = [y + shift for y in range(len(names))]
            values = [shares.get(name, 0.0) for name in names]
            axes.barh(places, values, 0.32, color=colour, label=label)
        axes.xaxis.set_major_formatter("{x:.0%}")
        add_legend(axes, 2)
        return to_svg(figure, "Share of the gain of each feature in both fine rankers")


def _metric_label(metric: str) -> str:
    name, _, k = metric.partition("@")
    return f"{METRICS[name].label}@{k}"


def _colour(method: str) -> str:
    if method in BASELINES:
        return BASELINE
    return FUNNEL if method in METHODS else CHANNEL
