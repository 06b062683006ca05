"""Onboarding over HTTP: the items, the answers, and the lists that follow."""

import numpy as np
import pytest


def test_onboarding_answers_become_events_that_the_next_list_uses(api):
    offered = api.client.get("/onboarding", params={"n": 12}).json()
    ids = [item["item_id"] for item in offered["items"]]
    assert len(set(ids)) == 12
    assert all(item["title"] and item["categories"] for item in offered["items"])
    before = api.recommend("u-picks", explore=False)
    wanted = "action"
    liked = [i["item_id"] for i in offered["items"] if wanted in i["categories"]]
    disliked = [i for i in ids if i not in liked]
    picks = {"liked": liked, "disliked": disliked}
    answer = api.client.post("/users/u-picks/onboarding", json=picks)
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 12
    after = api.recommend("u-picks", explore=False, explain=True)
    assert after["degraded"] == []
    names = [item["item_id"] for item in after["items"]]
    assert not set(names) & set(ids)
    share = np.mean([wanted in category(api, name) for name in names])
    assert share > np.mean([wanted in category(api, i["item_id"]) for i in before["items"]])
    assert after["items"][0]["explain"]["features"]["user_events"] == pytest.approx(np.log1p(12))
    again = api.client.post("/users/u-picks/onboarding", json=picks).json()
    assert (again["accepted"], again["duplicates"]) == (0, 12)


def category(api, name):
    return api.client.get(f"/items/{name}").json()["categories"]


@pytest.mark.parametrize(
    ("picks", "message"),
    [
        ({}, "at least one"),
        ({"liked": ["i1"], "disliked": ["i1"]}, "each item once"),
        ({"liked": ["nobody-knows"]}, "no item nobody-knows"),
        ({"loved": ["i1"]}, "Extra inputs"),
    ],
)
def test_invalid_onboarding_answers_are_refused(api, picks, message):
    answer = api.client.post("/users/u-odd/onboarding", json=picks)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


def test_the_number_of_onboarding_items_is_limited(api):
    assert api.client.get("/onboarding", params={"n": 25}).status_code == 422
    assert len(api.client.get("/onboarding").json()["items"]) == 16
