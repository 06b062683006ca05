"""Workers count impressions and likes by scene and by segment of users."""

import time

import numpy as np
import orjson
import pytest
import redis

from app.state.event_codec import Event, events_key
from app.state.event_writer import append_events
from app.state.group_counts import HALF_LIFE
from app.state.user_store import attributes_key, write_attributes
from app.state.write_queue import ImpressionWriter
from tests import state
from tests.integration.api.test_events import event as http_event
from tests.integration.api.test_recommend import is_refused
from tests.serving import erase, hosted, leisurely
from tests.serving import until as wait_until
from tests.state import IDS, SHIFT, consumer_of, event, running, store, until, url

__all__ = ["store", "url"]  # fixtures


async def test_impressions_and_likes_count_for_the_scene_of_their_list(store):
    impressions = ImpressionWriter(store, "t")
    impressions.add_list("r1", "u", ["a", "b", "zz"], "home")
    impressions.add_list("r2", "u", ["a"], "page")
    impressions.add_list("r3", "u", ["c"])
    await impressions.close()
    one, other = consumer_of(store), consumer_of(store)
    async with running(one, other):
        await until(lambda: one.counters.trials == other.counters.trials == 4)
        liked = [("r1", "a"), ("r2", "a"), ("r1", "b"), ("r3", "c"), ("r9", "a"), (None, "b")]
        events = [event(n, item, request_id=request) for n, (request, item) in enumerate(liked)]
        events.append(event(20, "b", request_id="r1", type="dislike"))
        events.append(event(21, "zz", request_id="r1"))
        await append_events(store, "t", events)
        await until(lambda: one.applied == other.applied == 7)
    a, b = IDS.rows(["a", "b"]).tolist()
    for worker in (one, other):
        counters = worker.counters
        assert counters.scenes.counts_of(a) == {"home": (1.0, 1.0), "page": (1.0, 1.0)}
        assert counters.scenes.counts_of(b) == {"home": (1.0, 1.0), "page": (0.0, 0.0)}
        assert counters.exposures.tolist() == [2.0, 1.0, 1.0]
        assert counters.positives.tolist() == [3.0, 2.0, 1.0]


async def test_lists_that_an_earlier_version_wrote_count_for_no_scene(store):
    await store.command("XADD", "t:shown", "*", "e", b'["r1","u",["a"]]')
    await store.command("XADD", "t:shown", "*", "e", b'["r2","u",["a"],7]')
    consumer = consumer_of(store)
    async with running(consumer):
        await until(lambda: consumer.counters.trials == 2)
        like = Event("1", "u", "a", "like", timestamp=5.0, request_id="r1")
        await append_events(store, "t", [like])
        await until(lambda: consumer.applied == 1)
    assert consumer.counters.scenes.counts_of(0) == {}


async def test_likes_count_for_the_segments_of_their_users(store):
    table = {"u": [0, 3], "v": [1, -1]}

    def segments(users, attributes):
        assert attributes == [{}] * len(users)
        return np.array([table.get(user, [-1, -1]) for user in users])

    consumer = consumer_of(store, segments=segments)
    consumer.counters = counters = state.counters(segments=4)
    now = time.time()
    events = [
        event(1, "a", user="u", timestamp=now),
        event(2, "a", user="v", timestamp=now - HALF_LIFE),
        event(3, "b", user="v", type="dislike", timestamp=now),
        event(4, "b", user="stranger", timestamp=now),
        event(5, "zz", user="u", timestamp=now),
    ]
    async with running(consumer):
        await append_events(store, "t", events)
        await until(lambda: consumer.applied == 4)
    counts, at = counters.segments, now - SHIFT
    every = (np.arange(5), np.arange(3))
    expected = [[1, 0, 0], [0.5, 0, 0], [0, 0, 0], [1, 0, 0], [1.5, 1, 0]]
    np.testing.assert_allclose(counts.at(at, *every), expected, rtol=1e-4)
    np.testing.assert_allclose(counts.totals * counts.decay_at(at), [1, 0.5, 0, 1, 2.5], rtol=1e-4)
    counts.rebase(at + 9.0)
    np.testing.assert_allclose(counts.at(at, *every), expected, rtol=1e-4)
    counts.reset_row(0)
    np.testing.assert_allclose(counts.at(at, *every)[:, 0], 0.0)
    np.testing.assert_allclose(counts.totals * counts.decay_at(at), [0, 0, 0, 0, 1], atol=1e-4)


