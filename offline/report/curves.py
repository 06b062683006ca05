"""Plots over two axes: one figure against another, and the stream of items through the funnel."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from offline.evaluate.figures import Attribution, Calibration, Interval, NewUserPoint, TradeOff
from offline.report.glossary import METHODS
from offline.report.svg import (
    BASELINE,
    CHANNEL,
    FUNNEL,
    INK,
    MUTED,
    add_legend,
    axes_in_a_row,
    report_style,
    to_svg,
)

MIN_AXIS_SHARE = 0.9  # the axis starts at most at this share of the best: noise looks small
MIN_AXIS_TOP = 1e-6  # NDCG; the axis has a length even if no list has a relevant item
LABEL_SIZE = (0.18, 0.08)  # width and height of a label, as shares of the plot
BOUNDS: tuple[Literal["low"], Literal["high"]] = ("low", "high")
NEW_USER_LINES = (  # method, colour, dashes
    ("funnel", FUNNEL, "-"),
    ("recency_popularity", BASELINE, "-"),
    ("popularity", BASELINE, ":"),
)
BEND_POINTS = 40
BEND = 0.62  # share of the way to the next stage at which a branch reaches the bottom
BOTTOM = -0.10  # shares; the branches end below it


def trade_off_chart(points: Sequence[TradeOff]) -> str:
    """Plot NDCG@10 against the diversity of a list, and against coverage."""
    with report_style():
        figure, axes = axes_in_a_row(3.0, 2)
        for plot, name in zip(axes, ("diversity", "coverage"), strict=True):
            across = [point["diversity" if name == "diversity" else "coverage"] for point in points]
            _plot_weights(plot, [x or 0.0 for x in across], points)
            plot.set(xlabel=f"{name}@10", ylabel="NDCG@10")
            plot.xaxis.set_major_formatter("{x:.1%}" if name == "coverage" else "{x:g}")
        return to_svg(figure, "NDCG@10 against diversity and coverage, by weight of diversity")


def _plot_weights(axes: Axes, across: Sequence[float], points: Sequence[TradeOff]) -> None:
    heights = [point["ndcg"]["mean"] or 0.0 for point in points]
    axes.plot(across, heights, color=FUNNEL, lw=1.2, alpha=0.5)
    axes.plot(across, heights, "o", color=FUNNEL, markersize=5)
    served = next(i for i, point in enumerate(points) if point["default"])
    axes.plot(
        across[served], heights[served], "o", color=FUNNEL, markersize=11, markeredgecolor=INK
    )
    top = max(*heights, MIN_AXIS_TOP)
    axes.set_ylim(min(*heights, MIN_AXIS_SHARE * top), top * 1.02)
    axes.margins(x=0.14)
    for i in _labelled(axes, across, heights, served):
        text = f"{points[i]['weight']:g}" + (" served" if points[i]["default"] else "")
        place = (across[i], heights[i])
        axes.annotate(text, place, (0, 8), textcoords="offset points", ha="center", color=MUTED)


def _labelled(
    axes: Axes, across: Sequence[float], heights: Sequence[float], first: int
) -> list[int]:
    """Return points whose labels do not touch, this one first."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    labelled = [first]
    for i in range(len(across)):
        if all(
            abs(across[i] - across[n]) > LABEL_SIZE[0] * (right - left)
            or abs(heights[i] - heights[n]) > LABEL_SIZE[1] * (high - low)
            for n in labelled
        ):
            labelled.append(i)
    return labelled


def new_user_chart(points: Sequence[NewUserPoint]) -> str:
    """Plot NDCG@10 of users without history over the number of their events revealed."""
    ticks = range(len(points))
    with report_style():
        figure, (axes,) = axes_in_a_row(3.4)
        for method, colour, dashes in NEW_USER_LINES:
            _plot_line(axes, [point["methods"][method] for point in points], colour, dashes)
            axes.plot([], [], dashes, marker="o", color=colour, label=METHODS[method])
        best = [point["methods"][point["best_channel"]]["mean"] or 0.0 for point in points]
        axes.plot(ticks, best, "--s", color=CHANNEL, markersize=5, label="Best channel alone")
        axes.set_xticks(ticks, [f"{point['events']}\n{point['users']} users" for point in points])
        axes.set_ylim(bottom=0)
        axes.set(xlabel="events revealed", ylabel="NDCG@10")
        add_legend(axes, 4)
        return to_svg(figure, "NDCG@10 of new users by number of events revealed")


