"""Why an item is not in a list: at every place where it can drop out."""

from dataclasses import replace

import numpy as np
import pytest

from app.api.missing_item import explain_missing
from app.artifacts import Sizes
from app.build import FunnelConfig
from app.bundle.bundle import find_current_bundle, load_bundle
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS, StageResult
from app.explain.rerank_loss import explain_rerank_loss
from app.funnel import Slate
from app.request_log.request_record import RequestRecord
from app.rerank.policies import Policy
from app.rerank.slate_builder import SlateBuilder
from app.state.counters import PopularityCounters
from offline.training.replay import build_offline_funnel
from tests.conftest import ITEMS, hosted, leisurely, seen_by, until
from tests.fakes import ITEMS as FEW_ITEMS
from tests.fakes import pool, query, small_models
from tests.test_api_recommend import is_refused, stranger

STAGES = {"catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"}


def told(service, user, item, **asked):
    params = {"user_id": user, "item_id": item, **asked}
    answer = service.client.get("/explain", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_item_of_the_catalogue_has_a_reason_and_exactly_the_list_is_shown(api):
    user = "u3"
    found = {n: told(api, user, f"i{n}", explore=False) for n in range(ITEMS)}
    shown = [f"i{n}" for n, one in found.items() if one["stage"] == "shown"]
    assert sorted(shown) == sorted(api.ids(user, explore=False))
    assert {one["stage"] for one in found.values()} <= STAGES
    assert all(one["reason"] for one in found.values())
    seen = {f"i{n}" for n, one in found.items() if one.get("policy") in {"seen", "disliked"}}
    assert seen == seen_by(user)


def test_a_look_at_why_is_no_impression(api, monkeypatch):
    noted = []
    monkeypatch.setattr(api.service.impressions, "add_list", lambda *_: noted.append("shown"))
    monkeypatch.setattr(api.service.request_log, "add_answer", lambda *_: noted.append("served"))
    told(api, stranger(), "i1")
    assert noted == []
    api.recommend(stranger())
    assert noted == ["shown", "served"]


def test_with_a_list_one_item_can_be_asked_for(api):
    answer = api.recommend("u3", why="nothing-of-this-name")
    assert answer["why"]["stage"] == "catalogue"
    first = answer["items"][0]["item_id"]
    place = api.recommend("u3", why=first, explore=False)["why"]
    assert (place["stage"], place["place"], place["slot"]) == ("shown", 1, "organic")
    sent = api.client.post("/recommend", json={"history": [{"item_id": "i1"}], "why": "i1"})
    assert sent.json()["why"]["policy"] == "seen"
    assert "why" not in api.recommend("u3")


def test_hard_filters_are_named(api):
    user = stranger()
    item = api.ids(user)[0]
    assert told(api, user, item, exclude=[item])["policy"] == "exclude"
    assert told(api, user, item, filter='item_id in ("i2", "i3")')["policy"] == "filter"
    api.client.put(f"/users/{user}/blocked", json={"items": [item]})
    found = told(api, user, item)
    assert (found["stage"], found["policy"]) == ("filter", "blocked_by_user")
    assert "the user has blocked it" in found["reason"]
    api.tell({"user_id": user, "item_id": "i9", "type": "like"})
    assert told(api, user, "i9")["policy"] == "seen"


def test_what_a_user_hid_or_dislikes_is_told_so_whatever_becomes_of_seen_items(trained, redis_url):
    scenes = {"basket": Policy(seen="keep"), "feed": Policy(shown="drop")}
    with hosted(leisurely(out=trained, redis_url=redis_url, scenes=scenes)) as service:
        user = stranger()
        for item, kind in (("i9", "like"), ("i7", "hide"), ("i8", "dislike")):
            service.tell({"user_id": user, "item_id": item, "type": kind})
        for scene in ("home", "basket"):
            named = {n: told(service, user, f"i{n}", scene=scene).get("policy") for n in (7, 8)}
            assert named == {7: "hidden", 8: "disliked"}
        assert told(service, user, "i9")["policy"] == "seen"
        assert told(service, user, "i9", scene="basket")["stage"] != "filter"
        first = service.recommend(user, scene="feed")
        item = first["items"][0]["item_id"]
        again = {"user_id": user, "k": 10, "why": item, "page_token": first["page_token"]}
        found = service.client.post("/recommend", json=again).json()["why"]
        assert (found["policy"], found["reason"]) == ("earlier_pages", "an earlier page had it")
        until(lambda: told(service, user, item, scene="feed").get("policy") == "shown")


def test_blocked_and_pinned_items_are_named(trained, redis_url):
    policy = Policy(blocked_items=("i4",), pinned={"i7": 1})
    with hosted(leisurely(out=trained, redis_url=redis_url, policy=policy)) as service:
        assert told(service, "u1", "i4")["policy"] == "blocked"
        assert told(service, "u77", "i7")["slot"] == "pinned"


def lost(policy, k, row, candidates, **parts):
    """Where the last stage loses ``row``, of candidates with scores given by hand."""
    models = small_models()
    content = parts.get("content", models.content.items)
    maker = SlateBuilder(models.catalogue, content, PopularityCounters(models.popularity), policy)
    asked = query(k=k)
    slate = Slate(
        asked, (), candidates, candidates, candidates, maker.rerank(asked, candidates), ()
    )
    return explain_rerank_loss(maker, slate, row)


def test_an_item_that_a_pinned_one_pushes_out_is_told_so():
    policy = Policy(diversity=0.0, freshness=0.0, explore_slots=0, pinned={"i30": 1})
    reason, facts = lost(policy, 3, 22, pool(20, 21, 22, 23, 30))
    assert facts["policy"] == "finish"
    assert reason.startswith("it was in the list, and lost its place to the caps, or items that")


def test_an_item_that_is_too_much_like_another_is_told_so_with_the_figures():
    content = np.zeros((FEW_ITEMS, 2), np.float32)
    content[[20, 21, 22]], content[23] = [1, 0], [0, 1]
    policy = Policy(diversity=0.6, freshness=0.0, explore_slots=0)
    reason, facts = lost(policy, 2, 21, pool(20, 21, 22, 23), content=content)
    assert "too similar to an item in the list" in reason
    assert (facts["policy"], facts["lost_to_row"], facts["nearest_row"]) == ("diversity", 23, 20)
    assert facts["nearest_cosine"] == 1.0
    gone = facts["worth"] * 0.4 - facts["likeness_penalty"]
    assert gone <= facts["lost_to_worth"] * 0.4 - facts["lost_to_penalty"]


def test_a_question_that_makes_no_sense_is_refused(api):
    is_refused(api.client.get("/explain", params={"user_id": "u1"}), 422, "item_id")
    is_refused(
        api.client.get("/explain", params={"user_id": "u1", "item_id": "i1", "k": 0}), 422, "k"
    )


@pytest.fixture
async def slate(trained):
    """A slate whose rankers have to cut, and the funnel that made it."""
    bundle, cpu = load_bundle(find_current_bundle(trained)), Cpu(threads=1)
    policy = leisurely().policy
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS, Sizes(coarse=40, fine=15), policy)
    funnel = build_offline_funnel(bundle.models, wiring, bundle.rankers)
    asked = RequestRecord("u3", 5, 0, explore=False)
    yield bundle, funnel, await funnel.recommend(asked.to_request(bundle, 0.0))
    cpu.close()


