"""Judges scores of replayed rows: one group is one user's pool at one moment."""

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.funnel_answers import K, user_ndcg
from offline.evaluate.metrics import PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.rank_table import RankTable


def rank_within_groups(table: RankTable, scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Give each row's place in its group, 0 is the best, (m,); equal scores keep their order."""
    owner = np.repeat(np.arange(len(table.groups)), table.groups)
    starts = np.repeat(np.cumsum(table.groups) - table.groups, table.groups)
    places = np.empty(len(table), np.intp)
    places[np.lexsort((-scores, owner))] = np.arange(len(table)) - starts
    return places


def grouped_ndcg(table: RankTable, scores: NDArray[np.floating]) -> PerUser:
    """Give NDCG@10 of each group, (g,); every group holds something relevant."""
    owner = np.repeat(np.arange(len(table.groups)), table.groups)
    places = rank_within_groups(table, scores)
    lists = np.full((len(table.groups), K), -1, np.int64)
    shown = np.flatnonzero(places < K)
    lists[owner[shown], places[shown]] = shown
    relevant = np.flatnonzero(table.labels > 0)
    return user_ndcg(lists, RowSets.of_pairs(owner[relevant], relevant, len(table.groups)))
