"""Similarity tables in Redis: loading, retiring, batched reads."""

import asyncio
import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from app.artifacts import NeighbourTable
from app.contracts import StageError
from app.process.embedded_server import embedded_server
from app.state.batched_reads import MAX_KEYS, BatchedReads
from app.state.store import Store
from app.state.tables import (
    MemoryTables,
    RedisTables,
    are_loaded,
    keep_loaded,
    load_tables,
    retire_tables,
)
from tests.contract.tables_contract import SMALL, listed, rows
from tests.state import store, url

__all__ = ["store", "url"]  # fixtures


def random_table(n, most, seed=0):
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(rng.integers(0, most, n))])
    return NeighbourTable(
        indptr,
        rng.integers(0, n, indptr[-1]).astype(np.int32),
        rng.random(indptr[-1]).astype(np.float32),
    )


async def test_large_tables_are_read_as_they_were_written(store):
    large = {"item_cf": random_table(500, 80), "raters": random_table(300, 200, seed=1)}
    await load_tables(store, "t", "b1", large, chunk_bytes=5_000)
    for name, whole in large.items():
        asked = np.random.default_rng(2).integers(-1, len(whole) + 5, 900)
        stored = await RedisTables(store, "t", "b1").read(name, asked)
        expected = await MemoryTables(large).read(name, asked)
        assert listed(stored) == listed(expected)


async def test_loading_takes_bounded_chunks_and_sets_the_marker_last(store, url, monkeypatch):
    sent = []
    real = Store.pipeline

    async def noted(link, name, commands):
        assert not await are_loaded(store, "t", "b1")
        sent.append(sum(len(part) for part in commands[0][2::2]))
        return await real(link, name, commands)

    monkeypatch.setattr(Store, "pipeline", noted)
    whole = random_table(200, 100)
    await load_tables(store, "t", "b1", {"item_cf": whole}, chunk_bytes=1_000)
    assert sum(sent) == len(whole.rows) * 8
    assert max(sent) <= 1_000
    assert await are_loaded(store, "t", "b1")


async def test_loading_again_writes_nothing(store):
    assert await load_tables(store, "t", "b1", SMALL)
    await store.command("DEL", "t:b1:item_cf:0")
    assert not await load_tables(store, "t", "b1", SMALL)
    assert not await store.command("EXISTS", "t:b1:item_cf:0")


async def test_one_of_several_starting_workers_loads_and_the_others_wait(store):
    wide = {"item_cf": random_table(2_000, 60)}
    loaded = await asyncio.gather(*(load_tables(store, "t", "b1", wide) for _ in range(5)))
    assert sorted(loaded) == [False, False, False, False, True]
    assert await are_loaded(store, "t", "b1")


async def test_when_the_loading_worker_dies_another_takes_over(store):
    await store.command("SET", "t:b1:loading", 1, "PX", 200)
    assert await load_tables(store, "t", "b1", SMALL)


async def test_retired_tables_expire_and_those_in_service_do_not(store):
    for bundle in ("b1", "b2"):
        await load_tables(store, "t", bundle, SMALL)
    await retire_tables(store, "t", keep={"b2"}, ttl=100, batch=2)
    assert 90 < await store.command("TTL", "t:b1:item_cf:2") <= 100
    assert 90 < await store.command("TTL", "t:b1:raters:0") <= 100
    assert not await are_loaded(store, "t", "b1")
    for key in ("t:b2:item_cf:2", "t:b2:loaded", "t:tables"):
        assert await store.command("TTL", key) == -1
    assert await RedisTables(store, "t", "b1").read("raters", rows(0))
    assert await store.command("HKEYS", "t:tables") == [b"b2"]


async def test_a_retired_bundle_that_returns_is_permanent_again(store):
    await load_tables(store, "t", "b1", SMALL)
    await retire_tables(store, "t", keep=(), ttl=100)
    assert await load_tables(store, "t", "b1", SMALL)
    assert await store.command("TTL", "t:b1:item_cf:2") == -1


async def test_an_interrupted_load_is_retired_too(store, monkeypatch):
    async def broken_off(link, name, commands):
        raise StageError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "pipeline", broken_off)
        with pytest.raises(StageError):
            await load_tables(store, "t", "b1", SMALL)
    await store.command("SET", "t:b1:item_cf:0", "left over")
    assert not await store.command("EXISTS", "t:b1:loading")
    await retire_tables(store, "t", keep=(), ttl=100)
    assert await store.command("TTL", "t:b1:item_cf:0") > 0


