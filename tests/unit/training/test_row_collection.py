"""Rows of training: tables go with their groups, and logged lists are checked."""

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from offline.training.rank_table import RankTable, concatenate
from offline.training.row_collection import build_logged_table

WIDTH = len(column_names(FINE_VIEW))


def rows(n):
    features = np.zeros((n, WIDTH), np.float32)
    features[:, 0] = np.arange(n)
    return features


def test_lists_are_put_together_in_order_of_place_and_those_without_effect_left_out():
    slates = np.array([7, 3, 7, 3, 5, 7])
    grades = np.array([0, 0, 1, 2, 0, 0])
    table = build_logged_table(rows(6), grades, slates, np.array([2, 1, 0, 0, 0, 1]))
    assert table.features[:, 0].tolist() == [3, 1, 2, 5, 0]
    assert table.labels.tolist() == [2, 0, 1, 0, 0]
    assert table.groups.tolist() == [2, 3]
    assert table.positions.tolist() == [0, 1, 0, 1, 2]
    assert table.labels.dtype == table.positions.dtype == np.int32


def test_where_nothing_was_ever_taken_the_table_is_empty():
    nothing = np.zeros(4, np.int64)
    table = build_logged_table(rows(4), nothing, nothing, np.arange(4))
    assert (len(table), table.groups.tolist()) == (0, [])
    empty = np.empty(0, np.int64)
    assert len(build_logged_table(rows(0), empty, empty, empty)) == 0


def test_what_does_not_fit_together_is_told():
    three = np.zeros(3, np.int64)
    with pytest.raises(ValueError, match=f"the fine view has {WIDTH} columns"):
        build_logged_table(np.zeros((3, 2), np.float32), three, three, three)
    with pytest.raises(ValueError, match="3 rows of features, 3 grades, 3 slates, 2 pos"):
        build_logged_table(rows(3), three, three, three[:2])


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
