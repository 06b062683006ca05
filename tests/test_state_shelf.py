"""Every worker comes to know of every change of an item, and says so."""

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import pytest

from app.catalogue import item_store as module
from app.catalogue.item_store import ItemStore, decode_item
from app.catalogue.live_items import ItemRecord
from app.state.store import Store

HERE = ItemRecord("i1", 9.1e8, title="One", categories=("war", "drama"))
GONE = ItemRecord("i1", 9.1e8, is_available=False, is_deleted=True)


@asynccontextmanager
async def shelves(url, prefix, n=2):
    """So many workers' shelves, loaded and following."""
    async with Store.connect(url, timeout=5.0) as store:
        made = [ItemStore(store, prefix) for _ in range(n)]
        tasks = [asyncio.create_task(one.run()) for one in made]
        for one in made:
            await asyncio.wait_for(one.loaded.wait(), 5)
        try:
            yield made, tasks, store
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def prefix():
    return f"test-{uuid4().hex}"


async def test_a_confirmed_change_is_known_to_every_worker(redis_url, prefix):
    async with shelves(redis_url, prefix, 3) as (made, _, _):
        told = []
        made[2].subscribe(told.append)
        for change in (HERE, GONE):
            place = await made[0].write(change)
            assert await made[1].unconfirmed_workers(place, 5.0) == []
            assert [one.items["i1"] for one in made] == [change] * 3
        assert told == [HERE, GONE]
        late = []
        made[1].subscribe(late.append)
        assert late == [GONE]


async def test_a_worker_that_comes_later_knows_what_was_told_before(redis_url, prefix):
    async with shelves(redis_url, prefix, 1) as ((first,), _, _):
        await first.write(HERE)
        async with shelves(redis_url, prefix, 1) as ((second,), _, _):
            assert second.items == {"i1": HERE}


async def test_a_worker_that_lives_but_does_not_follow_is_waited_for(redis_url, prefix):
    async with shelves(redis_url, prefix) as ((one, two), tasks, _):
        tasks[1].cancel()
        with suppress(asyncio.CancelledError):
            await tasks[1]
        place = await one.write(GONE)
        assert await one.unconfirmed_workers(place, 0.1) == [two.name]
        await two.deregister()
        assert await one.unconfirmed_workers(place, 0.1) == []


async def test_a_worker_that_registers_before_it_has_loaded_is_waited_for(
    redis_url, prefix, monkeypatch
):
    async with shelves(redis_url, prefix, 1) as ((one,), _, store):
        late, go_on = ItemStore(store, prefix), asyncio.Event()
        confirm = ItemStore._confirm

        async def slow(self, link):
            if self is late:
                await go_on.wait()
            await confirm(self, link)

        monkeypatch.setattr(ItemStore, "_confirm", slow)
        task = asyncio.create_task(late.run())
        await asyncio.sleep(0.05)
        place = await one.write(GONE)
        assert await one.unconfirmed_workers(place, 0.05) == [late.name]
        go_on.set()
        assert await one.unconfirmed_workers(place, 5.0) == []
        assert late.items == {"i1": GONE}
        task.cancel()


async def test_a_worker_that_has_ended_is_not_waited_for(redis_url, prefix, monkeypatch):
    async with shelves(redis_url, prefix, 1) as ((one,), _, store):
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        began = module._began(os.getpid())
        ended = f"{module._machine()}|{process.pid}|{began}|a"
        followed = f"{module._machine()}|{os.getpid()}|{began}0|c"  # by this process
        names = [ended, followed, "elsewhere|1|1|b"]
        for name in names:
            await store.command("HSET", one._workers_key, name, module._note(b"0-0"))
        place = await one.write(HERE)
        assert await one.unconfirmed_workers(place, 0.05) == ["elsewhere|1|1|b"]
        monkeypatch.setattr(module, "WORKER_TIMEOUT", -1.0)
        assert await one.unconfirmed_workers(place, 0.05) == []
        assert f"|{os.getpid()}|" in one.name
        assert await store.command("HLEN", one._workers_key) == 1


async def test_what_two_tell_of_an_item_at_once_is_both_told(redis_url, prefix):
    async with shelves(redis_url, prefix, 2) as (made, _, _):
        tell = [{"title": "Told"}, {"is_available": False}, {"released": 1998.0}]
        await made[0].write(HERE)
        changes = [
            made[n % 2].change("i1", lambda known, new=new: replace(known, **new))
            for n, new in enumerate(tell)
        ]
        await asyncio.gather(*changes)
        item, _ = await made[0].change("i1", lambda known: known)
        assert (item.title, item.is_available, item.released) == ("Told", False, 1998.0)


async def test_what_a_server_has_lost_is_given_back(redis_url, prefix):
    async with shelves(redis_url, prefix, 1) as ((one,), tasks, store):
        place = await one.write(GONE)
        assert await one.unconfirmed_workers(place, 5.0) == []
        tasks[0].cancel()
        for key in (one._items_key, one._log_key, one._workers_key):
            await store.command("DEL", key)
        async with store.dedicated(5.0) as link:
            await one._load(link)
        async with shelves(redis_url, prefix, 1) as ((other,), _, _):
            assert other.items == {"i1": GONE}


async def test_a_damaged_change_is_told_in_the_log_and_left_out(redis_url, prefix, caplog):
    assert decode_item(b"nonsense") is None
    async with shelves(redis_url, prefix, 1) as ((one,), _, store):
        await store.command("XADD", one._log_key, "*", "e", b'{"item_id": "x"}')
        assert await one.unconfirmed_workers(await one.write(HERE), 5.0) == []
        assert one.items == {"i1": HERE}
    assert "cannot be read" in caplog.text
