import asyncio
import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from app.catalogue.ids import IdIndex
from app.contracts import StageError
from app.event_weights import EventWeights
from app.process.embedded_server import embedded_server
from app.state.event_codec import Event
from app.state.event_writer import append_events
from app.state.histories import MemoryHistories, RedisHistories
from app.state.store import Store
from app.state.user_store import history_key

IDS = IdIndex.of(["a", "b", "c", "d", 'q"uo{t}e', "\u00fcber,[1]"])
LIMIT = 4


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with embedded_server(tmp_path_factory.mktemp("histories")) as url:
        yield url


@pytest.fixture
async def store(url):
    async with Store.connect(url, timeout=2.0) as store:
        await store.command("FLUSHALL")
        yield store


def event(number, item="a", timestamp=100.0, **fields):
    known = {"user": "u", "type": "like", "value": 1.0}
    return Event(event_id=f"e{number}", item=item, timestamp=timestamp, **(known | fields))


def items(history):
    return IDS.names(history.rows)


class HistoriesContract:
    """What every implementation of ``contracts.Histories`` does with the same events.

    ``histories`` writes with ``append(events)``; it reckons time 1000 s behind the wall clock.
    """

    async def test_a_stranger_has_no_history(self, histories):
        assert len(await histories.recent("nobody")) == 0

    async def test_events_come_newest_first_with_weights_and_the_datas_own_time(self, histories):
        await histories.append([event(1, "a", 1001.5), event(2, "b", 1002.25, type="view")])
        history = await histories.recent("u")
        assert items(history) == ["b", "a"]
        assert history.times.tolist() == [2.25, 1.5]
        assert history.weights.tolist() == [pytest.approx(0.2), 1.0]
        assert [history.rows.dtype, history.values.dtype] == [np.int64, np.float32]
        assert [history.weights.dtype, history.times.dtype] == [np.float32, np.float64]

    async def test_a_rating_is_weighed_by_its_stars_and_a_play_by_its_amount(self, histories):
        stars = [event(n, "a", n, type="rating", value=float(n)) for n in (2, 3, 5)]
        await histories.append([*stars, event(9, "b", 1, type="play", value=7.0)])
        history = await histories.recent("u")
        assert history.values.tolist() == [5, 3, 2, 7]
        assert history.weights.tolist() == [1, 0, -1, pytest.approx(np.log(8))]

    async def test_the_same_event_twice_is_there_once(self, histories):
        await histories.append([event(1), event(1)])
        await histories.append([event(1)])
        assert len(await histories.recent("u")) == 1

    async def test_the_same_item_twice_is_there_twice(self, histories):
        await histories.append([event(1), event(2)])
        assert items(await histories.recent("u")) == ["a", "a"]

    async def test_a_late_event_lands_at_its_place(self, histories):
        await histories.append([event(1, "a", 10), event(2, "c", 30)])
        await histories.append([event(3, "b", 20)])
        assert items(await histories.recent("u")) == ["c", "b", "a"]

    async def test_only_the_newest_are_kept(self, histories):
        await histories.append([event(n, "abcd"[n % 4], float(n)) for n in range(3, 9)])
        await histories.append([event(0, "a", 0.5)])
        assert (await histories.recent("u")).times.tolist() == [-992, -993, -994, -995]

    async def test_unknown_items_types_and_values_are_left_out(self, histories):
        await histories.append(
            [
                event(1, "a", 1),
                event(2, "zz", 2),
                event(3, "b", 3, type="stare"),
                event(4, "c", 4, value=float("nan")),
            ]
        )
        assert items(await histories.recent("u")) == ["a"]

    async def test_a_history_of_unknown_items_only_is_empty(self, histories):
        await histories.append([event(1, "zz")])
        assert len(await histories.recent("u")) == 0

    @pytest.mark.parametrize("user", ["", "{u}", "a:h", "\u00fc \n%7B", "x" * 256, "u}{"])
    async def test_users_of_any_name_have_a_history_of_their_own(self, histories, user):
        await histories.append([event(1, 'q"uo{t}e', user=user), event(2, "b", user=f"{user}2")])
        assert items(await histories.recent(user)) == ['q"uo{t}e']

    async def test_items_of_any_name_are_found(self, histories):
        await histories.append([event('"],[', "\u00fcber,[1]")])
        assert items(await histories.recent("u")) == ["\u00fcber,[1]"]

    async def test_events_of_one_moment_have_one_order(self, histories):
        await histories.append([event(n, "abc"[n]) for n in (1, 0, 2)])
        assert items(await histories.recent("u")) == ["c", "b", "a"]


class TestMemoryHistories(HistoriesContract):
    @pytest.fixture
    def histories(self):
        return MemoryHistories(IDS, EventWeights(), 1000.0, LIMIT)


class AppendingRedisHistories(RedisHistories):
    async def append(self, events):
        await append_events(self.store, self.prefix, events, self.limit)


class TestRedisHistories(HistoriesContract):
    @pytest.fixture
    def histories(self, store):
        return AppendingRedisHistories(store, "t", IDS, EventWeights(), 1000.0, LIMIT)


def test_the_user_is_the_keys_hash_tag():
    assert history_key("rf", "u1") == "rf:u:{u1}:h"
    assert history_key("rf", "a{b}:%") == "rf:u:{a%7Bb%7D%3A%25}:h"


async def test_a_batch_of_events_is_one_round_trip_and_so_is_a_history(url):
    seen = []
    async with Store.connect(url, on_round_trip=lambda *call: seen.append(call[0])) as store:
        await append_events(store, "t", [event(n, user=f"u{n % 7}") for n in range(50)])
        await RedisHistories(store, "t", IDS, EventWeights()).recent("u1")
    assert seen == ["append", "history"]


async def test_the_stream_has_every_event_and_is_bounded(store):
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


async def test_what_was_acknowledged_survives_a_killed_server(tmp_path):
    with embedded_server(tmp_path) as url:
        async with Store.connect(url, timeout=0.5) as store:
            await append_events(store, "t", [event(n, timestamp=float(n)) for n in range(100)])
            info = await store.command("INFO", "server")
            os.kill(int(info.split(b"process_id:")[1].split()[0]), signal.SIGKILL)
            await answers_again(store)
            histories = RedisHistories(store, "t", IDS, EventWeights())
            assert (await histories.recent("u")).times.tolist() == list(range(99, -1, -1))
            assert await store.command("XLEN", "t:events") == 100


async def answers_again(store):
    """Ask on a connection of its own, so that those of ``store`` are still the stale ones."""
    async with store.dedicated(1.0) as link:
        for _ in range(400):
            with suppress(StageError):
                await link.command("PING")
                return
            await asyncio.sleep(0.02)
    pytest.fail("the server did not come back")
