"""What users hide and block is known to every worker when the change is answered."""

import asyncio
import math

import pytest

from app.contracts import NOTHING_BLOCKED, Blocked, StageError
from app.event_weights import EventWeights
from app.state.erasure import erase_user
from app.state.event_writer import append_events
from app.state.histories import RedisHistories
from app.state.shared_exclusions import SharedExclusions, exclusions_path
from app.state.store import Store
from app.state.user_store import (
    erased_key,
    generation_key,
    lost_key,
    user_digest,
    write_blocked,
)
from tests.state import IDS, event, running, store, until, url

__all__ = ["store", "url"]  # fixtures


def histories_of(store, exclusions):
    return RedisHistories(store, "t", IDS, EventWeights(), exclusions=exclusions)


async def hide(store, user, *items, kind="hide"):
    await append_events(
        store, "t", [event(f"{user}{kind}{item}", item, user=user, type=kind) for item in items]
    )


async def is_known_everywhere(exclusions):
    return not await exclusions.workers.unconfirmed(await exclusions.newest_change(), 5.0)


async def test_a_confirmed_change_is_in_every_worker(store):
    one, other = (SharedExclusions(store, "t") for _ in range(2))
    async with running(one, other):
        await until(lambda: one.loaded.is_set() and other.loaded.is_set())
        position = await write_blocked(store, "t", "u", Blocked(("a",), ("P",), ("War", "ö")))
        assert not await one.workers.unconfirmed(position, 5.0)
        for exclusions in (one, other):
            assert exclusions.withheld == Blocked(("a",), ("P",), ("War", "ö"))
        await hide(store, "v", "b", "a")
        assert await is_known_everywhere(one)
        assert other.withheld.items == ("a", "b")
        await erase_user(store, "t", "w", now=5.0)
        assert await is_known_everywhere(one)
        assert [other.erased_at(user) > 0 for user in ("w", "v")] == [True, False]
        await one.workers.deregister()
        await other.workers.deregister()
    late = SharedExclusions(store, "t")
    async with running(late):
        await until(late.loaded.is_set)
        assert late.withheld == Blocked(("a", "b"), ("P",), ("War", "ö"))
        await late.workers.deregister()


async def test_a_worker_that_does_not_follow_is_named(store):
    exclusions = SharedExclusions(store, "t")
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
    position = await write_blocked(store, "t", "u", Blocked(("a",)))
    assert await exclusions.workers.unconfirmed(position, 0.05) == [exclusions.workers.name]


@pytest.mark.parametrize("change", ["hide", "unhide", "block", "unblock", "erase"])
async def test_what_was_known_of_a_user_ends_with_each_change(store, change):
    exclusions = SharedExclusions(store, "t")
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await write_blocked(store, "t", "u", Blocked(("a",)))
        assert await is_known_everywhere(exclusions)
        for user in ("u", "v"):
            assert (await histories.recent(user)).filters == "ok"
            assert histories.last_known(user).filters == "ok"
        assert histories.last_known("u").record.blocked == Blocked(("a",))
        if change in {"hide", "unhide"}:
            await hide(store, "u", "b", kind=change)
        elif change == "erase":
            await erase_user(store, "t", "u", now=5.0)
        else:
            blocked = Blocked(("a", "b")) if change == "block" else NOTHING_BLOCKED
            await write_blocked(store, "t", "u", blocked)
        assert await is_known_everywhere(exclusions)
        unread = histories.last_known("u")
        assert unread.filters == "down"
        assert set(unread.record.withheld.items) >= {"a"}
        assert (unread.record.erased_at > 0) == (change == "erase")
        assert histories.last_known("v").filters == "ok"
        await exclusions.workers.deregister()


async def test_an_erasure_holds_when_the_store_has_lost_its_mark(store):
    exclusions = SharedExclusions(store, "t")
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await erase_user(store, "t", "u", now=5.0)
        assert await is_known_everywhere(exclusions)
        await store.command("DEL", erased_key("t", "u"))
        assert (await histories.recent("u")).record.erased_at > 0
        assert (await histories.recent("v")).record.erased_at == -math.inf
        await exclusions.workers.deregister()


async def test_a_worker_that_was_told_by_a_file_writes_the_mark_again(store):
    exclusions = SharedExclusions(store, "t")
    exclusions.add_erased({user_digest("u"): 7.0})
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        assert await store.command("GET", erased_key("t", "u")) == b"7.0"
        await exclusions.workers.deregister()


