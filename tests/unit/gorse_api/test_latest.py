"""The newest items, whatever the order of rows and however many are as new as the last."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.gorse_api.latest import newest_rows


@dataclass
class Columns:
    """The columns of a catalogue that matter."""

    released: np.ndarray
    available: np.ndarray


@dataclass
class Excluding:
    """A query that excludes some rows."""

    rows: set

    def allows(self, rows):
        return np.array([row not in self.rows for row in rows.tolist()], np.bool_)


years = st.one_of(st.just(np.nan), st.sampled_from([1990.0, 2000.0, 2000.0001, 2000.2, 2010.5]))


@given(
    st.lists(st.tuples(years, st.booleans()), max_size=12),
    st.integers(0, 6),
    st.sets(st.integers(0, 11)),
)
def test_no_newer_item_is_missing(items, n, excluded):
    columns = Columns(
        np.array([year for year, _ in items], np.float32),
        np.array([on for _, on in items], np.bool_),
    )
    rows = newest_rows(columns, Excluding(excluded), n).tolist()
    allowed = [r for r, (_, on) in enumerate(items) if on and r not in excluded]
    key = np.nan_to_num(columns.released, nan=-np.inf)
    best = sorted((key[r] for r in allowed), reverse=True)[:n]
    assert set(rows) <= set(allowed)
    assert sorted((key[r] for r in rows), reverse=True)[:n] == best
    if n and len(allowed) > n and best[-1] > -np.inf:  # all that may be as new as the last
        assert {r for r in allowed if key[r] >= best[-1]} <= set(rows)
