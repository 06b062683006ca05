"""``/rank`` over HTTP: the caller's own candidates in the order for a user."""

from uuid import uuid4

import pytest

from tests.integration.api.test_recommend import is_refused
from tests.world import seen_by

ITEMS = [f"i{n}" for n in range(120)]


def ranked(api, items, **options):
    answer = api.client.post("/rank", json={"items": items, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(body):
    return [item["item_id"] for item in body["items"]]


def test_candidates_come_back_ranked_and_nothing_else_does(api):
    items = [item for item in ITEMS if item not in seen_by("u3")][:30]
    body = ranked(api, items, user_id="u3", k=30, explore=False)
    assert sorted(ids(body)) == sorted(items)
    assert (body["unknown"], body["left_out"], body["degraded"]) == ([], [], [])
    assert body["user_id"] == "u3"
    assert body["request_id"]
    assert "page_token" not in body
    assert ids(ranked(api, items[::-1], user_id="u3", k=30, explore=False)) == ids(body)


def test_the_items_of_a_recommendation_keep_their_scores_when_they_are_ranked(api):
    whole = api.recommend("u3", k=100, explore=False, explain=True)
    body = ranked(api, ids(whole), user_id="u3", k=100, explore=False, explain=True)
    channels = {item["item_id"]: item["explain"]["channels"] for item in whole["items"]}
    again = {item["item_id"]: item["explain"]["channels"] for item in body["items"]}
    assert again == channels
    assert {stage["stage"] for stage in body["stages"]} >= {"coarse", "fine", "rerank"}


def test_what_may_not_be_shown_is_named_with_its_reason(api):
    seen = sorted(seen_by("u3"))[0]
    items = ["nothing", seen, "i100", "i101"]
    body = ranked(api, items, user_id="u3", exclude=["i100"], fields=["year"])
    assert body["unknown"] == ["nothing"]
    assert {entry["item_id"]: entry["policy"] for entry in body["left_out"]} == {
        **({"i101": "seen"} if "i101" in seen_by("u3") else {}),
        "i100": "seen" if "i100" in seen_by("u3") else "exclude",
        seen: "seen",
    }
    assert all(entry["reason"] for entry in body["left_out"])
    assert all(set(item["fields"]) == {"year"} for item in body["items"])
    assert {"stage": "slate", "outcome": "short"} in body["degraded"]


def test_filters_hold_for_candidates_too(api):
    body = ranked(api, ITEMS[:9], user_id=uuid4().hex, filter='item_id == "i4"')
    assert ids(body) == ["i4"]
    assert {entry["policy"] for entry in body["left_out"]} == {"filter"}


def test_a_session_is_ranked_by_the_history_that_it_sends(api):
    liked = [{"item_id": f"i{n}", "type": "like"} for n in (0, 5, 10, 15)]
    mine = ranked(api, ["i20", "i21", "i22", "i23"], history=liked, explore=False)
    assert mine["user_id"] is None
    assert ids(mine)[0] == "i20"  # of the same taste


@pytest.mark.parametrize(
    ("items", "field"), [([], "items"), (["i1"] * 1_001, "items"), ([""], "items.0")]
)
def test_too_few_too_many_and_wrong_items_are_refused(api, items, field):
    is_refused(api.client.post("/rank", json={"items": items}), 422, field)


def test_only_unknown_items_make_an_empty_answer(api):
    body = ranked(api, ["nothing", "nobody"], user_id="u3")
    assert (body["items"], body["unknown"]) == ([], ["nothing", "nobody"])


def test_a_pin_among_the_candidates_holds_and_another_one_is_named(api):
    body = ranked(api, ITEMS[:9], user_id="new", k=5, pin=["1:i4", "2:i50"], explore=False)
    assert ids(body)[0] == "i4"
    assert "i50" not in ids(body)
    assert any("'i50' is not at position 2" in note for note in body["notes"])
