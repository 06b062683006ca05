"""A new product's first hour: no bundle, items, events, a first list, a first training."""

import numpy as np
import pytest

from app.kernels.compiled import compile_kernels
from tests.serving import QUICK, running, until

pytestmark = pytest.mark.e2e
USERS, ITEMS, TASTES = 40, 60, ("action", "comedy", "drama", "horror")


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compile_kernels()  # the first time it takes longer than a test waits for a service


def ids(answer):
    return [item["item_id"] for item in answer["items"]]


def put_items(served):
    items = [
        {
            "item_id": f"film-{n}",
            "title": f"Film {n}",  # of 124 categories, more than 64
            "categories": [TASTES[n % len(TASTES)], f"series {n}", f"year {n}"],
        }
        for n in range(ITEMS)
    ]
    assert served.client.post("/items", json=items).json() == {"stored": ITEMS}


def events():
    """Each user likes films of one taste; the times are the arrival of the batches."""
    random = np.random.default_rng(3)
    likes = [
        {"user_id": f"u{user}", "item_id": f"film-{film}", "type": "like"}
        for film in random.permutation(ITEMS)
        for user in range(USERS)
        if film % len(TASTES) == user % len(TASTES) and random.random() < 0.6
    ]
    baskets = [(f"buyer-{n}", ("film-0", "film-4") if n < 4 else ("film-1",)) for n in range(9)]
    return likes + [
        {"user_id": buyer, "item_id": film, "type": "purchase"}
        for buyer, films in baskets
        for film in films
    ]


def check_items(served):
    """The bundle has the items, and what was bought together."""
    assert served.client.get("/items/film-7").json()["source"] == "bundle"
    assert ids(served.client.get("/items/film-0/bought-together").json()) == ["film-4"]
    alone = served.client.get("/items/film-1/bought-together").json()
    assert alone["items"] == []
    assert "was bought in two visits together with film-1" in alone["notes"][0]


def train(served):
    """Have the service archive what came and train, in a process of its own."""
    answer = served.client.post("/trainings", json={"force": True})
    assert answer.status_code == 202, answer.text
    address = answer.headers["Location"]
    until(lambda: served.client.get(address).json()["phase"])
    assert served.client.post("/trainings").headers["Location"] == address  # one at a time
    ended = until(lambda: ended_training(served, address), 300.0)
    assert (ended["state"], ended["reason"]) == ("published", None), ended["log"]
    assert ended["progress"] == 1.0
    check_examined(served)
    assert any("Fitting the fine ranker" in line for line in ended["log"])
    until(lambda: served.client.get("/metrics").text.count("recfunnel_training_failures 0.0"))


def check_examined(served):
    """What the training read, from the archive alone, was examined."""
    examined = served.client.get("/doctor").json()
    assert (examined["data"], examined["diagnosis"]["files"]) == (None, [])
    assert examined["diagnosis"]["items"] == ITEMS
    assert "no files to examine" in examined["unavailable"]


def ended_training(served, address):
    body = served.client.get(address).json()
    return body if body["finished"] else None


def test_a_new_product_begins_with_nothing_and_ends_with_a_personal_list(tmp_path):
    out = tmp_path / "out"
    quick = str(QUICK)
    with running(out, RECFUNNEL_RELOAD_SECONDS="0.2", RECFUNNEL_TRAIN_CONFIG=quick) as served:
        assert served.client.get("/readyz").json()["trained"] is False
        empty = served.recommend("anna")
        assert empty["items"] == []
        assert {"stage": "models", "outcome": "untrained"} in empty["degraded"]

        put_items(served)
        first = ids(served.recommend("anna"))
        assert len(first) == 10
        assert set(first) <= {f"film-{n}" for n in range(ITEMS)}
        assert ids(served.recommend("anna", filter='category == "series 7"')) == ["film-7"]

        sent = events()
        for start in range(0, len(sent), 50):
            batch = sent[start : start + 50]
            assert served.client.post("/events", json=batch).json()["accepted"] == len(batch)
        liked = {event["item_id"] for event in sent if event["user_id"] == "u1"}
        until(lambda: not liked & set(ids(served.recommend("u1", k=50))))
        before = served.recommend("u1", explore=False)
        assert {item["reason"]["channel"] for item in before["items"]} & {"content", "popular"}

        train(served)
        until(lambda: served.client.get("/readyz").json()["trained"])
        trained = served.recommend("u1", explore=False, explain=True)
        assert trained["degraded"] == []
        assert not liked & set(ids(trained))
        tastes = [int(name.removeprefix("film-")) % len(TASTES) for name in ids(trained)]
        assert tastes[:3] == [1, 1, 1]
        check_items(served)
        assert ids(served.recommend("anna", filter='category == "series 7"')) == ["film-7"]
        counts = served.client.get("/users/u1").json()["counts"]
        assert counts["bundle_events"] == counts["live_events"] == len(liked)
