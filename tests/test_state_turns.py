"""Two copies of the crowd's state: what a request reads does not change under it."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.artifacts import DAY
from app.cpu import Cpu
from app.state.double_buffer import DoubleBuffer, Replica
from tests.test_state_follower import until
from tests.test_state_live import START, live


@asynccontextmanager
async def turning(sort_interval=0.25):
    cpu = Cpu(threads=1)
    turns = DoubleBuffer(Replica(live(), "one"), Replica(live(), "other"), cpu, sort_interval)
    task = asyncio.create_task(turns.run())
    try:
        yield turns
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cpu.close()


def liked(turns, *rows):
    ones = np.ones(len(rows), np.float32)
    turns.apply(np.array(rows), ones, np.full(len(rows), START + DAY))


def counts(side):
    return side.counters.counts[-1].tolist()


async def test_what_a_request_reads_stays_as_it_is_and_the_next_request_knows_more():
    async with turning() as turns:
        with turns.reading() as side:
            liked(turns, 0, 1)
            await until(lambda: turns.current is not side)
            assert counts(side) == [0, 0, 0, 0]
            assert counts(turns.current) == [1, 1, 0, 0]
            liked(turns, 1)
            await asyncio.sleep(0.02)
            assert counts(side) == [0, 0, 0, 0]
        await asyncio.wait_for(turns.wait_settled(), 5)
        assert counts(side) == counts(turns.current) == [1, 2, 0, 0]


async def test_both_copies_hear_of_every_change_in_order_and_forget_it():
    async with turning(0.01) as turns:
        for n in range(300):
            liked(turns, n % 4)
            turns.count_impressions(np.array([n % 3]))
            turns.set_offsets("events", f"{n}-0", f"{n}-0")
            if n % 50 == 0:
                with turns.reading():
                    await asyncio.sleep(0.002)
        await asyncio.wait_for(turns.wait_settled(), 5)
        one, other = turns._read.counters, turns._idle.counters
        assert one is not other
        assert one.counts.tobytes() == other.counts.tobytes()
        assert one.exposures.tolist() == other.exposures.tolist() == [100, 100, 100, 0]
        assert one.sorted_offsets == other.sorted_offsets == {"events": ("0-0", "299-0")}
        assert one.popular() is other.popular()
        assert one.popular().rows.tolist() == [0, 1, 2, 3]
        assert not turns._changes


async def test_lists_are_sorted_at_the_same_change_in_both_copies():
    async with turning(0.2) as turns:
        liked(turns, 3)
        await asyncio.wait_for(turns.wait_settled(), 5)
        liked(turns, 2, 2)
        await until(lambda: turns.current.counters.counts[-1, 2] == 2)
        assert turns.current.counters.popular().rows.tolist() == [3]
        await asyncio.wait_for(turns.wait_settled(), 5)
        assert turns.current.counters.popular().rows.tolist() == [2, 3]


Told = st.tuples(st.integers(0, 3), st.floats(-1, 2, width=32), st.floats(-50, 700))


@given(st.lists(Told, min_size=1, max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_a_state_is_the_same_to_the_bit_however_its_events_come_together(told, cuts):
    rows, weights, days = (np.array(column) for column in zip(*told, strict=True))
    columns = (rows, weights.astype(np.float32), START + DAY * days)
    whole, parted = live(), live()
    whole.apply(*columns)
    for part in np.split(np.arange(len(told)), sorted(cuts)):
        parted.apply(*(column[part] for column in columns))
    for name in ("counts", "liked", "total", "first_seen", "clicks"):
        assert getattr(whole, name).tobytes() == getattr(parted, name).tobytes(), name
    assert (whole.now, whole.reference) == (parted.now, parted.reference)


def test_the_standing_tells_the_streams_as_far_as_they_are_known():
    state = live()
    state.set_offsets("events", "1-0", "5-0")
    state.refresh()
    state.set_offsets("events", "6-0", "9-3")
    state.count_impressions(np.array([1, 1]))
    standing = state.offsets()
    assert standing.applied == {"events": ("1-0", "9-3")}
    assert standing.sorted_lists == {"events": ("1-0", "5-0")}
    assert standing.trials == 2
    state.apply(np.array([0]), np.ones(1, np.float32), np.array([START]))
    assert standing.total.tolist() == pytest.approx([0.0] * len(standing.total))
