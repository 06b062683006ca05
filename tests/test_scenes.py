"""Exposures and outcomes by scene, in every worker."""

import time

import numpy as np

from app.artifacts import HALF_LIVES, Popularity
from app.state.counters import PopularityCounters
from app.state.event_codec import Event
from app.state.event_writer import append_events
from app.state.group_counts import HALF_LIFE, MAX_CELLS, MAX_SCENES, SceneCounts, SegmentCounts
from app.state.impressions import ImpressionWriter
from app.state.streams import RecentKeys
from app.state.user_store import attributes_key, write_attributes
from tests.conftest import until as wait_until
from tests.integration.api.test_events import event as posted
from tests.integration.api.test_recommend import is_refused
from tests.state import IDS, SHIFT, consumer_of, event, running, store, until, url

__all__ = ["store", "url"]  # fixtures


def rows(*names):
    return IDS.rows(names)


async def test_what_is_shown_and_liked_counts_for_the_scene_of_the_list(store):
    impressions = ImpressionWriter(store, "t")
    impressions.add_list("r1", "u", ["a", "b", "zz"], "home")
    impressions.add_list("r2", "u", ["a"], "page")
    impressions.add_list("r3", "u", ["c"])
    await impressions.close()
    one, other = consumer_of(store), consumer_of(store)
    async with running(one, other):
        await until(lambda: one.counters.trials == other.counters.trials == 4)
        named = [("r1", "a"), ("r2", "a"), ("r1", "b"), ("r3", "c"), ("r9", "a"), (None, "b")]
        told = [event(n, item, request_id=request) for n, (request, item) in enumerate(named)]
        told.append(event(20, "b", request_id="r1", type="dislike"))
        told.append(event(21, "zz", request_id="r1"))
        await append_events(store, "t", told)
        await until(lambda: one.applied == other.applied == 7)
    for worker in (one, other):
        crowd = worker.counters
        assert crowd.scenes.counts_of(rows("a")[0]) == {"home": (1.0, 1.0), "page": (1.0, 1.0)}
        assert crowd.scenes.counts_of(rows("b")[0]) == {"home": (1.0, 1.0), "page": (0.0, 0.0)}
        assert crowd.exposures.tolist() == [2.0, 1.0, 1.0]
        assert crowd.clicks.tolist() == [3.0, 2.0, 1.0]


async def test_lists_noted_by_an_earlier_version_count_for_no_scene(store):
    await store.command("XADD", "t:shown", "*", "e", b'["r1","u",["a"]]')
    await store.command("XADD", "t:shown", "*", "e", b'["r2","u",["a"],7]')
    follower = consumer_of(store)
    async with running(follower):
        await until(lambda: follower.counters.trials == 2)
        await append_events(
            store, "t", [Event("1", "u", "a", "like", timestamp=5.0, request_id="r1")]
        )
        await until(lambda: follower.applied == 1)
    assert follower.counters.scenes.counts_of(0) == {}


def test_only_so_many_scenes_are_counted_and_an_item_can_begin_anew():
    counts = SceneCounts(3)
    for n in range(MAX_SCENES + 5):
        counts.count_impressions(np.array([1, 1]), f"s{n}")
        counts.count_successes(np.array([1]), f"s{n}")
    assert list(counts.counts_of(1)) == [f"s{n}" for n in range(MAX_SCENES)]
    assert set(counts.counts_of(1).values()) == {(2.0, 1.0)}
    counts.reset_row(1)
    assert set(counts.counts_of(1).values()) == {(0.0, 0.0)}


def test_the_newest_lists_are_remembered_in_bounded_memory():
    recent = RecentKeys(limit=10)
    for n in range(1_000):
        recent.add(str(n), f"s{n}")
    assert [recent.text_of(str(n)) for n in range(990, 1_000)] == [
        f"s{n}" for n in range(990, 1_000)
    ]
    assert recent.text_of("5") is None
    assert len(recent) <= 20


