"""A thread of its own for slow work: one call at a time, and few that wait."""

import asyncio
from contextlib import closing
from threading import Event

import pytest

from app.cpu import BusyError, SingleThread


async def test_calls_run_one_at_a_time_and_too_many_are_refused():
    may_end, order = Event(), []

    def work(n):
        order.append(n)
        may_end.wait(30)
        order.append(n)
        return n

    with closing(SingleThread("test", max_waiting=2)) as run_alone:
        calls = [asyncio.create_task(run_alone(work, n)) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await run_alone(work, 3)
        calls[2].cancel()
        await asyncio.sleep(0.001)
        calls[2] = asyncio.create_task(run_alone(work, 4))  # the cancelled one does not wait
        await asyncio.sleep(0)
        may_end.set()
        assert await asyncio.gather(*calls) == [0, 1, 4]
        assert order == [0, 0, 1, 1, 4, 4]


async def test_an_abandoned_call_counts_until_it_has_ended():
    has_begun, may_end = Event(), Event()

    def work():
        has_begun.set()
        may_end.wait(30)

    with closing(SingleThread("test", max_waiting=0)) as run_alone:
        call = asyncio.create_task(run_alone(work))
        await asyncio.to_thread(has_begun.wait, 30)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        with pytest.raises(BusyError):
            await run_alone(work)
        may_end.set()
