"""The suite that every implementation of ``app.stages.Tables`` inherits."""

import numpy as np
import pytest

from app.artifacts import NeighbourTable


def table(*neighbours):
    """Each argument is one row's neighbours, as {row: weight}, best first."""
    sizes = [len(row_neighbours) for row_neighbours in neighbours]
    return NeighbourTable(
        np.cumsum([0, *sizes]),
        np.array([row for row_neighbours in neighbours for row in row_neighbours], np.int32),
        np.array([w for row_neighbours in neighbours for w in row_neighbours.values()], np.float32),
    )


SMALL = {
    "item_cf": table({2: 0.9, 1: 0.5}, {}, {0: 0.25}),
    "raters": table({7: 1.0}, {8: 2.0, 9: 1.5}, {}),
}


def rows(*numbers):
    return np.array(numbers, np.int64)


def listed(spans):
    """Return the position of the row, the neighbour and the weight of each entry."""
    sizes = spans.ends - spans.starts
    entries = [np.arange(s, e) for s, e in zip(spans.starts, spans.ends, strict=True)]
    at = np.concatenate([np.empty(0, np.int64), *entries]).astype(np.int64)
    owner = np.arange(len(sizes)).repeat(sizes)
    return owner.tolist(), spans.rows[at].tolist(), spans.weights[at].tolist()


class TablesContract:
    """What every implementation of ``app.stages.Tables`` and ``RemoteTables`` does.

    ``spans`` reads ``SMALL``.
    """

    async def test_neighbours_come_in_the_order_of_the_rows_best_first(self, spans):
        neighbours = await spans("item_cf", rows(2, 0))
        assert listed(neighbours) == ([0, 1, 1], [0, 2, 1], [0.25, pytest.approx(0.9), 0.5])
        assert neighbours.rows.dtype == np.int32
        assert neighbours.weights.dtype == np.float32

    async def test_a_row_that_repeats_is_answered_twice(self, spans):
        assert listed(await spans("raters", rows(0, 1, 0)))[:2] == ([0, 1, 1, 2], [7, 8, 9, 7])

    @pytest.mark.parametrize("unknown", [-1, 3, 10**9, 1])
    async def test_an_unknown_row_has_no_neighbours_and_hides_no_others(self, spans, unknown):
        neighbours = await spans("item_cf", rows(unknown, 2))
        assert listed(neighbours) == ([1], [0], [0.25])

    async def test_no_rows_have_no_neighbours(self, spans):
        assert listed(await spans("item_cf", rows())) == ([], [], [])

    async def test_an_unknown_table_is_empty(self, spans):
        assert listed(await spans("friends", rows(0, 1))) == ([], [], [])
