"""Plots of the sweeps: one figure against another, as something is turned."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes

from offline.evaluate.figures import Calibration, Interval, NewUserPoint, TradeOff
from offline.report.glossary import METHODS
from offline.report.svg import (
    BASELINE,
    CHANNEL,
    FUNNEL,
    INK,
    MUTED,
    axes_in_a_row,
    report_style,
    to_svg,
)

NEAR = 0.9  # of the best figure: the axis shows at least this much, so that noise looks small
TINY = 1e-6  # NDCG: where nothing at all was found, the axis still has a length
LABEL = (0.18, 0.08)  # width and height of a label, as shares of the plot
BOUNDS: tuple[Literal["low"], Literal["high"]] = ("low", "high")
LINES = (  # method, colour, dashes of the cold curve
    ("funnel", FUNNEL, "-"),
    ("recency_popularity", BASELINE, "-"),
    ("popularity", BASELINE, ":"),
)


def trade_off_chart(points: Sequence[TradeOff]) -> str:
    """Plot NDCG@10 against how unlike the items of a list are, and against coverage."""
    with report_style():
        figure, axes = axes_in_a_row(3.0, 2)
        for one, name in zip(axes, ("diversity", "coverage"), strict=True):
            across = [point["diversity" if name == "diversity" else "coverage"] for point in points]
            _weights(one, [x or 0.0 for x in across], points)
            one.set(xlabel=f"{name}@10", ylabel="NDCG@10")
            one.xaxis.set_major_formatter("{x:.1%}" if name == "coverage" else "{x:g}")
        return to_svg(figure, "NDCG@10 against diversity and coverage, by weight of diversity")


def _weights(axes: Axes, across: Sequence[float], points: Sequence[TradeOff]) -> None:
    heights = [point["ndcg"]["mean"] or 0.0 for point in points]
    axes.plot(across, heights, color=FUNNEL, lw=1.2, alpha=0.5)
    axes.plot(across, heights, "o", color=FUNNEL, markersize=5)
    served = next(at for at, point in enumerate(points) if point["default"])
    axes.plot(
        across[served], heights[served], "o", color=FUNNEL, markersize=11, markeredgecolor=INK
    )
    top = max(*heights, TINY)
    axes.set_ylim(min(*heights, NEAR * top), top * 1.02)
    axes.margins(x=0.14)
    for at in _apart(axes, across, heights, served):
        text = f"{points[at]['weight']:g}" + (" served" if points[at]["default"] else "")
        place = (across[at], heights[at])
        axes.annotate(text, place, (0, 8), textcoords="offset points", ha="center", color=MUTED)


def _apart(axes: Axes, across: Sequence[float], heights: Sequence[float], first: int) -> list[int]:
    """Choose points whose labels do not touch, this one first."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    chosen = [first]
    for at in range(len(across)):
        if all(
            abs(across[at] - across[n]) > LABEL[0] * (right - left)
            or abs(heights[at] - heights[n]) > LABEL[1] * (high - low)
            for n in chosen
        ):
            chosen.append(at)
    return chosen


def new_user_chart(points: Sequence[NewUserPoint]) -> str:
    """Plot NDCG@10 of users without history over the number of their events revealed."""
    ticks = range(len(points))
    with report_style():
        figure, (axes,) = axes_in_a_row(3.4)
        for method, colour, dashes in LINES:
            _line(axes, [point["methods"][method] for point in points], colour, dashes)
            axes.plot([], [], dashes, marker="o", color=colour, label=METHODS[method])
        best = [point["methods"][point["best_channel"]]["mean"] or 0.0 for point in points]
        axes.plot(ticks, best, "--s", color=CHANNEL, markersize=5, label="Best channel alone")
        axes.set_xticks(ticks, [f"{point['events']}\n{point['users']} users" for point in points])
        axes.set_ylim(bottom=0)
        axes.set(xlabel="events revealed", ylabel="NDCG@10")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0)
        return to_svg(figure, "NDCG@10 of new users by number of events revealed")


def _line(axes: Axes, figures: Sequence[Interval], colour: str, dashes: str) -> None:
    ticks = range(len(figures))
    means = [figure["mean"] or 0.0 for figure in figures]
    axes.plot(ticks, means, dashes, marker="o", color=colour, markersize=5)
    if dashes == "-":
        low, high = ([figure[end] or 0.0 for figure in figures] for end in BOUNDS)
        axes.fill_between(ticks, low, high, color=colour, alpha=0.14, lw=0)


def calibration_chart(stages: Sequence[Calibration]) -> str:
    """Plot predicted against observed shares for each stage; the diagonal is perfect."""
    with report_style():
        figure, axes = axes_in_a_row(3.2, len(stages))
        for one, stage in zip(axes, stages, strict=True):
            predicted = [point["predicted"] for point in stage["points"]]
            observed = [point["observed"] for point in stage["points"]]
            end = max(*predicted, *observed, 1e-3) * 1.08
            one.plot([0, end], [0, end], color=MUTED, lw=1, linestyle="--")
            one.plot(predicted, observed, "-o", color=FUNNEL, markersize=6)
            one.set(xlim=(0, end), ylim=(0, end), title=f"{stage['stage']} ranker")
            one.set(xlabel="predicted probability", ylabel="share taken")
            one.xaxis.set_major_formatter("{x:.0%}")
            one.yaxis.set_major_formatter("{x:.0%}")
        return to_svg(figure, "Predicted probability against the share taken, by ranking stage")
