"""Find out for which users the order of one channel is better than that of the trees."""

from math import inf

import numpy as np
from numpy.typing import NDArray

from app.contracts import Scores
from app.features.views import FINE_VIEW, column_names
from app.rank.channel_order import ALONE, ChannelOrder
from offline.evaluate.metrics import grouped_ndcg
from offline.training.rank_table import RankTable

# The order of new items says nothing of anybody's interest: which of them are liked changes from
# window to window.
WITHOUT = ("fresh_rank",)
BANDS = ((0, 1), (1, 5), (5, 20), (20, inf))  # numbers of events of a history
WEIGHTS = (20.0, 100.0, ALONE)  # with 20, the first and the tenth of a list differ by 1
LEAST_GROUPS = 50  # of a band
# The mean gain in standard errors. One of 160 orders may be better by chance, and the groups of
# one user are alike, so that the errors are larger than they seem.
CLEARLY = 4.0


def choose_channel_orders(held_out: RankTable, scores: Scores) -> tuple[ChannelOrder, ...]:
    """Return the orders that make lists of a later window clearly better, for bands of users.

    For each band the channel and weight with the best NDCG@10 are chosen, if the trees alone are
    worse by ``CLEARLY``. Nothing is chosen where all is well, so that nothing is added then.

    Args:
        held_out: rows of a window after those that the trees were fitted on.
        scores: (m,) of these trees.
    """
    has_positive = (
        np.add.reduceat(held_out.labels, np.cumsum(held_out.groups) - held_out.groups) > 0
    )
    kept = np.flatnonzero(np.repeat(has_positive, held_out.groups))
    held_out, scores = held_out.take(kept), scores[kept]
    before = grouped_ndcg(held_out.groups, held_out.labels, scores)
    of_group = held_out.features[np.cumsum(held_out.groups) - held_out.groups]
    best: dict[tuple[int, float], tuple[float, ChannelOrder]] = {}
    for column in column_names(FINE_VIEW):
        if not column.endswith("_rank") or column in WITHOUT:
            continue
        ranks = held_out.features[:, column_names(FINE_VIEW).index(column)]
        if not ranks.any():
            continue
        for weight in WEIGHTS:
            changed = scores + np.float32(weight) * np.nan_to_num(ranks)
            gains = grouped_ndcg(held_out.groups, held_out.labels, changed) - before
            for low, high in BANDS:
                order = ChannelOrder(column, weight, low, high, 0.0, 0.0)
                own = order.holds_for(of_group)
                gain = float(gains[own].mean()) if own.sum() >= LEAST_GROUPS else 0.0
                if _is_clear(gains[own], gain) and gain > best.get((low, high), (0.0,))[0]:
                    ndcg = float(before[own].mean())
                    best[low, high] = gain, ChannelOrder(column, weight, low, high, ndcg, gain)
    return tuple(order for _, order in best.values())


def _is_clear(gains: NDArray[np.float64], mean: float) -> bool:
    """Return whether the mean of the gains is above 0 by ``CLEARLY`` standard errors."""
    return mean > 0 and mean > CLEARLY * float(gains.std()) / np.sqrt(len(gains))
