import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.evaluate.rowsets import RowSets

few = settings(max_examples=40)
rows = st.lists(st.integers(-1, 2**31 - 1) | st.integers(-1, 5), max_size=8)


@few
@given(st.lists(rows, max_size=5))
def test_a_set_holds_each_row_once_and_no_padding(lists_of_rows):
    sets = RowSets.of([np.array(r, np.int64) for r in lists_of_rows])
    assert len(sets) == len(lists_of_rows)
    for user, expected in enumerate(lists_of_rows):
        held = sets.rows[sets.indptr[user] : sets.indptr[user + 1]]
        assert held.tolist() == sorted(set(expected) - {-1})
    assert sets.sizes.sum() == len(sets.owners) == len(sets.grades)


def test_grades_are_looked_up_by_user_and_row():
    sets = RowSets.of_pairs(
        np.array([1, 0, 1, 1]), np.array([7, 7, 9, 7]), 3, np.array([1, 2, 4, 3], np.float32)
    )
    users, rows = np.array([[0, 1], [1, 2], [0, 0]]), np.array([[7, 7], [9, 7], [9, -1]])
    assert sets.grades_of(users, rows).tolist() == [[2, 3], [4, 0], [0, 0]]


def test_nothing_is_in_empty_sets():
    sets = RowSets.of([np.empty(0, np.int64)] * 2)
    assert sets.grades_of(np.array([0, 1]), np.array([0, -1])).tolist() == [0, 0]
    assert RowSets.of([]).sizes.tolist() == []


def test_taking_users_renumbers_them():
    sets = RowSets.of([np.array([1, 2]), np.array([], np.int64), np.array([3])])
    taken = sets.take(np.array([2, 1, 0]))
    assert taken.rows.tolist() == [3, 1, 2]
    assert taken.owners.tolist() == [0, 2, 2]
    assert taken.grades_of(np.array([2, 0]), np.array([2, 1])).tolist() == [1, 0]
