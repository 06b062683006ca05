"""``/explain`` and ``why=`` over HTTP: the reason why an item is not in a list."""

from app.rerank.policies import SceneSettings
from app.service.answering import SideEffect
from tests.integration.api.test_recommend import is_refused, stranger
from tests.serving import hosted, leisurely, until
from tests.world import ITEMS, seen_by

STAGES = {"catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"}


def explain(service, user, item, **parts):
    params = {"user_id": user, "item_id": item, **parts}
    answer = service.client.get("/explain", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_item_of_the_catalogue_has_a_reason_and_exactly_the_list_is_shown(api):
    user = "u3"
    answers = {n: explain(api, user, f"i{n}", explore=False) for n in range(ITEMS)}
    shown = [f"i{n}" for n, one in answers.items() if one["stage"] == "shown"]
    assert sorted(shown) == sorted(api.ids(user, explore=False))
    assert {one["stage"] for one in answers.values()} <= STAGES
    assert all(one["reason"] for one in answers.values())
    seen = {f"i{n}" for n, one in answers.items() if one.get("policy") in {"seen", "disliked"}}
    assert seen == seen_by(user)


def test_an_explanation_is_not_an_impression(api):
    recorded, effects = [], api.service.after_answer
    api.service.after_answer = (*effects, SideEffect("record", recorded.append))
    explain(api, stranger(), "i1")
    assert recorded == []
    api.recommend(stranger())
    api.service.after_answer = effects
    assert len(recorded) == 1


def test_a_request_for_a_list_may_have_one_item_explained(api):
    answer = api.recommend("u3", why="nothing-of-this-name")
    assert answer["why"]["stage"] == "catalogue"
    first = answer["items"][0]["item_id"]
    position = api.recommend("u3", why=first, explore=False)["why"]
    assert (position["stage"], position["position"], position["slot"]) == ("shown", 1, "organic")
    sent = api.client.post("/recommend", json={"history": [{"item_id": "i1"}], "why": "i1"})
    assert sent.json()["why"]["policy"] == "seen"
    assert "why" not in api.recommend("u3")


def test_hard_filters_are_named(api):
    user = stranger()
    item = api.ids(user)[0]
    assert explain(api, user, item, exclude=[item])["policy"] == "exclude"
    assert explain(api, user, item, filter='item_id in ("i2", "i3")')["policy"] == "filter"
    api.client.put(f"/users/{user}/blocked", json={"items": [item]})
    answer = explain(api, user, item)
    assert (answer["stage"], answer["policy"]) == ("filter", "blocked_by_user")
    assert "the user has blocked it" in answer["reason"]
    api.tell({"user_id": user, "item_id": "i9", "type": "like"})
    assert explain(api, user, "i9")["policy"] == "seen"


def test_hidden_and_disliked_items_are_named_whatever_the_scene_does_with_seen_items(
    trained, redis_url
):
    scenes = {"basket": SceneSettings(seen="keep"), "feed": SceneSettings(shown="drop")}
    with hosted(leisurely(out=trained, redis_url=redis_url, scenes=scenes)) as service:
        user = stranger()
        for item, kind in (("i9", "like"), ("i7", "hide"), ("i8", "dislike")):
            service.tell({"user_id": user, "item_id": item, "type": kind})
        for scene in ("home", "basket"):
            named = {n: explain(service, user, f"i{n}", scene=scene).get("policy") for n in (7, 8)}
            assert named == {7: "hidden", 8: "disliked"}
        assert explain(service, user, "i9")["policy"] == "seen"
        assert explain(service, user, "i9", scene="basket")["stage"] != "filter"
        first = service.recommend(user, scene="feed")
        item = first["items"][0]["item_id"]
        again = {"user_id": user, "k": 10, "why": item, "page_token": first["page_token"]}
        answer = service.client.post("/recommend", json=again).json()["why"]
        assert (answer["policy"], answer["reason"]) == ("earlier_pages", "an earlier page had it")
        until(lambda: explain(service, user, item, scene="feed").get("policy") == "shown")


def test_blocked_and_pinned_items_are_named(trained, redis_url):
    policy = SceneSettings(blocked_items=("i4",), pinned={"i7": 1})
    with hosted(leisurely(out=trained, redis_url=redis_url, policy=policy)) as service:
        assert explain(service, "u1", "i4")["policy"] == "blocked"
        assert explain(service, "u77", "i7")["slot"] == "pinned"


def test_an_incomplete_question_is_refused(api):
    is_refused(api.client.get("/explain", params={"user_id": "u1"}), 422, "item_id")
    is_refused(
        api.client.get("/explain", params={"user_id": "u1", "item_id": "i1", "k": 0}), 422, "k"
    )