def rows_between(before, after):
    return np.setdiff1d(before.rows, after.rows)


def of(world, row, slate=None):
    bundle, funnel, made = world
    item = bundle.models.catalogue.ids.names(np.array([row]))[0]
    return explain_missing(bundle, funnel, slate or made, RequestRecord("u3", 10, 0), item)


@pytest.mark.parametrize("stage", ["coarse", "fine"])
async def test_what_a_ranker_cut_is_told_with_rank_score_and_threshold(slate, stage):
    _, _, made = slate
    before, after = {"coarse": (made.merged, made.coarse), "fine": (made.coarse, made.fine)}[stage]
    found = [of(slate, row) for row in rows_between(before, after)]
    assert found
    assert {one["stage"] for one in found} == {stage}
    assert sorted(one["rank"] for one in found) == list(range(len(after) + 1, len(before) + 1))
    assert {one["threshold"] for one in found} == {float(after.scores[-1])}
    assert all(one["score"] <= one["threshold"] for one in found)
    assert all(one["channels"] for one in found)
    assert all(one["reason"].startswith(f"{stage}: the ranker put it at") for one in found)


async def test_where_a_ranker_failed_the_order_in_hand_is_told(slate):
    _, _, made = slate
    steps = tuple(
        StageResult("coarse", 0.0, "bug", 0, 0) if s.stage == "coarse" else s for s in made.results
    )
    coarse = made.merged.top(40)
    row = rows_between(made.merged, coarse)[0]
    one = of(slate, row, replace(made, results=steps, coarse=coarse))
    assert "the ranker failed" in one["reason"]
    assert one["rank"] > 40


async def test_where_the_funnel_was_cut_off_that_is_the_reason(slate):
    _, _, made = slate
    late = replace(made, results=(*made.results, StageResult("funnel", 0.1, "late", 0, 0)))
    row = rows_between(made.fine, made.selection.pool)[0]
    assert "cut off" in of(slate, row, late)["reason"]


async def test_where_the_last_stage_failed_that_is_the_reason(slate):
    _, _, made = slate
    steps = (*made.results, StageResult("rerank", 0.1, "bug", 0, 0))
    row = rows_between(made.fine, made.selection.pool)[0]
    one = of(slate, row, replace(made, results=steps))
    assert (one["stage"], "the last stage failed" in one["reason"]) == ("rerank", True)
