"""The picture of the funnel: one stream of relevant items, and where its branches leave it."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from offline.evaluate.figures import Attribution
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

STEPS = 40  # points of a bend
BEND = 0.62  # of the way to the next stage: where a branch has reached the floor
FLOOR = -0.10  # shares; what is lost ends below it


class BranchLoss(NamedTuple):
    """One branch of the stream."""

    name: str
    share: float  # of all relevant items


def branch_losses(attribution: Attribution) -> list[BranchLoss]:
    """Give what leaves the funnel at each stage, in order; what is left is shown."""
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
        for at, branch in enumerate(branches):
            _stream(axes, at, float(left[at + 1]))
            _branch(axes, at, float(left[at]), branch)
        _heads(axes, attribution, left)
        axes.set(xlim=(-0.12, len(branches) + 0.62), ylim=(-0.72, 1.42))
        axes.set_axis_off()
        said = ", ".join(f"{branch.name} {branch.share:.1%}" for branch in branches)
        return to_svg(figure, f"Of all relevant items: {said}, shown {left[-1]:.1%}")


def _stream(axes: Axes, at: int, share: float) -> None:
    """Draw what goes on; the stream hangs from the top."""
    axes.fill_between([at, at + 1], 1.0 - share, 1.0, color=FUNNEL, lw=0, alpha=0.85)


def _branch(axes: Axes, at: int, before: float, branch: BranchLoss) -> None:
    """Draw what leaves: from the lower edge of the stream, bent down to the floor."""
    along = np.linspace(0.0, 1.0, STEPS)
    eased = along * along * (3.0 - 2.0 * along)
    start = 1.0 - before + branch.share
    top = start + (FLOOR - start) * eased
    colour = CHANNEL if branch.name.startswith("no room") else BASELINE
    across: NDArray[np.float64] = at + BEND * along
    axes.fill_between(across, top - branch.share, top, color=colour, lw=0, alpha=0.75)
    under = FLOOR - branch.share - 0.04
    axes.text(at + BEND, under, f"{branch.share:.1%}", ha="center", va="top", weight="bold")
    axes.text(at + BEND, under - 0.09, branch.name, ha="center", va="top", color=MUTED)


def _heads(axes: Axes, attribution: Attribution, left: NDArray[np.float64]) -> None:
    """Write above the stream how much is left, in how many items, and what could be had of it."""
    k, cuts = attribution["k"], attribution["cuts"]
    heads = [("relevant", "", "")] + [
        (name, f"in {cut['size']:,.0f} items", f"best NDCG {cut['oracle_ndcg']:.2f}")
        for name, cut in zip(("recall", "coarse", "fine"), cuts, strict=False)
    ]
    final = cuts[-1]
    best = f"best NDCG {final['oracle_ndcg']:.2f}"
    heads += [(f"room for {k}", "", ""), ("shown", f"in {final['size']:,.0f} items", best)]
    for at, (share, (name, size, possible)) in enumerate(zip(left, heads, strict=True)):
        axes.plot([at, at], [1.0 - share, 1.03], color=INK, lw=0.8)
        rows = ((1.30, name, MUTED), (1.21, f"{share:.1%}", INK), (1.13, size, MUTED))
        for y, text, colour in (*rows, (1.06, possible, MUTED)):
            bold = "bold" if colour == INK else "normal"
            axes.text(at, y, text, color=colour, weight=bold, size=10 if bold == "bold" else 8)