async def test_reads_of_one_moment_are_one_command(url):
    seen = []
    async with Store.connect(url, on_round_trip=lambda *call: seen.append(call[0])) as store:
        await load_tables(store, "t", "b1", SMALL)
        tables = RedisTables(store, "t", "b1")
        seen.clear()
        found = await asyncio.gather(
            *(tables.read(name, rows(0, 1)) for name in ("item_cf", "raters") for _ in range(20))
        )
    assert seen == ["MGET"]
    assert [listed(f)[1] for f in found] == [[2, 1]] * 20 + [[7, 8, 9]] * 20


async def test_a_restarted_empty_server_is_filled_again(store):
    keeper = asyncio.create_task(keep_loaded(store, "t", "b1", SMALL, every=0.02))
    tables = RedisTables(store, "t", "b1")
    try:
        for _ in range(2):
            await until_found(tables)
            await store.command("FLUSHALL")
    finally:
        keeper.cancel()


async def until_found(tables):
    for _ in range(2_000):
        with suppress(StageError):
            found = await tables.read("item_cf", rows(0))
            if len(found.rows):
                return found
        await asyncio.sleep(0.02)
    return pytest.fail("the tables did not come back")


async def test_keeping_tables_loaded_survives_a_server_that_is_gone():
    async with Store.connect("unix:///nowhere.sock") as store:
        keeper = asyncio.create_task(keep_loaded(store, "t", "b1", SMALL, every=0.01))
        await asyncio.sleep(0.05)
        assert not keeper.done()
        keeper.cancel()


async def test_reading_fails_while_the_server_is_killed_and_works_when_it_is_back(tmp_path):
    with embedded_server(tmp_path) as url:
        async with Store.connect(url, timeout=0.5) as store:
            await load_tables(store, "t", "b1", SMALL)
            tables = RedisTables(store, "t", "b1")
            os.kill(await server_pid(store), signal.SIGKILL)
            with pytest.raises(StageError):
                await tables.read("item_cf", rows(0))
            assert listed(await until_found(tables))[1] == [2, 1]


async def server_pid(store):
    info = await store.command("INFO", "server")
    return int(info.split(b"process_id:")[1].split()[0])


async def test_readers_of_a_stalled_server_leave_at_their_deadlines_and_the_breaker_opens(tmp_path):
    with embedded_server(tmp_path) as url:
        async with Store.connect(url, timeout=5.0) as store:
            tables = RedisTables(store, "t", "b1")
            pid = await server_pid(store)
            os.kill(pid, signal.SIGSTOP)
            for _ in range(35):
                if store.breaker.is_open:
                    break
                with pytest.raises((TimeoutError, StageError)):
                    async with asyncio.timeout(0.02):
                        await tables.read("item_cf", rows(0))
            await asyncio.sleep(0.01)
            assert store.breaker.is_open
            with pytest.raises(StageError, match="lately"):
                await tables.read("item_cf", rows(0))
            os.kill(pid, signal.SIGCONT)


class Fetches:
    """A store under our thumb: answers when it is told to."""

    def __init__(self):
        self.asked = []
        self.go = asyncio.Event()
        self.error = None
        self.cancelled = 0

    async def __call__(self, keys):
        self.asked.append(list(keys))
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
    joined = BatchedReads(fetch)
    first, second, third = (asyncio.create_task(joined.read([key])) for key in (b"a", b"b", b"c"))
    await settle()
    second.cancel()
    fetch.go.set()
    assert await asyncio.gather(first, third) == [[b"<a>"], [b"<c>"]]
    assert fetch.asked == [[b"a", b"b", b"c"]]
    assert not fetch.cancelled


async def test_when_all_readers_leave_the_fetch_is_stopped():
    fetch = Fetches()
    joined = BatchedReads(fetch)
    readers = [asyncio.create_task(joined.read([b"a"])) for _ in range(3)]
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
    assert fetch.asked == []


async def test_an_error_reaches_every_reader_as_its_own():
    fetch = Fetches()
    fetch.error = StageError("down")
    fetch.go.set()
    joined = BatchedReads(fetch)
    errors = await asyncio.gather(*(joined.read([b"a"]) for _ in range(3)), return_exceptions=True)
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
    joined = BatchedReads(fetch)
    first = asyncio.create_task(joined.read([b"a"]))
    await settle()
    second = asyncio.create_task(joined.read([b"b"]))
    await settle()
    assert fetch.asked == [[b"a"], [b"b"]]
    fetch.go.set()
    assert await asyncio.gather(first, second) == [[b"<a>"], [b"<b>"]]


async def test_one_fetch_has_a_bounded_number_of_keys():
    fetch = Fetches()
    fetch.go.set()
    joined = BatchedReads(fetch)
    keys = [b"%d" % i for i in range(MAX_KEYS // 2)]
    answers = await asyncio.gather(*(joined.read(keys) for _ in range(5)))
    assert [len(asked) for asked in fetch.asked] == [MAX_KEYS, MAX_KEYS, MAX_KEYS // 2]
    assert answers == [[b"<%b>" % key for key in keys]] * 5
