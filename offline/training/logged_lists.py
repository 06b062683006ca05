"""Training rows from lists that were served, as the log of served lists tells them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix
from app.features.views import FINE_VIEW, column_names
from offline.training.rank_table import NO_POSITION, RankTable


def build_logged_table(
    features: Matrix,
    taken: NDArray[np.integer],
    slates: NDArray[np.integer],
    positions: NDArray[np.integer],
) -> RankTable:
    """Make a table of what was shown, for ``offline.training.rankers.fit_fine``.

    People look at the top of a list most, so that what stood there is taken more often than it is
    liked. With the positions LightGBM takes a score apart into what the item is worth, the trees,
    and what the place was worth, which is not kept (its documentation: Position bias; a generalised
    additive model). It can only do so where positions and features do not always go together:
    exploration, or lists by several bundles, see to that. Lists of which nothing was taken teach a
    ranker nothing and are left out.

    Args:
        features: (m, f) columns of the fine view as served, one row an item shown.
        taken: (m,) how relevant, a small whole number; 0 was left.
        slates: (m,) any number that the items of one list share, and no other list has.
        positions: (m,) place in the list, 0 is the first.

    Raises:
        ValueError: the columns are not those of the fine view, or the arrays' lengths differ.
    """
    width = len(column_names(FINE_VIEW))
    if features.ndim != 2 or features.shape[1] != width:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"features of shape {features.shape}: the fine view has {width} columns")
    if not len(features) == len(taken) == len(slates) == len(positions):
        raise ValueError(
            f"{len(features)} rows of features, {len(taken)} taken or left, {len(slates)} slates, "
            f"{len(positions)} positions: give one of each for every item shown"
        )
    order = np.lexsort((positions, slates))
    _, owner = np.unique(slates[order], return_inverse=True)
    useful = np.bincount(owner, taken[order] > 0) > 0
    kept = useful[owner]
    rows, sizes = order[kept], np.bincount(owner)[useful]
    return RankTable(
        features[rows], taken[rows].astype(np.int32), sizes, positions[rows].astype(np.int32)
    )


def insert_logged_lists(windows: list[RankTable], served: RankTable) -> list[RankTable]:
    """Put served lists before the last window, which is held out.

    What was replayed was shown at no place: all of it gets one of its own, so that nothing but
    served lists says what places are worth.
    """
    placed = [
        replace(window, positions=np.full(len(window), NO_POSITION, np.int32), outcomes=None)
        for window in windows
    ]
    return [*placed[:-1], served, *placed[-1:]]
