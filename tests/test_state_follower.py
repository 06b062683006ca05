import asyncio
import logging
import os
import signal
import time
from contextlib import asynccontextmanager

import numpy as np
import orjson
import pytest

from app.artifacts import DAY, HALF_LIVES, Popularity
from app.catalogue.ids import IdIndex
from app.contracts import StageError
from app.event_weights import EventWeights
from app.process.embedded_server import embedded_server
from app.state.counters import PopularityCounters
from app.state.event_codec import Event
from app.state.event_writer import append_events
from app.state.impressions import ImpressionWriter
from app.state.store import Store
from app.state.stream_consumer import StreamConsumer
from app.state.streams import MAX_READ, RecentKeys

IDS = IdIndex.of(["a", "b", "c"])
SHIFT = 1_000_000.0


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with embedded_server(tmp_path_factory.mktemp("follower")) as url:
        yield url


@pytest.fixture
async def store(url):
    async with Store.connect(url, timeout=2.0) as store:
        await store.command("FLUSHALL")
        yield store


def live(start=None):
    empty = np.zeros((len(HALF_LIVES), len(IDS)))
    unseen = np.full(len(IDS), np.inf)
    start = time.time() - SHIFT if start is None else start
    return PopularityCounters(
        Popularity(start, empty, empty, unseen, np.zeros(len(IDS), np.float32))
    )


def event(number, item="a", **fields):
    known = {"user": "u", "type": "like", "timestamp": time.time()}
    return Event(event_id=f"e{number}", item=item, **(known | fields))


def follower_of(store, **fields):
    return StreamConsumer(store, "t", live(), IDS, EventWeights(), time_shift=SHIFT, **fields)


@asynccontextmanager
async def running(*workers):
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        began = time.monotonic()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - began < 0.5  # at once, though a read may block for a second
        assert all(task.cancelled() for task in tasks)


async def until(done):
    for _ in range(2_000):
        if done():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen")


def counts(follower):
    return follower.counters.counts[-1].tolist()


async def test_what_was_written_before_is_read_on_start_and_then_what_comes(store):
    await append_events(store, "t", [event(1, "a"), event(2, "b", type="view")])
    follower = follower_of(store)
    async with running(follower):
        await asyncio.wait_for(follower.caught_up.wait(), 5)
        assert counts(follower) == [1, 1, 0]
        assert follower.counters.liked[-1].tolist() == [1, pytest.approx(0.2), 0]
        await append_events(store, "t", [event(3, "c")])
        await until(lambda: counts(follower) == [1, 1, 1])
    assert follower.applied == 3
    assert 0 <= follower.lag < 5


async def test_a_long_backlog_is_read_in_batches(store):
    await append_events(store, "t", [event(n, "abc"[n % 3]) for n in range(2 * MAX_READ + 100)])
    follower = follower_of(store)
    async with running(follower):
        await asyncio.wait_for(follower.caught_up.wait(), 5)
        assert counts(follower) == [700, 700, 700]


async def test_what_the_bundle_knows_already_is_not_counted_again(store):
    for ms in (1000, 2000):
        for n in range(2):
            said = event(f"{ms}.{n}").stream_entry()
            await store.command("XADD", "t:events", f"{ms}-{n}", "e", said)
    follower = follower_of(store, since=2000)
    async with running(follower):
        await asyncio.wait_for(follower.caught_up.wait(), 5)
        assert counts(follower) == [2, 0, 0]


async def test_an_event_that_arrives_twice_is_counted_once(store):
    for one in (event(1), event(1), event(1), event(2)):  # by a writer that does not tell repeats
        await store.command("XADD", "t:events", "*", "e", one.stream_entry())
    follower = follower_of(store)
    async with running(follower):
        await until(lambda: counts(follower) == [2, 0, 0])
        await store.command("XADD", "t:events", "*", "e", event(1).stream_entry())
        await until(lambda: follower.repeated == 3)
        assert counts(follower) == [2, 0, 0]


async def test_events_of_unknown_items_and_types_change_nothing(store):
    await append_events(store, "t", [event(1, "zz"), event(2, type="stare"), event(3, "b")])
    follower = follower_of(store)
    async with running(follower):
        await until(lambda: follower.applied == 1)
        assert counts(follower) == [0, 1, 0]


async def test_times_are_the_datas_and_a_clock_that_runs_ahead_is_set_back(store):
    ahead = time.time() + 400 * DAY
    await append_events(
        store, "t", [event(1, timestamp=ahead), event(2, "b", timestamp=SHIFT + 5.0)]
    )
    follower = follower_of(store)
    async with running(follower):
        await until(lambda: follower.applied == 2)
    assert follower.counters.now == pytest.approx(time.time() - SHIFT, abs=10)
    assert follower.counters.first_seen[1] == 5.0


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"1,2", b"[1,2]", b'["e",1,"a","like",1.0,2.0,null]']
)
async def test_a_damaged_entry_is_counted_and_passed_over(store, damaged):
    await append_events(store, "t", [event(1)])
    await store.command("XADD", "t:events", "*", "e", damaged)
    await append_events(store, "t", [event(2)])
    follower = follower_of(store)
    async with running(follower):
        await until(lambda: counts(follower) == [2, 0, 0])
    assert follower.unreadable == 1


async def test_a_batch_of_damaged_entries_only_is_passed_over(store):
    await store.command("XADD", "t:events", "*", "e", "?")
    follower = follower_of(store)
    async with running(follower):
        await until(lambda: follower.unreadable == 1)


