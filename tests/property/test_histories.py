"""Properties of merged histories."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.contracts import NO_HISTORY, History
from app.query_builder import join_histories

events = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5).map(float)), max_size=10)


def as_history(events):
    """Return a history as every source has it: newest first, then by row, no event twice."""
    unique = sorted(set(events), key=lambda e: (-e[1], e[0]))
    rows = np.array([row for row, _ in unique], np.int64)
    times = np.array([time for _, time in unique])
    return History(rows, rows.astype(np.float32), np.ones(len(unique), np.float32), times)


@given(st.lists(events, max_size=4))
def test_joined_histories_are_the_union_newest_first_whatever_the_order(parts):
    whole = join_histories([as_history(part) for part in parts])
    expected = as_history([e for part in parts for e in part])
    assert whole.rows.tolist() == expected.rows.tolist()
    assert whole.times.tolist() == expected.times.tolist()
    back = join_histories([as_history(part) for part in parts[::-1]])
    assert back.rows.tolist() == whole.rows.tolist()
    assert back.values.tolist() == whole.values.tolist()
    assert join_histories([whole, NO_HISTORY]) is whole