def _plot_line(axes: Axes, figures: Sequence[Interval], colour: str, dashes: str) -> None:
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
        for plot, stage in zip(axes, stages, strict=True):
            predicted = [point["predicted"] for point in stage["points"]]
            observed = [point["observed"] for point in stage["points"]]
            end = max(*predicted, *observed, 1e-3) * 1.08
            plot.plot([0, end], [0, end], color=MUTED, lw=1, linestyle="--")
            plot.plot(predicted, observed, "-o", color=FUNNEL, markersize=6)
            plot.set(xlim=(0, end), ylim=(0, end), title=f"{stage['stage']} ranker")
            plot.set(xlabel="predicted probability", ylabel="share of positives")
            plot.xaxis.set_major_formatter("{x:.0%}")
            plot.yaxis.set_major_formatter("{x:.0%}")
        return to_svg(
            figure, "Predicted probability against the share of positives, by ranking stage"
        )


class BranchLoss(NamedTuple):
    """One branch of the stream."""

    name: str
    share: float  # share of all relevant items


def branch_losses(attribution: Attribution) -> list[BranchLoss]:
    """Return what leaves the funnel at each stage, in order. The rest is shown."""
    recall, coarse, fine, final = (cut["alive"] for cut in attribution["cuts"])
    room, k = attribution["room"], attribution["k"]
    names = (
        "not recalled",
        "cut by coarse",
        "cut by fine",
        f"no room among {k}",
        "others were preferred",
    )
    left = (1.0, recall, coarse, fine, room, final)
    return [BranchLoss(name, a - b) for name, (a, b) in zip(names, pairwise(left), strict=True)]


def flow_chart(attribution: Attribution) -> str:
    """Draw the stream of relevant items from left to right, each branch as wide as its share."""
    branches = branch_losses(attribution)
    left = 1.0 - np.cumsum([0.0, *(branch.share for branch in branches)])
    with report_style():
        figure, (axes,) = axes_in_a_row(4.1)
        for stage, branch in enumerate(branches):
            _draw_stream(axes, stage, float(left[stage + 1]))
            _draw_branch(axes, stage, float(left[stage]), branch)
        _write_heads(axes, attribution, left)
        axes.set(xlim=(-0.12, len(branches) + 0.62), ylim=(-0.72, 1.42))
        axes.set_axis_off()
        listed = ", ".join(f"{branch.name} {branch.share:.1%}" for branch in branches)
        return to_svg(figure, f"Of all relevant items: {listed}, shown {left[-1]:.1%}")


def _draw_stream(axes: Axes, stage: int, share: float) -> None:
    """Draw the items that go on. The stream hangs from the top."""
    axes.fill_between([stage, stage + 1], 1.0 - share, 1.0, color=FUNNEL, lw=0, alpha=0.85)


def _draw_branch(axes: Axes, stage: int, before: float, branch: BranchLoss) -> None:
    """Draw the items that leave: from the lower edge of the stream, bent down to the bottom."""
    along = np.linspace(0.0, 1.0, BEND_POINTS)
    eased = along * along * (3.0 - 2.0 * along)
    start = 1.0 - before + branch.share
    top = start + (BOTTOM - start) * eased
    colour = CHANNEL if branch.name.startswith("no room") else BASELINE
    across: NDArray[np.float64] = stage + BEND * along
    axes.fill_between(across, top - branch.share, top, color=colour, lw=0, alpha=0.75)
    under = BOTTOM - branch.share - 0.04
    axes.text(stage + BEND, under, f"{branch.share:.1%}", ha="center", va="top", weight="bold")
    axes.text(stage + BEND, under - 0.09, branch.name, ha="center", va="top", color=MUTED)


def _write_heads(axes: Axes, attribution: Attribution, left: NDArray[np.float64]) -> None:
    """Write above the stream the share left, the number of items and the best possible NDCG."""
    k, cuts = attribution["k"], attribution["cuts"]
    heads = [("relevant", "", "")] + [
        (name, f"in {cut['size']:,.0f} items", f"best NDCG {cut['oracle_ndcg']:.2f}")
        for name, cut in zip(("recall", "coarse", "fine"), cuts, strict=False)
    ]
    final = cuts[-1]
    best = f"best NDCG {final['oracle_ndcg']:.2f}"
    heads += [(f"room for {k}", "", ""), ("shown", f"in {final['size']:,.0f} items", best)]
    for stage, (share, (name, size, possible)) in enumerate(zip(left, heads, strict=True)):
        axes.plot([stage, stage], [1.0 - share, 1.03], color=INK, lw=0.8)
        rows = ((1.30, name, MUTED), (1.21, f"{share:.1%}", INK), (1.13, size, MUTED))
        for y, text, colour in (*rows, (1.06, possible, MUTED)):
            bold = "bold" if colour == INK else "normal"
            axes.text(stage, y, text, color=colour, weight=bold, size=10 if bold == "bold" else 8)
