"""Two copies of the counters: what a request reads does not change while it runs."""

import asyncio
import weakref
from contextlib import asynccontextmanager

import numpy as np
import pytest

from app.artifacts import DAY
from app.cpu import Cpu
from app.state.double_buffer import DoubleBuffer, Replica
from tests.state import counters, until

START = 1_000_000.0


def start():
    return counters(START, n=4)


@asynccontextmanager
async def buffering(sort_interval=0.25):
    cpu = Cpu(threads=1)
    buffer = DoubleBuffer(
        *(Replica(start(), name) for name in ("one", "other")), cpu, sort_interval
    )
    task = asyncio.create_task(buffer.run())
    try:
        yield buffer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cpu.close()


def liked(buffer, *rows):
    ones = np.ones(len(rows), np.float32)
    buffer.apply(np.array(rows), ones, np.full(len(rows), START + DAY))


def counts(replica):
    return replica.counters.counts[-1].tolist()


async def test_what_a_request_reads_does_not_change_and_the_next_request_sees_more():
    async with buffering() as buffer:
        with buffer.reading() as replica:
            liked(buffer, 0, 1)
            await until(lambda: buffer.current is not replica)
            assert counts(replica) == [0, 0, 0, 0]
            assert counts(buffer.current) == [1, 1, 0, 0]
            liked(buffer, 1)
            await asyncio.sleep(0.02)
            assert counts(replica) == [0, 0, 0, 0]
        await asyncio.wait_for(buffer.wait_settled(), 5)
        assert counts(replica) == counts(buffer.current) == [1, 2, 0, 0]


async def test_both_replicas_get_every_change_in_order_and_then_it_is_dropped():
    states = []

    def state(counters):
        states.append(counters)

    async with buffering(0.01) as buffer:
        buffer.change(state)
        applied_and_dropped = weakref.ref(state)
        del state
        for n in range(300):
            liked(buffer, n % 4)
            buffer.count_impressions(np.array([n % 3]))
            buffer.set_offsets("events", f"{n}-0", f"{n}-0")
            if n % 50 == 0:
                with buffer.reading():
                    await asyncio.sleep(0.002)
        await asyncio.wait_for(buffer.wait_settled(), 5)
        one, other = states
        assert one.counts.tobytes() == other.counts.tobytes()
        assert one.exposures.tolist() == other.exposures.tolist() == [100, 100, 100, 0]
        assert one.sorted_offsets == other.sorted_offsets == {"events": ("0-0", "299-0")}
        assert one.popular() is other.popular()
        assert one.popular().rows.tolist() == [0, 1, 2, 3]
        assert applied_and_dropped() is None


async def test_lists_are_not_sorted_again_before_the_interval_is_over():
    async with buffering(3_600.0) as buffer:
        liked(buffer, 3)
        await asyncio.wait_for(buffer.wait_settled(), 5)
        liked(buffer, 2, 2)
        await until(lambda: buffer.current.counters.counts[-1, 2] == 2)
        assert buffer.current.counters.popular().rows.tolist() == [3]
        assert not buffer.is_settled


def test_the_offsets_say_how_far_each_stream_is_applied():
    state = start()
    state.set_offsets("events", "1-0", "5-0")
    state.refresh()
    state.set_offsets("events", "6-0", "9-3")
    state.count_impressions(np.array([1, 1]))
    offsets = state.offsets()
    assert offsets.applied == {"events": ("1-0", "9-3")}
    assert offsets.sorted_lists == {"events": ("1-0", "5-0")}
    assert offsets.trials == 2
    state.apply(np.array([0]), np.ones(1, np.float32), np.array([START]))
    assert offsets.total.tolist() == pytest.approx([0.0] * len(offsets.total))
