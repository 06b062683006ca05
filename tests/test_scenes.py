"""Exposures and outcomes by scene, in every worker."""

import numpy as np

from app.state import scenes as module
from app.state.appending import append
from app.state.events import Event
from app.state.impressions import Impressions
from app.state.scenes import MOST, RecentLists, Scenes
from tests.conftest import until as wait_until
from tests.test_api_events import event as posted
from tests.test_api_recommend import is_refused, stranger
from tests.test_state_follower import IDS, event, follower_of, running, store, until, url

__all__ = ["store", "url"]  # fixtures


def rows(*names):
    return IDS.rows(names)


async def test_what_is_shown_and_liked_counts_for_the_scene_of_the_list(store):
    impressions = Impressions(store, "t")
    impressions.note("r1", "u", ["a", "b", "zz"], "home")
    impressions.note("r2", "u", ["a"], "page")
    impressions.note("r3", "u", ["c"])
    await impressions.close()
    one, other = follower_of(store), follower_of(store)
    async with running(one, other):
        await until(lambda: one.live.trials == other.live.trials == 4)
        named = [("r1", "a"), ("r2", "a"), ("r1", "b"), ("r3", "c"), ("r9", "a"), (None, "b")]
        told = [event(n, item, request_id=request) for n, (request, item) in enumerate(named)]
        told.append(event(20, "b", request_id="r1", type="dislike"))
        told.append(event(21, "zz", request_id="r1"))
        await append(store, "t", told)
        await until(lambda: one.applied == other.applied == 7)
    for worker in (one, other):
        crowd = worker.live
        assert crowd.scenes.of(rows("a")[0]) == {"home": (1.0, 1.0), "page": (1.0, 1.0)}
        assert crowd.scenes.of(rows("b")[0]) == {"home": (1.0, 1.0), "page": (0.0, 0.0)}
        assert crowd.exposures.tolist() == [2.0, 1.0, 1.0]
        assert crowd.clicks.tolist() == [3.0, 2.0, 1.0]


async def test_lists_noted_by_an_earlier_version_count_for_no_scene(store):
    await store.command("XADD", "t:shown", "*", "e", b'["r1","u",["a"]]')
    await store.command("XADD", "t:shown", "*", "e", b'["r2","u",["a"],7]')
    follower = follower_of(store)
    async with running(follower):
        await until(lambda: follower.live.trials == 2)
        await append(store, "t", [Event("1", "u", "a", "like", timestamp=5.0, request_id="r1")])
        await until(lambda: follower.applied == 1)
    assert follower.live.scenes.of(0) == {}


def test_only_so_many_scenes_are_counted_and_an_item_can_begin_anew():
    counts = Scenes(3)
    for n in range(MOST + 5):
        counts.show(np.array([1, 1]), f"s{n}")
        counts.like(np.array([1]), f"s{n}")
    assert list(counts.of(1)) == [f"s{n}" for n in range(MOST)]
    assert set(counts.of(1).values()) == {(2.0, 1.0)}
    counts.open(1)
    assert set(counts.of(1).values()) == {(0.0, 0.0)}


def test_the_newest_lists_are_remembered_in_bounded_memory():
    recent = RecentLists(limit=10)
    for n in range(1_000):
        recent.note(str(n), f"s{n}")
    assert [recent.scene(str(n)) for n in range(990, 1_000)] == [f"s{n}" for n in range(990, 1_000)]
    assert recent.scene("5") is None
    assert len(recent._newer) + len(recent._older) <= 20
    assert module.REMEMBERED >= 10_000


def test_the_counts_of_an_item_are_told(api):
    def counts():
        answer = api.client.get(f"/items/{item}/counts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    user = stranger()
    answer = api.recommend(user, explore=False)
    item = answer["items"][0]["item_id"]
    before = wait_until(lambda: counts() if counts()["scenes"].get("home") else None)
    api.tell(posted(user, item, request_id=answer["request_id"]))
    now = wait_until(lambda: counts() if counts()["liked"] > before["liked"] else None)
    assert now["scenes"]["home"]["liked"] == before["scenes"]["home"]["liked"] + 1
    assert now["trend"]["all"] == before["trend"]["all"] + 1
    assert now["trend"]["7"] > 0
    assert is_refused(api.client.get("/items/unheard-of/counts"), 404, "item_id")
