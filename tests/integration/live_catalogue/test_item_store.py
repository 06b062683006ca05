"""Every worker learns of every change of an item, and confirms it."""

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from uuid import uuid4

import orjson
import pytest

from app.live_catalogue.deleted_items import (
    deleted_items_path,
    keep_deleted_items_written,
    read_deleted_items,
)
from app.live_catalogue.item_store import (
    ItemStore,
    decode_item,
    item_log_key,
    item_records_key,
)
from app.live_catalogue.live_items import ItemRecord
from app.state.confirmations import worker_name
from app.state.store import Store
from tests.state import until

ITEM = ItemRecord("i1", 9.1e8, title="One", categories=("war", "drama"))
DELETED = ItemRecord("i1", 9.1e8, is_available=False, is_deleted=True)


@asynccontextmanager
async def following(*workers):
    """Let these workers follow the changes, all items loaded."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    for worker in workers:
        await asyncio.wait_for(worker.loaded.wait(), 5)
    try:
        yield workers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def prefix():
    return f"test-{uuid4().hex}"


@pytest.fixture
async def store(redis_url):
    async with Store.connect(redis_url, timeout=5.0) as link:
        yield link


async def test_a_confirmed_change_is_known_to_every_worker(store, prefix):
    async with following(*(ItemStore(store, prefix) for _ in range(3))) as workers:
        changes = []
        workers[2].subscribe(changes.append)
        for change in (ITEM, DELETED):
            position = await workers[0].write(change)
            assert await workers[1].workers.unconfirmed(position, 5.0) == []
            assert [worker.items["i1"] for worker in workers] == [change] * 3
        assert changes == [ITEM, DELETED]
        late = []
        workers[1].subscribe(late.append)
        assert late == [DELETED]


async def test_a_worker_that_starts_later_knows_what_changed_before(store, prefix):
    async with following(ItemStore(store, prefix)) as (first,):
        await first.write(ITEM)
        async with following(ItemStore(store, prefix)) as (second,):
            assert second.items == {"i1": ITEM}


async def test_a_worker_that_lives_but_does_not_follow_is_waited_for(store, prefix):
    async with following(ItemStore(store, prefix)) as (one,):
        async with following(ItemStore(store, prefix)) as (other,):
            pass
        position = await one.write(DELETED)
        assert await one.workers.unconfirmed(position, 0.1) == [other.workers.name]
        await other.workers.deregister()
        assert await one.workers.unconfirmed(position, 0.1) == []


async def test_a_worker_that_registers_before_it_has_loaded_is_waited_for(store, prefix):
    async with following(ItemStore(store, prefix)) as (one,):
        late = ItemStore(store, prefix)
        await late.workers.confirm(store, b"0-0")  # as loading begins
        position = await one.write(DELETED)
        assert await one.workers.unconfirmed(position, 0.05) == [late.workers.name]
        async with following(late):
            assert await one.workers.unconfirmed(position, 5.0) == []
            assert late.items == {"i1": DELETED}


@pytest.mark.parametrize("allowed_silence", [30.0, -1.0])
async def test_a_worker_that_has_ended_is_not_waited_for(store, prefix, allowed_silence):
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    machine, number, start, _ = worker_name(os.getpid()).split("|")
    later_process = f"{machine}|{number}|{start}0|c"  # this process has its number now
    async with following(ItemStore(store, prefix, allowed_silence)) as (one,):
        for name in (worker_name(process.pid), later_process, "elsewhere|1|1|b"):
            ended = ItemStore(store, prefix).workers
            ended.name = name
            await ended.confirm(store, b"0-0")
        position = await one.write(ITEM)
        silent = ["elsewhere|1|1|b"] if allowed_silence > 0 else []
        assert await one.workers.unconfirmed(position, 0.05) == silent


async def test_two_changes_of_an_item_at_once_are_both_stored(store, prefix):
    async with following(*(ItemStore(store, prefix) for _ in range(2))) as workers:
        updates = [{"title": "New"}, {"is_available": False}, {"released": 1998.0}]
        await workers[0].write(ITEM)
        await asyncio.gather(
            *(
                workers[n % 2].change("i1", lambda item, update=update: replace(item, **update))
                for n, update in enumerate(updates)
            )
        )
        item, _ = await workers[0].change("i1", lambda item: item)
        assert (item.title, item.is_available, item.released) == ("New", False, 1998.0)


async def test_items_that_a_server_has_lost_are_written_again(store, prefix):
    one = ItemStore(store, prefix)
    async with following(one):
        position = await one.write(DELETED)
        assert await one.workers.unconfirmed(position, 5.0) == []
    for key in await store.command("KEYS", f"{prefix}:*"):
        await store.command("DEL", key)
    one.loaded.clear()
    async with following(one), following(ItemStore(store, prefix)) as (other,):
        assert other.items == {"i1": DELETED}


async def deleted_behind(store, prefix):
    """Put and delete an item, then let the store have the record of before, as a backup has it."""
    one = ItemStore(store, prefix)
    async with following(one):
        await one.write(ITEM)
        before = await store.command("HGET", item_records_key(prefix), "i1")
        await one.workers.unconfirmed(await one.write(DELETED), 5.0)
    await store.command("HSET", item_records_key(prefix), "i1", before)
    return one


async def test_a_deleted_item_does_not_come_back_with_older_data(store, prefix, caplog):
    one = await deleted_behind(store, prefix)
    one.loaded.clear()
    async with following(one), following(ItemStore(store, prefix)) as (other,):
        assert one.items == other.items == {"i1": DELETED}
    assert "1 that are out of date" in caplog.text


async def test_a_new_worker_knows_from_the_file_that_the_store_is_out_of_date(
    store, prefix, tmp_path
):
    one = await deleted_behind(store, prefix)
    path = deleted_items_path(tmp_path, prefix, "redis://here")
    writing = asyncio.create_task(keep_deleted_items_written(one, path))
    await until(lambda: read_deleted_items(path))
    writing.cancel()
    other = ItemStore(store, prefix)
    other.preload(read_deleted_items(path))
    async with following(other):
        assert other.items == {"i1": replace(ITEM, is_available=False, is_deleted=True)}
        put_again, _ = await other.change("i1", lambda _: ITEM)
        assert put_again.change == 3
    async with following(ItemStore(store, prefix)) as (third,):
        assert third.items == {"i1": ITEM}


def test_a_record_of_a_later_version_is_read_without_its_new_fields():
    later = asdict(DELETED) | {"colour": "red"}
    assert decode_item(orjson.dumps(later)) == DELETED


async def test_a_damaged_change_is_logged_and_left_out(store, prefix, caplog):
    assert decode_item(b"nonsense") is None
    async with following(ItemStore(store, prefix)) as (one,):
        await store.command("XADD", item_log_key(prefix), "*", "e", b'{"item_id": "x"}')
        assert await one.workers.unconfirmed(await one.write(ITEM), 5.0) == []
        assert one.items == {"i1": ITEM}
    assert "cannot be read" in caplog.text


async def test_many_changes_at_once_lose_none_of_others(store, prefix):
    ids = [f"i{n}" for n in range(30)]

    def titled(item_id):
        return lambda item: replace(item or ItemRecord(item_id, 9.1e8), title=item_id)

    def released(item_id):
        return lambda item: replace(item or ItemRecord(item_id, 9.1e8), released=2000.0)

    async with following(*(ItemStore(store, prefix) for _ in range(2))) as workers:
        await asyncio.gather(
            workers[0].change_many({item_id: titled(item_id) for item_id in ids}),
            workers[1].change_many({item_id: released(item_id) for item_id in ids}),
        )
        items, position = await workers[0].change_many({"i0": titled("i0"), "i1": titled("i1")})
        assert [item.released for item in items] == [2000.0, 2000.0]
        assert await workers[0].workers.unconfirmed(position, 5.0) == []
        for worker in workers:
            stored = [worker.items[item_id] for item_id in ids]
            assert {(item.title, item.released) for item in stored} == {
                (item_id, 2000.0) for item_id in ids
            }
