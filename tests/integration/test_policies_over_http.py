"""Filters, pages, scenes and blocked lists over HTTP, with a real store."""

from uuid import uuid4

import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.rerank.policies import SceneSettings
from app.state.user_store import MAX_BLOCKED, blocked_key
from tests.integration.api.test_recommend import is_refused, stranger
from tests.serving import hosted, leisurely, until
from tests.world import seen_by


@pytest.fixture(scope="module")
def catalogue(trained):
    return load_bundle(find_current_bundle(trained)).models.catalogue


def of_category(catalogue, ids, name):
    return catalogue.has_category(catalogue.ids.rows(ids), [name])


def test_a_filtered_list_is_full_and_holds_matching_items_only(api, catalogue):
    for user in ("u3", stranger()):
        answer = api.recommend(user, filter='category == "war" and year >= 1970')
        ids = [item["item_id"] for item in answer["items"]]
        assert len(ids) == 10
        assert answer["degraded"] == []
        assert of_category(catalogue, ids, "war").all()
        assert (catalogue.released[catalogue.ids.rows(ids)] >= 1970).all()


def test_a_filter_that_few_items_pass_gives_them_all_and_names_the_short_list(api):
    answer = api.recommend(stranger(), filter='item_id in ("i1", "i2", "i3")')
    assert {item["item_id"] for item in answer["items"]} == {"i1", "i2", "i3"}
    assert answer["degraded"] == [{"stage": "slate", "outcome": "short"}]
    assert answer.get("page_token") is None
    assert api.recommend(stranger(), filter="year > 2999")["items"] == []


@pytest.mark.parametrize(
    "text", ["year >", "price > 3", "__import__('os')", "year > 1 or " * 60, "(" * 300]
)
def test_an_unusable_filter_is_refused(api, text):
    parameters = {"user_id": "u1", "filter": text}
    assert is_refused(api.client.get("/recommend", params=parameters), 422, "filter")
    assert is_refused(api.client.post("/recommend", json=parameters), 422, "filter")


def test_pages_hold_every_item_once_even_if_the_user_acts_between_them(api, catalogue):
    user, token, pages = stranger(), "", []
    while token is not None:
        answer = api.recommend(user, k=25, page_token=token)
        ids = [item["item_id"] for item in answer["items"]]
        pages.append(ids)
        token = answer.get("page_token")
        if len(pages) == 2:
            api.tell({"user_id": user, "item_id": ids[0], "type": "like"})
    shown = [item for page in pages for item in page]
    assert [len(page) for page in pages[:-1]] == [25] * (len(pages) - 1)
    assert len(set(shown)) == len(shown) == len(catalogue)


def test_pages_work_by_post(api):
    first = api.client.post("/recommend", json={"k": 10}).json()
    next_page = {"k": 10, "page_token": first["page_token"]}
    second = api.client.post("/recommend", json=next_page).json()
    ids = [{item["item_id"] for item in page["items"]} for page in (first, second)]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("token", ["nonsense", "x" * 250_000])
def test_an_invalid_page_token_is_refused(api, token):
    parameters = {"user_id": "u1", "page_token": token}
    assert is_refused(api.client.post("/recommend", json=parameters), 422, "page_token")


def test_an_explained_answer_has_the_effect_of_each_policy(api):
    answer = api.recommend("u3", explain=True, filter='category == "war"')
    effects = {step["policy"]: step for step in answer["policies"]}
    assert effects["seen"]["dropped"] + effects["disliked"]["dropped"] == len(seen_by("u3"))
    assert effects["provider_cap"]["dropped"] == effects["category_cap"]["dropped"] == 0
    assert (
        effects["filter"]["dropped"] == 0
    )  # channels that know of it do not propose what it forbids
    assert effects["explore"]["changed"] == 1
    assert "policies" not in api.recommend("u3")


def test_an_explained_answer_counts_what_each_filter_removed(api):
    user = stranger()
    for item, kind in (("i9", "like"), ("i7", "hide"), ("i8", "dislike"), ("i6", "view")):
        api.tell({"user_id": user, "item_id": item, "type": kind})
    first = api.recommend(user, k=5, exclude=["i3", "i2"])
    page = {"user_id": user, "k": 5, "page_token": first["page_token"], "explain": True}
    gone = api.recommend(stranger(), explain=True)["policies"][0]
    answer = api.client.post("/recommend", json=page | {"exclude": ["i3", "i2"]}).json()
    dropped = {step["policy"]: step["dropped"] for step in answer["policies"] if "dropped" in step}
    assert dropped == {
        "availability": gone["dropped"],  # tests before this one took items out
        "hidden": 1,
        "disliked": 1,
        "exclude": 2,
        "earlier_pages": 5,
        "seen": 2,
        "shown": 0,
        "provider_cap": 0,
        "category_cap": 0,
        "duplicate_cap": 0,
    }