async def test_a_reply_from_before_a_change_is_not_remembered(store):
    exclusions = SharedExclusions(store, "t")
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        exclusions.remember("u", [[], [None] * 4, []], exclusions.change_count - 1)
        assert exclusions.last_known.get("u") is None
        await exclusions.workers.deregister()


async def test_last_known_filters_do_not_outlive_the_time_in_which_others_wait(store):
    exclusions = SharedExclusions(store, "t", worker_timeout=0.2)
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await histories.recent("u")
    await until(lambda: histories.last_known("u").filters == "down")


async def test_a_store_that_was_never_seen_leaves_the_filters_unknown(tmp_path):
    async with Store.connect("unix:///nowhere.sock") as absent:
        exclusions = SharedExclusions(absent, "t")
        exclusions.preload(tmp_path / "none.json")
        histories = histories_of(absent, exclusions)
        with pytest.raises(StageError):
            await histories.recent("u")
        assert histories.last_known("u").filters == "unknown"


async def test_the_file_stands_for_the_store_at_a_start(store, tmp_path):
    path = exclusions_path(tmp_path, "t/1", "redis://one:6379")
    exclusions = SharedExclusions(store, "t")
    writing = asyncio.create_task(exclusions.keep_written(path))
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await write_blocked(store, "t", "u", Blocked(("a",), (), ("ö",)))
        assert await is_known_everywhere(exclusions)
        await until(lambda: path.exists() and "cö" in path.read_text())
        await exclusions.workers.deregister()
    writing.cancel()
    later = SharedExclusions(store, "t")
    later.preload(path)
    assert later.withheld == Blocked(("a",), (), ("ö",))
    assert histories_of(store, later).last_known("x").filters == "down"


@pytest.mark.parametrize("content", ["", "[]", '{"generation": 1}', '{"members": 3}', "\xff"])
async def test_a_damaged_file_stops_nobody(store, tmp_path, content):
    path = tmp_path / "f.json"
    path.write_bytes(content.encode("latin-1"))
    exclusions = SharedExclusions(store, "t")
    exclusions.preload(path)
    assert exclusions.withheld == NOTHING_BLOCKED


async def test_a_store_that_lost_all_gets_back_what_the_worker_knows(store):
    exclusions = SharedExclusions(store, "t")
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await hide(store, "u", "b")
        await write_blocked(store, "t", "u", Blocked(("a",)))
        await append_events(store, "t", [event(1, "c", user="u")])
        assert await is_known_everywhere(exclusions)
        before = await histories.recent("u")
        await lose(store)
        assert (await histories.recent("u")).filters == "lost"
        await drop_connections(store)
        await until_read(histories, "u", "ok")
        after = await histories.recent("u")
        assert after.raw_reply == before.raw_reply
        stranger = await histories.recent("w")
        assert stranger.filters == "lost"
        assert stranger.record.withheld.items == ("a", "b")
        await store.command("DEL", lost_key("t"))
        assert (await histories.recent("w")).filters == "ok"
        await exclusions.workers.deregister()


async def test_a_store_with_older_data_has_lost_filters_too(store):
    exclusions = SharedExclusions(store, "t")
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await write_blocked(store, "t", "u", Blocked(("a",)))
        assert await is_known_everywhere(exclusions)
        await store.command("DEL", "t:u:{u}:b", "t:excluded", "t:excluded:log", "t:{users}:changes")
        await drop_connections(store)
        await until_read(histories, "u", "lost")
        assert (await histories.recent("u")).record.withheld.items == ("a",)
        await exclusions.workers.deregister()


async def test_an_empty_store_lost_nothing_if_nothing_was_there(store):
    exclusions = SharedExclusions(store, "t")
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        await histories.recent("u")
        await lose(store)
        await drop_connections(store)
        await until_read(histories, "u", "ok")
        assert await store.command("GET", lost_key("t")) is None
        await exclusions.workers.deregister()


async def test_a_store_of_another_generation_is_not_trusted(store):
    exclusions = SharedExclusions(store, "t")
    histories = histories_of(store, exclusions)
    async with running(exclusions):
        await until(exclusions.loaded.is_set)
        assert (await histories.recent("u")).filters == "ok"
        await store.command("SET", generation_key("t"), "another")
        assert (await histories.recent("u")).filters == "lost"
        await exclusions.workers.deregister()


async def lose(store):
    await store.command("FLUSHALL")


async def drop_connections(store):
    await store.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def until_read(histories, user, filters):
    for _ in range(500):
        if (await histories.recent(user)).filters == filters:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"the filters did not become {filters}")
