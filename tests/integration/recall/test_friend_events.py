"""Live events of friends, read from a real store."""

import pytest

from app.catalogue.ids import IdIndex
from app.event_weights import EventWeights
from app.process.embedded_server import embedded_server
from app.stages import NO_EVENTS
from app.state.event_codec import Event
from app.state.event_writer import append_events
from app.state.histories import RedisHistories
from app.state.store import Store


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with embedded_server(tmp_path_factory.mktemp("social")) as url:
        yield url


async def test_live_events_of_friends_are_read_in_one_round_trip(url):
    seen = []
    ids = IdIndex.of(["a", "b", "c"])
    async with Store.connect(url, timeout=5.0, on_round_trip=lambda *c: seen.append(c[0])) as store:
        await append_events(
            store,
            "t",
            [
                Event("1", "u", "a", "like", timestamp=1_010.0),
                Event("2", "u", "zz", "like", timestamp=1_020.0),
                Event("3", "v", "c", "view", timestamp=1_030.0),
                Event("4", "v", "b", "like", timestamp=1_005.0),
            ],
        )
        histories = RedisHistories(store, "t", ids, EventWeights(), 1_000.0)
        events = await histories.recent_events(["u", "nobody", "v"], 9)
        newest = await histories.recent_events(["v"], 1)
        nothing = await histories.recent_events(["nobody"], 9)
    assert seen == ["append", "friends", "friends", "friends"]
    assert events.owner.tolist() == [0, 2, 2]
    assert ids.names(events.rows) == ["a", "c", "b"]
    assert events.times.tolist() == [10.0, 30.0, 5.0]
    assert events.weights.tolist() == pytest.approx([1.0, 0.2, 1.0])
    assert ids.names(newest.rows) == ["c"]
    assert len(nothing.owner) == len(NO_EVENTS.owner) == 0