def test_every_item_has_its_propensity(api):
    assert all(item["propensity"] == 1.0 for item in api.recommend("u3")["items"])


def test_what_a_user_blocks_is_not_in_the_next_list(api, catalogue):
    user = stranger()
    first = api.ids(user)
    put = api.client.put(
        f"/users/{user}/blocked", json={"items": first[:3], "categories": ["horror"]}
    )
    assert put.status_code == 200
    for parameters in ({}, {"k": 40}):
        answer = api.recommend(user, explain=True, **parameters)
        ids = [item["item_id"] for item in answer["items"]]
        assert not set(ids) & set(first[:3])
        assert not of_category(catalogue, ids, "horror").any()
        assert {"blocked_by_user"} <= {step["policy"] for step in answer["policies"]}
    blocked = api.client.get(f"/users/{user}/blocked").json()
    assert blocked == {"items": first[:3], "providers": [], "categories": ["horror"]}
    assert api.client.put(f"/users/{user}/blocked", json={}).status_code == 200
    assert api.client.get(f"/users/{user}/blocked").json()["items"] == []
    assert api.ids(user)[:8] == first[:8]


def test_blocked_lists_and_events_of_a_user_are_read_together(api):
    user = stranger()
    api.client.put(f"/users/{user}/blocked", json={"items": ["i5"]})
    api.tell({"user_id": user, "item_id": "i7", "type": "like"})
    ids = api.ids(user, k=100)
    assert not {"i5", "i7"} & set(ids)


def test_the_key_of_blocked_lists_is_beside_the_history():
    assert blocked_key("p", "a{b}") == "p:u:{a%7Bb%7D}:b"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"items": [""]}, "items.0"),
        ({"things": []}, "things"),
        ({"items": ["i"] * (MAX_BLOCKED + 1)}, "items"),
        ({"items": ["i"] * MAX_BLOCKED, "providers": ["p"]}, "items"),
    ],
)
def test_wrong_blocked_lists_are_refused(api, body, field):
    is_refused(api.client.put("/users/u1/blocked", json=body), 422, field)


def test_scenes_have_their_own_policies_and_an_unknown_scene_is_refused(trained, redis_url):
    scenes = {
        "front": SceneSettings(pinned={"i7": 1}, explore_slots=0),
        "again": SceneSettings(seen="keep"),
        "calm": SceneSettings(blocked_categories=("horror", "war")),
        "dice": SceneSettings(explore="epsilon_greedy", explore_epsilon=1.0, explore_from=5),
    }
    with hosted(leisurely(out=trained, redis_url=redis_url, scenes=scenes)) as service:
        someone = f"s-{uuid4().hex}"
        front = service.recommend(someone, scene="front")["items"]
        assert (front[0]["item_id"], front[0]["slot"]) == ("i7", "pinned")
        assert {item["slot"] for item in front[1:]} == {"organic"}
        assert service.recommend(someone)["items"][-1]["slot"] == "explore"
        assert set(service.ids("u3", scene="again", k=100)) & seen_by("u3")
        assert not set(service.ids("u3", scene="home", k=100)) & seen_by("u3")
        bundle = load_bundle(find_current_bundle(trained)).models.catalogue
        calm = service.ids("u3", scene="calm", k=30)
        assert not bundle.has_category(bundle.ids.rows(calm), ["horror", "war"]).any()
        dice = [i["propensity"] for i in service.recommend(someone, scene="dice")["items"]]
        assert dice[:8] == [1.0] * 8
        assert all(0 < chance < 0.1 for chance in dice[8:])
        parameters = {"user_id": "u1", "scene": "frnt"}
        answer = service.client.get("/recommend", params=parameters)
        assert "again, calm, dice, front, home" in is_refused(answer, 422, "scene")


def test_any_scene_is_accepted_if_none_is_configured(api):
    assert len(api.ids("u1", scene="basket")) == 10


def test_a_scene_may_drop_what_was_shown_lately(trained, redis_url):
    scenes = {"feed": SceneSettings(shown="drop", explore_slots=0)}
    with hosted(leisurely(out=trained, redis_url=redis_url, scenes=scenes)) as service:
        someone = f"s-{uuid4().hex}"
        first = service.ids(someone, scene="feed")
        until(lambda: not set(service.ids(someone, scene="feed")) & set(first))
        assert set(service.ids(someone)) & set(first)  # at home nothing is dropped
