"""Rows go with their groups, their positions and their outcomes."""

import numpy as np

from offline.training.rank_table import RankTable, concatenate


def table(*groups, shown=False):
    """A table of these groups of labels, whose one feature (and place) is the row's number."""
    labels = np.array([label for group in groups for label in group], np.int32)
    features = np.arange(len(labels), dtype=np.float32)[:, None]
    places = np.arange(len(labels), dtype=np.int32) if shown else None
    return RankTable(features, labels, np.array([len(g) for g in groups], np.int64), places)


def test_rows_that_are_taken_shrink_their_groups_and_empty_ones_vanish():
    taken = table([1, 0, 0], [0, 1], [1, 1]).take(np.array([0, 2, 5]))
    assert taken.features[:, 0].tolist() == [0, 2, 5]
    assert taken.labels.tolist() == [1, 0, 1]
    assert taken.groups.tolist() == [2, 1]
    assert len(taken) == 3


def test_tables_are_joined_end_to_end():
    joined = concatenate([table([1, 0]), table(), table([0], [1, 1])])
    assert joined.labels.tolist() == [1, 0, 0, 1, 1]
    assert joined.groups.tolist() == [2, 1, 2]


def test_places_in_served_lists_go_with_their_rows_and_are_kept_where_all_have_them():
    served, replayed = table([1, 0], [0], shown=True), table([0, 1])
    assert served.take(np.array([1, 2])).positions.tolist() == [1, 2]
    assert replayed.take(np.array([1])).positions is None
    assert concatenate([served, served]).positions.tolist() == [0, 1, 2, 0, 1, 2]
    assert concatenate([served, replayed]).positions is None
    assert concatenate([replayed, replayed]).positions is None