async def test_impressions_reach_the_exposures_of_every_worker(store):
    impressions, followers = ImpressionWriter(store, "t"), [follower_of(store), follower_of(store)]
    async with running(impressions, *followers):
        impressions.add_list("r1", "u", ("a", "b", "zz"))
        impressions.add_list("r2", "u", ("a",))
        for follower in followers:
            await until(lambda f=follower: f.counters.exposures.tolist() == [2, 1, 0])


async def test_a_slate_that_arrives_twice_is_counted_once(store):
    follower = follower_of(store)
    async with running(follower):
        for request in ("r1", "r1", "r2"):
            await store.command("XADD", "t:shown", "*", "e", orjson.dumps([request, "u", ["a"]]))
        await until(lambda: follower.counters.exposures.tolist() == [2, 0, 0])
        assert follower.repeated == 1


async def test_a_killed_server_is_waited_for_and_nothing_is_counted_twice(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    with embedded_server(tmp_path) as url:
        async with Store.connect(url, timeout=0.5) as store:
            await append_events(store, "t", [event(1)])
            follower = follower_of(store)
            async with running(follower):
                await until(lambda: counts(follower) == [1, 0, 0])
                os.kill(await server_pid(store), signal.SIGKILL)
                await until(lambda: follower.failures)
                await eventually_append(store, [event(2, "b")])
                await until(lambda: counts(follower) == [1, 1, 0])
    assert "the events cannot be followed now: Redis at unix://" in caplog.text


async def server_pid(store):
    info = await store.command("INFO", "server")
    return int(info.split(b"process_id:")[1].split()[0])


async def eventually_append(store, events):
    for _ in range(2_000):
        try:
            return await append_events(store, "t", events)
        except StageError:
            await asyncio.sleep(0.02)
    return pytest.fail("the server did not come back")


async def test_a_server_restarted_empty_is_followed_on(store):
    follower = follower_of(store)
    async with running(follower):
        await append_events(store, "t", [event(1)])
        await until(lambda: counts(follower) == [1, 0, 0])
        await store.command("FLUSHALL")
        await append_events(store, "t", [event(2)])
        await until(lambda: counts(follower) == [2, 0, 0])


async def test_a_stalled_server_is_a_failure_and_following_goes_on_after_it(store):
    follower = follower_of(store, read_timeout=0.1, block_ms=20)
    pid = await server_pid(store)
    async with running(follower):
        await asyncio.wait_for(follower.caught_up.wait(), 5)
        os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: follower.failures)
        finally:
            os.kill(pid, signal.SIGCONT)
        await append_events(store, "t", [event(1)])
        await until(lambda: counts(follower) == [1, 0, 0])


async def test_an_idle_follower_has_no_lag(store):
    follower = follower_of(store, block_ms=20)
    follower.lag = 9.0
    async with running(follower):
        await until(lambda: follower.lag == 0.0)


def test_recent_ids_are_remembered_up_to_a_bound():
    recent = RecentKeys(limit=10)
    assert all(recent.add(str(n)) for n in range(1_000))
    assert not any(recent.add(str(n)) for n in range(990, 1_000))
    assert recent.add("5")
    assert len(recent) <= 20


async def test_a_full_queue_of_impressions_drops_and_counts():
    impressions = ImpressionWriter(Store.connect("unix:///nowhere.sock"), "t", capacity=2)
    for n in range(5):
        impressions.add_list(f"r{n}", "u", ["a"])
    assert (len(impressions), impressions.dropped) == (2, 3)


async def test_closing_writes_what_is_left_in_batches(url):
    seen = []
    async with Store.connect(url, on_round_trip=lambda *call: seen.append(call[0])) as store:
        await store.command("DEL", "t:shown")
        impressions = ImpressionWriter(store, "t", batch_size=10)
        for n in range(25):
            impressions.add_list(f"r{n}", "u", ["a", "b"])
        await asyncio.gather(impressions.close(), impressions.close())
        assert await store.command("XLEN", "t:shown") == 25
        entries = await store.command("XRANGE", "t:shown", "-", "+")
    assert seen.count("shown") == 3
    assert [orjson.loads(fields[1])[0] for _, fields in entries] == [f"r{n}" for n in range(25)]
    assert orjson.loads(entries[0][1][1])[:4] == ["r0", "u", ["a", "b"], ""]


async def test_closing_without_a_server_counts_what_is_lost(caplog):
    async with Store.connect("unix:///nowhere.sock") as store:
        impressions = ImpressionWriter(store, "t")
        impressions.add_list("r", "u", ["a"])
        await impressions.close()
    assert (impressions.dropped, len(impressions)) == (1, 0)
    assert "1 impressions are lost" in caplog.text


async def test_impressions_wait_for_a_server_that_is_away(store, monkeypatch):
    away = True
    real = Store.pipeline

    async def sometimes(link, name, commands):
        if away:
            raise StageError("away")
        return await real(link, name, commands)

    monkeypatch.setattr(Store, "pipeline", sometimes)
    impressions = ImpressionWriter(store, "t")
    impressions.pause = 0.02
    async with running(impressions):
        impressions.add_list("r", "u", ["a"])
        await asyncio.sleep(0.15)
        assert len(impressions) == 1
        away = False
        await until(lambda: not len(impressions))
    assert await store.command("XLEN", "t:shown") == 1
    assert impressions.dropped == 0
