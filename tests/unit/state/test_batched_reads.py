import asyncio

import pytest

from app.contracts import StageError
from app.state.batched_reads import MAX_KEYS, BatchedReads


class Fetches:
    """Stands for a store: it answers when ``go`` is set, and records the keys of each fetch."""

    def __init__(self):
        self.fetched = []
        self.go = asyncio.Event()
        self.error = None
        self.cancelled = 0

    async def __call__(self, keys):
        self.fetched.append(list(keys))
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return [b"<%b>" % key for key in keys]


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_cancelled_reader_does_not_disturb_the_others():
    fetch = Fetches()
    reads = BatchedReads(fetch)
    first, second, third = (asyncio.create_task(reads.read([key])) for key in (b"a", b"b", b"c"))
    await settle()
    second.cancel()
    fetch.go.set()
    assert await asyncio.gather(first, third) == [[b"<a>"], [b"<c>"]]
    assert fetch.fetched == [[b"a", b"b", b"c"]]
    assert not fetch.cancelled


async def test_when_all_readers_leave_the_fetch_is_stopped():
    fetch = Fetches()
    reads = BatchedReads(fetch)
    readers = [asyncio.create_task(reads.read([b"a"])) for _ in range(3)]
    await settle()
    for reader in readers:
        reader.cancel()
    await settle()
    assert fetch.cancelled == 1


async def test_readers_that_leave_before_the_fetch_begins_cost_nothing():
    fetch = Fetches()
    reader = asyncio.create_task(BatchedReads(fetch).read([b"a"]))
    await asyncio.sleep(0)
    reader.cancel()
    await settle()
    assert fetch.fetched == []


async def test_an_error_reaches_every_reader_as_its_own():
    fetch = Fetches()
    fetch.error = StageError("down")
    fetch.go.set()
    reads = BatchedReads(fetch)
    errors = await asyncio.gather(*(reads.read([b"a"]) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in errors] == ["down"] * 3
    assert len({id(error) for error in errors}) == 3


async def test_a_bug_stays_a_bug():
    fetch = Fetches()
    fetch.error = KeyError("oops")
    fetch.go.set()
    with pytest.raises(KeyError):
        await BatchedReads(fetch).read([b"a"])


async def test_a_fetch_that_is_stopped_from_outside_stops_its_readers():
    async def stopped(keys):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await BatchedReads(stopped).read([b"a"])


async def test_reads_of_different_moments_are_not_held_up_for_one_another():
    fetch = Fetches()
    reads = BatchedReads(fetch)
    first = asyncio.create_task(reads.read([b"a"]))
    await settle()
    second = asyncio.create_task(reads.read([b"b"]))
    await settle()
    assert fetch.fetched == [[b"a"], [b"b"]]
    fetch.go.set()
    assert await asyncio.gather(first, second) == [[b"<a>"], [b"<b>"]]


async def test_one_fetch_has_a_bounded_number_of_keys():
    fetch = Fetches()
    fetch.go.set()
    reads = BatchedReads(fetch)
    keys = [b"%d" % i for i in range(MAX_KEYS // 2)]
    answers = await asyncio.gather(*(reads.read(keys) for _ in range(5)))
    assert [len(keys) for keys in fetch.fetched] == [MAX_KEYS, MAX_KEYS, MAX_KEYS // 2]
    assert answers == [[b"<%b>" % key for key in keys]] * 5
