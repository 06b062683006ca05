"""The report's plots. The same figures give the same bytes; nothing is shared between plots."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from offline.evaluate.figures import Attribution, Interval, MetricFigures, SegmentBand
from offline.report.glossary import BASELINES, METHODS, method_label, ordered_methods
from offline.report.page import CoarseWeight
from offline.report.svg import (
    BASELINE,
    CHANNEL,
    FUNNEL,
    INK,
    MUTED,
    SOFT,
    report_style,
    row_axes,
    to_svg,
)

COMPARED = ("funnel", "recency_popularity")  # in the plots of bands: more would be unreadable


def methods_chart(methods: Mapping[str, MetricFigures], metric: str) -> str:
    """Plot one metric of every method with its bounds: funnel, baselines, then channels."""
    names = ordered_methods(methods, metric)
    with report_style():
        figure, axes = row_axes([method_label(name) for name in names], 0.3)
        for y, name in enumerate(names):
            _point(axes, y, methods[name][metric], _colour(name))
        axes.set_xlim(left=0)
        return to_svg(figure, f"{metric} of every method, with 95 % intervals")


def channels_chart(attribution: Attribution) -> str:
    """Plot each channel's own recall, and within it what only that channel found."""
    channels = sorted(attribution["channels"].items(), key=lambda item: -item[1]["own"])
    rows = range(len(channels))
    own = [share["own"] for _, share in channels]
    with report_style():
        figure, axes = row_axes([name for name, _ in channels], 0.32)
        axes.barh(rows, own, 0.62, color=SOFT, label="found by this channel")
        unique = [share["unique"] for _, share in channels]
        axes.barh(rows, unique, 0.62, color=FUNNEL, label="found by no other")
        for y, share in enumerate(own):
            _beside(axes, share, y, f"{share:.1%}")
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.margins(x=0.1)
        _legend(axes, 2)
        return to_svg(figure, "Share of relevant items each recall channel found, and found alone")


def bands_chart(bands: Sequence[SegmentBand], unit: str, metric: str) -> str:
    """Plot funnel and recent popularity side by side in each band of users or items (``unit``)."""
    labels = [f"{band['band']} ({band['count']:,} {unit})" for band in bands]
    with report_style():
        figure, axes = row_axes(labels, 0.44)
        for shift, name in zip((-0.17, 0.17), COMPARED, strict=True):
            for y, band in enumerate(bands):
                _point(axes, y + shift, band["methods"][name], _colour(name))
            axes.plot([], [], "o", color=_colour(name), label=method_label(name))
        axes.set_xlim(left=0)
        axes.set_xlabel(metric)
        _legend(axes, 2)
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


def _point(axes: Axes, y: float, figure: Interval, colour: str) -> None:
    mean, low, high = figure["mean"], figure["low"], figure["high"]
    if mean is None or low is None or high is None:
        return
    axes.plot([low, high], [y, y], color=colour, lw=2.5, alpha=0.45, solid_capstyle="round")
    axes.plot([mean], [y], "o", color=colour, markersize=6, clip_on=False)
    _beside(axes, high, y, f"{mean:.3f}")


def _beside(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", color=INK)


def _colour(method: str) -> str:
    if method in BASELINES:
        return BASELINE
    return FUNNEL if method in METHODS else CHANNEL


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)