async def test_entries_carry_the_attributes_of_which_the_bundle_has_segments(store):
    await write_attributes(store, "t", "u", {"country": 'S/"ä', "age": "31", "street": "long"})
    await write_attributes(store, "t", "w", {"street": "long"})
    await store.command("SET", attributes_key("t", "odd"), b"7")
    seen = []

    def segments(users, attributes):
        seen.extend(zip(users, attributes, strict=True))
        return np.full((len(users), 2), -1)

    users = ["u", "v", "u", "w", "odd"]
    events = [event(n, "ab"[n // 2 % 2], user=user) for n, user in enumerate(users)]
    consumer = consumer_of(store, segments=segments)
    async with running(consumer):
        await append_events(store, "t", events, attribute_names=["age", "country"])
        await until(lambda: consumer.applied == 5)
        await append_events(store, "t", [event(9, "c", user="u")])
        await until(lambda: consumer.applied == 6)
    carried = {"country": 'S/"ä', "age": "31"}
    expected = [("u", carried), ("u", carried), ("v", {}), ("w", {}), ("odd", {})]
    assert sorted(seen[:5], key=str) == sorted(expected, key=str)
    assert seen[5] == ("u", {})


def test_the_counts_of_an_item_are_returned_over_http(api):
    def counts():
        answer = api.client.get(f"/items/{item}/counts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    user = "u31"
    answer = api.recommend(user, explore=False)
    item = answer["items"][0]["item_id"]
    before = wait_until(lambda: counts() if counts()["scenes"].get("home") else None)
    api.tell(http_event(user, item, request_id=answer["request_id"]))
    after = wait_until(lambda: counts() if counts()["liked"] > before["liked"] else None)
    assert after["scenes"]["home"]["liked"] == before["scenes"]["home"]["liked"] + 1
    assert after["trend"]["all"] == before["trend"]["all"] + 1
    assert after["trend"]["7"] > 0
    gender = api.client.get(f"/users/{user}").json()["segments"]["gender"]
    assert after["segments"]["gender"][gender] >= before["segments"]["gender"][gender] + 0.99
    assert is_refused(api.client.get("/items/unheard-of/counts"), 404, "item_id")


COOKS = 40  # each likes and plays an item: the made-up world is small, and the prior 5,000


@pytest.fixture
def service(trained, redis_url):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as fresh:
        yield fresh


def set_attributes(service, user, **attributes):
    answer = service.client.put(f"/users/{user}", json={"attributes": attributes})
    assert answer.status_code == 200, answer.text
    return answer.json()["segments"]


def features(service, user):
    """The features of every item of the longest list of this user, the items in order."""
    items = service.recommend(user, k=100, explore=False, explain=True)["items"]
    return {item["item_id"]: item["explain"]["features"] for item in items}


def likes(item, users, times):
    return [
        {"event_id": f"{user}-{item}-{n}", "user_id": user, "item_id": item, "type": kind}
        for user in users
        for n, kind in zip(range(times), ("like", "play"), strict=False)
    ]


def new_cooks(service):
    cooks = [f"new-cook-{n}" for n in range(COOKS)]
    for user in cooks:
        assert set_attributes(service, user, occupation="cook")["occupation"] == "cook"
    set_attributes(service, "asks-as-cook", occupation="cook")
    set_attributes(service, "asks-as-judge", occupation="judge")
    return cooks


def test_recent_likes_of_a_segment_raise_the_item_for_a_new_user_of_it(service):
    cooks = new_cooks(service)
    cook, judge = features(service, "asks-as-cook"), features(service, "asks-as-judge")
    liked = [name for name in cook if name in judge][:6]
    service.tell(*(event for item in liked for event in likes(item, cooks, 2)))
    moved, other = features(service, "asks-as-cook"), features(service, "asks-as-judge")
    listed = [item for item in liked if item in moved and item in other]
    assert listed  # the rankers may drop some of them
    for item in listed:
        assert moved[item]["segment_lift"] > cook[item]["segment_lift"] + 0.002
        assert other[item]["segment_lift"] <= judge[item]["segment_lift"] + 1e-3
    item = liked[0]
    by_cooks = service.client.get(f"/items/{item}/counts").json()["segments"]["occupation"]
    assert by_cooks["cook"] > 1.5 * COOKS  # a play weighs less than a like in this world
    assert by_cooks["judge"] == 0.0


def test_an_erased_user_leaves_no_attribute_in_the_stream(service):
    (user, *_) = new_cooks(service)
    service.tell(*likes("i5", [user], 2))
    store = service.service.settings
    with redis.Redis.from_url(store.redis_url) as client:
        key = events_key(store.key_prefix)
        (first, _) = [orjson.loads(fields[b"e"]) for _, fields in client.xrange(key)]
        assert first[9] == {"occupation": "cook"}
        erase(service.client, user)
        assert not client.xlen(key)
        assert not client.exists(attributes_key(store.key_prefix, user))
