"""Live histories in Redis: round trips, keys, and what survives."""

import pytest

from app.contracts import StageError
from app.event_weights import EventWeights
from app.state.event_writer import append_events
from app.state.histories import RedisHistories
from app.state.store import Store
from app.state.user_store import history_key
from tests.contract.histories_contract import IDS, event
from tests.state import store, url

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