async def test_likes_count_for_the_segments_of_users_that_are_known(store):
    table = {"u": [0, 3], "v": [1, -1]}

    def segments(users, told):
        assert told == [{}] * len(users)
        return np.array([table.get(user, [-1, -1]) for user in users])

    follower = consumer_of(store, segments=segments)
    follower.counters = crowd = grouped(4)
    moment = time.time()
    told = [
        event(1, "a", user="u", timestamp=moment),
        event(2, "a", user="v", timestamp=moment - HALF_LIFE),
        event(3, "b", user="v", type="dislike", timestamp=moment),
        event(4, "b", user="stranger", timestamp=moment),
        event(5, "zz", user="u", timestamp=moment),
    ]
    async with running(follower):
        await append_events(store, "t", told)
        await until(lambda: follower.applied == 4)
    every = (np.arange(5), np.arange(3))
    found = crowd.segments.at(moment - SHIFT, *every)
    expected = [[1, 0, 0], [0.5, 0, 0], [0, 0, 0], [1, 0, 0], [1.5, 1, 0]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    totals = crowd.segments.total_at(moment - SHIFT, np.arange(5))
    np.testing.assert_allclose(totals, [1, 0.5, 0, 1, 2.5], rtol=1e-4)
    crowd.segments.rebase(moment - SHIFT + 9.0)
    np.testing.assert_allclose(crowd.segments.at(moment - SHIFT, *every), expected, rtol=1e-4)
    crowd.segments.reset_row(0)
    np.testing.assert_allclose(crowd.segments.at(moment - SHIFT, *every)[:, 0], 0.0)
    totals = crowd.segments.total_at(moment - SHIFT, np.arange(5))
    np.testing.assert_allclose(totals, [0, 0, 0, 0, 1], atol=1e-4)


async def test_entries_carry_what_is_told_of_a_user_and_the_bundle_has_segments_of(store):
    await write_attributes(store, "t", "u", {"country": 'S/"ä', "age": "31", "street": "long"})
    await write_attributes(store, "t", "w", {"street": "long"})
    await store.command("SET", attributes_key("t", "odd"), b"7")
    heard = []

    def segments(users, told):
        heard.extend(zip(users, told, strict=True))
        return np.full((len(users), 2), -1)

    users = ["u", "v", "u", "w", "odd"]
    events = [event(n, "a", user=user) for n, user in enumerate(users)]
    follower = consumer_of(store, segments=segments)
    async with running(follower):
        await append_events(store, "t", events, attribute_names=["age", "country"])
        await until(lambda: follower.applied == 5)
        await append_events(store, "t", [event(9, "a", user="u")])
        await until(lambda: follower.applied == 6)
    known = {"country": 'S/"ä', "age": "31"}
    assert sorted(heard[:5], key=str) == sorted(
        [("u", known), ("u", known), ("v", {}), ("w", {}), ("odd", {})], key=str
    )
    assert heard[5] == ("u", {})


def grouped(segments):
    empty = np.zeros((len(HALF_LIVES), len(IDS)))
    unseen, mean = np.full(len(IDS), np.inf), np.zeros(len(IDS), np.float32)
    return PopularityCounters(
        Popularity(time.time() - SHIFT, empty, empty, unseen, mean), segments=segments
    )


def test_in_too_large_a_catalogue_nothing_is_counted_by_segment():
    counts = SegmentCounts(2, MAX_CELLS, 0, 0.0)
    assert len(counts) == 0
    counts.apply(np.array([[0]]), np.array([5]), np.ones(1, np.float32), np.zeros(1))


def test_the_counts_of_an_item_are_told(api):
    def counts():
        answer = api.client.get(f"/items/{item}/counts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    user = "u31"
    answer = api.recommend(user, explore=False)
    item = answer["items"][0]["item_id"]
    before = wait_until(lambda: counts() if counts()["scenes"].get("home") else None)
    api.tell(posted(user, item, request_id=answer["request_id"]))
    now = wait_until(lambda: counts() if counts()["liked"] > before["liked"] else None)
    assert now["scenes"]["home"]["liked"] == before["scenes"]["home"]["liked"] + 1
    assert now["trend"]["all"] == before["trend"]["all"] + 1
    assert now["trend"]["7"] > 0
    gender = api.client.get(f"/users/{user}").json()["segments"]["gender"]
    assert now["segments"]["gender"][gender] >= before["segments"]["gender"][gender] + 0.99
    assert is_refused(api.client.get("/items/unheard-of/counts"), 404, "item_id")
