"""Workers count events and impressions from the streams, whatever the server does."""

import asyncio
import time

import orjson
import pytest

from app.artifacts import DAY
from app.state.event_writer import append_events
from app.state.store import Store
from app.state.streams import MAX_READ
from app.state.write_queue import ImpressionWriter
from tests.state import SHIFT, consumer_of, event, event_counts, running, store, until, url

__all__ = ["store", "url"]  # fixtures


async def test_earlier_events_are_read_on_start_and_then_new_ones(store):
    await append_events(store, "t", [event(1, "a"), event(2, "b", type="view")])
    consumer = consumer_of(store)
    async with running(consumer):
        await asyncio.wait_for(consumer.caught_up.wait(), 5)
        assert event_counts(consumer) == [1, 1, 0]
        assert consumer.counters.liked[-1].tolist() == [1, pytest.approx(0.2), 0]
        await append_events(store, "t", [event(3, "c")])
        await until(lambda: event_counts(consumer) == [1, 1, 1])
    assert consumer.applied == 3
    assert 0 <= consumer.lag < 5


async def test_a_long_backlog_is_read_in_batches(store):
    await append_events(store, "t", [event(n, "abc"[n % 3]) for n in range(2 * MAX_READ + 100)])
    consumer = consumer_of(store)
    async with running(consumer):
        await asyncio.wait_for(consumer.caught_up.wait(), 5)
        assert event_counts(consumer) == [700, 700, 700]


async def test_events_that_the_bundle_contains_are_not_counted_again(store):
    for ms in (1000, 2000):
        for n in range(2):
            entry = event(f"{ms}.{n}").stream_entry()
            await store.command("XADD", "t:events", f"{ms}-{n}", "e", entry)
    consumer = consumer_of(store, since=2000)
    async with running(consumer):
        await asyncio.wait_for(consumer.caught_up.wait(), 5)
        assert event_counts(consumer) == [2, 0, 0]


async def test_an_event_that_arrives_twice_is_counted_once(store):
    for one in (event(1), event(1), event(1), event(2)):  # by a writer that does not tell repeats
        await store.command("XADD", "t:events", "*", "e", one.stream_entry())
    consumer = consumer_of(store)
    async with running(consumer):
        await until(lambda: event_counts(consumer) == [2, 0, 0])
        await store.command("XADD", "t:events", "*", "e", event(1).stream_entry())
        await until(lambda: consumer.repeated == 3)
        assert event_counts(consumer) == [2, 0, 0]


async def test_events_of_unknown_items_and_types_change_nothing(store):
    await append_events(store, "t", [event(1, "zz"), event(2, type="stare"), event(3, "b")])
    consumer = consumer_of(store)
    async with running(consumer):
        await until(lambda: consumer.applied == 1)
        assert event_counts(consumer) == [0, 1, 0]


async def test_times_are_the_datas_and_a_clock_that_runs_ahead_is_set_back(store):
    ahead = time.time() + 400 * DAY
    await append_events(
        store, "t", [event(1, timestamp=ahead), event(2, "b", timestamp=SHIFT + 5.0)]
    )
    consumer = consumer_of(store)
    async with running(consumer):
        await until(lambda: consumer.applied == 2)
    assert consumer.counters.now == pytest.approx(time.time() - SHIFT, abs=10)
    assert consumer.counters.first_seen[1] == 5.0


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"1,2", b"[1,2]", b'["e",1,"a","like",1.0,2.0,null]']
)
async def test_a_damaged_entry_is_counted_and_skipped(store, damaged):
    await append_events(store, "t", [event(1)])
    await store.command("XADD", "t:events", "*", "e", damaged)
    await append_events(store, "t", [event(2)])
    consumer = consumer_of(store)
    async with running(consumer):
        await until(lambda: event_counts(consumer) == [2, 0, 0])
    assert consumer.unreadable == 1


async def test_a_batch_of_damaged_entries_is_skipped(store):
    await store.command("XADD", "t:events", "*", "e", "?")
    consumer = consumer_of(store)
    async with running(consumer):
        await until(lambda: consumer.unreadable == 1)


async def test_impressions_are_counted_in_every_worker(store):
    impressions, consumers = ImpressionWriter(store, "t"), [consumer_of(store), consumer_of(store)]
    async with running(impressions, *consumers):
        impressions.add_list("r1", "u", ("a", "b", "zz"))
        impressions.add_list("r2", "u", ("a",))
        for consumer in consumers:
            await until(lambda f=consumer: f.counters.exposures.tolist() == [2, 1, 0])


async def test_a_list_that_arrives_twice_is_counted_once(store):
    consumer = consumer_of(store)
    async with running(consumer):
        for request in ("r1", "r1", "r2"):
            await store.command("XADD", "t:shown", "*", "e", orjson.dumps([request, "u", ["a"]]))
        await until(lambda: consumer.counters.exposures.tolist() == [2, 0, 0])
        assert consumer.repeated == 1


async def test_an_idle_consumer_has_no_lag(store):
    consumer = consumer_of(store, block_ms=20)
    consumer.lag = 9.0
    async with running(consumer):
        await until(lambda: consumer.lag == 0.0)


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


async def test_closing_without_a_server_counts_the_lost_lists(caplog):
    async with Store.connect("unix:///nowhere.sock") as store:
        impressions = ImpressionWriter(store, "t")
        impressions.add_list("r", "u", ["a"])
        await impressions.close()
    assert (impressions.dropped, len(impressions)) == (1, 0)
    assert "1 impressions are lost" in caplog.text
