"""The plots of a comparison of two bundles."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from offline.evaluate.figures import Interval, MetricFigures
from offline.report.glossary import METRICS
from offline.report.svg import BASELINE, FUNNEL, INK, SOFT, report_style, row_axes, to_svg

COMPARED = ("ndcg@10", "recall@10", "map@10", "precision@10", "ndcg@20")


def bundles_chart(a: MetricFigures, b: MetricFigures, popularity: MetricFigures) -> str:
    """Plot a few metrics of both bundles and of popularity, with their bounds."""
    sides = (("a", SOFT, a), ("b", FUNNEL, b), ("popularity", BASELINE, popularity))
    with report_style():
        figure, axes = row_axes([_label(name) for name in COMPARED], 0.6)
        for shift, (side, colour, metrics) in zip((-0.22, 0.0, 0.22), sides, strict=True):
            for y, name in enumerate(COMPARED):
                _point(axes, y + shift, metrics[name], colour)
            axes.plot([], [], "o", color=colour, label=side)
        axes.set_xlim(left=0)
        _legend(axes, len(sides))
        return to_svg(figure, "Metrics of both bundles and of popularity, with 95 % intervals")


def gains_chart(a: Mapping[str, float], b: Mapping[str, float], names: Sequence[str]) -> str:
    """Plot each feature's share of the gain in both fine rankers."""
    with report_style():
        figure, axes = row_axes(list(names), 0.34)
        for shift, side, colour, shares in ((-0.18, "a", SOFT, a), (0.18, "b", FUNNEL, b)):
            places = [y + shift for y in range(len(names))]
            axes.barh(
                places, [shares.get(name, 0.0) for name in names], 0.32, color=colour, label=side
            )
        axes.xaxis.set_major_formatter("{x:.0%}")
        _legend(axes, 2)
        return to_svg(figure, "Share of the gain of each feature in both fine rankers")


def _label(metric: str) -> str:
    name, _, k = metric.partition("@")
    return f"{METRICS[name].label}@{k}"


def _point(axes: Axes, y: float, figure: Interval, colour: str) -> None:
    mean, low, high = figure["mean"], figure["low"], figure["high"]
    if mean is None or low is None or high is None:
        return
    axes.plot([low, high], [y, y], color=colour, lw=2.5, solid_capstyle="round")
    axes.plot([mean], [y], "o", color=colour, markersize=6, clip_on=False)
    text = f"{mean:.3f}"
    axes.annotate(text, (high, y), (6, 0), textcoords="offset points", va="center", color=INK)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)
