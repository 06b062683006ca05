"""Live histories in Redis: round trips, keys, what survives, and the events of friends."""

import pytest

from app.catalogue.ids import IdIndex
from app.contracts import StageError
from app.event_weights import EventWeights
from app.stages import NO_EVENTS
from app.state.event_codec import Event
from app.state.event_writer import append_events
from app.state.histories import RedisHistories
from app.state.store import Store
from app.state.user_store import history_key
from tests.contract.histories_contract import IDS, event
from tests.state import store, url

ABC = IdIndex.of(["a", "b", "c"])
__all__ = ["store", "url"]  # fixtures


def test_the_user_is_the_hash_tag_of_the_key():
    assert history_key("rf", "u1") == "rf:u:{u1}:h"
    assert history_key("rf", "a{b}:%") == "rf:u:{a%7Bb%7D%3A%25}:h"


async def test_writing_a_batch_and_reading_a_history_take_one_round_trip_each(url):
    seen = []
    async with Store.connect(url, on_round_trip=lambda *call: seen.append(call[0])) as store:
        await append_events(store, "t", [event(n, user=f"u{n % 7}") for n in range(50)])
        await RedisHistories(store, "t", IDS, EventWeights()).recent("u1")
    assert seen == ["append", "history"]


async def test_the_stream_contains_every_event_and_is_bounded(store):
    await append_events(store, "t", [event(n) for n in range(3)])
    assert await store.command("XLEN", "t:events") == 3
    for batch in range(1, 6):
        many = [event(200 * batch + n) for n in range(200)]
        await append_events(store, "t", many, stream_limit=300)
    assert 300 <= await store.command("XLEN", "t:events") < 500


async def test_no_events_are_no_round_trip():
    await append_events(Store.connect("unix:///nowhere.sock"), "t", [])


async def test_a_write_that_is_not_confirmed_is_an_error():
    async with Store.connect("unix:///nowhere.sock") as store:
        with pytest.raises(StageError):
            await append_events(store, "t", [event(1)])
        with pytest.raises(StageError):
            await RedisHistories(store, "t", IDS, EventWeights()).recent("u")


async def test_live_events_of_friends_are_read_in_one_round_trip(url, store):
    seen = []
    async with Store.connect(
        url, timeout=5.0, on_round_trip=lambda *c: seen.append(c[0])
    ) as observed:
        events = [
            Event("1", "u", "a", "like", timestamp=1_010.0),
            Event("2", "u", "zz", "like", timestamp=1_020.0),
            Event("3", "v", "c", "view", timestamp=1_030.0),
            Event("4", "v", "b", "like", timestamp=1_005.0),
        ]
        await append_events(observed, "t", events)
        histories = RedisHistories(observed, "t", ABC, EventWeights(), 1_000.0)
        events = await histories.recent_events(["u", "nobody", "v"], 9)
        newest = await histories.recent_events(["v"], 1)
        nothing = await histories.recent_events(["nobody"], 9)
    assert seen == ["append", "friends", "friends", "friends"]
    assert events.owner.tolist() == [0, 2, 2]
    assert ABC.names(events.rows) == ["a", "c", "b"]
    assert events.times.tolist() == [10.0, 30.0, 5.0]
    assert events.weights.tolist() == pytest.approx([1.0, 0.2, 1.0])
    assert ABC.names(newest.rows) == ["c"]
    assert len(nothing.owner) == len(NO_EVENTS.owner) == 0
