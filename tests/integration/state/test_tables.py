"""Similarity tables in Redis: loading, retiring, batched reads."""

import asyncio
from typing import ClassVar

import numpy as np
import pytest

from app.artifacts import NeighbourTable
from app.contracts import StageError
from app.state.store import Store
from app.state.table_readers import MappedTables, RedisTables
from app.state.tables import are_loaded, load_tables, retire_tables
from tests.contract.tables_contract import SMALL, listed, rows
from tests.state import StoreAround, StoreThatFails, store, url

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
        assert listed(stored) == listed(MappedTables(large).spans(name, asked))


class StoreThatRecords(StoreAround):
    """Keeps the size of each chunk of tables that is written."""

    sent: ClassVar[list[int]] = []

    async def pipeline(self, name, commands):
        assert not await are_loaded(self.store, "t", "b1")
        self.sent.append(sum(len(part) for part in commands[0][2::2]))
        return await self.store.pipeline(name, commands)


async def test_loading_takes_bounded_chunks_and_sets_the_marker_last(store):
    whole, sent = random_table(200, 100), StoreThatRecords.sent
    await load_tables(StoreThatRecords(store), "t", "b1", {"item_cf": whole}, chunk_bytes=1_000)
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


async def test_an_interrupted_load_is_retired_too(store):
    with pytest.raises(StageError):
        await load_tables(StoreThatFails(store), "t", "b1", SMALL)
    await store.command("SET", "t:b1:item_cf:0", "left over")
    assert not await store.command("EXISTS", "t:b1:loading")
    await retire_tables(store, "t", keep=(), ttl=100)
    assert await store.command("TTL", "t:b1:item_cf:0") > 0


async def test_reads_of_one_moment_are_one_command(url):
    seen = []
    async with Store.connect(url, on_round_trip=lambda *call: seen.append(call[0])) as store:
        await load_tables(store, "t", "alone", SMALL)
        tables = RedisTables(store, "t", "alone")
        seen.clear()
        found = await asyncio.gather(
            *(tables.read(name, rows(0, 1)) for name in ("item_cf", "raters") for _ in range(20))
        )
        assert listed(await tables.read("item_cf", rows(1, 0)))[1] == [2, 1]
    assert seen == ["MGET"]  # the last ones were in memory
    assert [listed(f)[1] for f in found] == [[2, 1]] * 20 + [[7, 8, 9]] * 20
