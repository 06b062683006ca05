"""Lists for nobody in particular over HTTP, and the attributes that any list can carry."""

from uuid import uuid4

import pytest

from tests.integration.api.test_recommend import is_refused

LISTS = ("/items/i3/similar", "/items/i3/bought-together", "/popular", "/trending")


def items_of(service, path, **options):
    answer = service.client.get(path, params=options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(body):
    return [item["item_id"] for item in body["items"]]


@pytest.mark.parametrize("by", ["behaviour", "content"])
def test_similar_items_lack_the_item_itself_and_do_not_follow_trends(api, by):
    body = items_of(api, "/items/i3/similar", by=by, k=5, explain=True)
    assert (body["item_id"], body["by"], len(set(ids(body)))) == ("i3", by, 5)
    assert "i3" not in ids(body)
    assert "notes" not in body
    assert body["took_ms"] > 0
    first = body["items"][0]
    assert first["title"]
    assert bool(first["explain"]["tables"]) == (by == "behaviour")
    events = [{"user_id": f"t-{uuid4().hex}", "item_id": "i99", "type": "like"} for _ in range(9)]
    api.tell(*events)
    assert ids(items_of(api, "/items/i3/similar", by=by, k=5)) == ids(body)


def test_a_list_that_a_filter_empties_says_so_and_does_not_change_to_content(api):
    body = items_of(api, "/items/i3/similar", filter="year > 3000")
    assert (body["by"], body["items"]) == ("behaviour", [])
    assert "passes the filter" in body["notes"][0]
    assert "passes the filter" in items_of(api, "/popular", filter="year > 3000")["notes"][0]


def test_a_bundle_without_purchases_says_why_nothing_is_bought_together(api):
    body = items_of(api, "/items/i3/bought-together")
    assert body["items"] == []
    assert "without purchases" in body["notes"][0]


def test_popular_items_of_a_category_have_it_and_a_misspelt_one_is_noted(api):
    body = items_of(api, "/popular", category="drama", k=5, fields="category,year")
    assert body["items"]
    assert all("drama" in item["fields"]["category"] for item in body["items"])
    noted = items_of(api, "/popular", category="drma")
    assert noted["items"] == []
    assert 'did you mean "drama"' in noted["notes"][0]


def test_a_segment_must_be_one_of_the_bundle(api):
    refused = [
        ("age", "age:24-28"),
        ("shoe:43", "there is no segment shoe"),
        ("occupation:kook", "did you mean occupation:cook? "),
        (["gender:F", "gender:M"], "name each attribute once"),
    ]
    for segment, word in refused:
        answer = api.client.get("/popular", params={"segment": segment})
        assert word in is_refused(answer, 422, "segment")


def test_what_a_segment_prefers_counts_more_there_alone(api):
    def scores(**options):
        items = items_of(api, "/popular", k=30, **options)["items"]
        return {item["item_id"]: item["score"] for item in items}

    everybody, cooks = scores(), scores(segment=["occupation:cook", "gender:F"])
    shared = everybody.keys() & cooks.keys()
    lifts = [cooks[item] / everybody[item] for item in shared]
    assert min(lifts) < 0.99
    assert max(lifts) > 1.01


@pytest.mark.parametrize("path", LISTS)
def test_wrong_options_are_all_named_at_once(api, path):
    answer = api.client.get(
        path, params={"k": 1_000, "filter": "yeer > 1", "fields": "title,prize"}
    )
    faults = answer.json()["error"]["faults"]
    assert answer.status_code == 422
    assert [fault["field"] for fault in faults] == ["k", "filter", "fields"]
    assert "there is no prize" in faults[-1]["message"]
    assert "title" in faults[-1]["message"]
    assert api.client.get(path, params={"kk": 1}).status_code == 422


@pytest.mark.parametrize("path", LISTS[:2])
def test_an_item_that_does_not_exist_has_no_list(api, path):
    answer = api.client.get(path.replace("i3", "nothing"))
    assert "there is no item nothing" in is_refused(answer, 404, None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_recommendation_carries_the_fields_that_are_named(api, method):
    if method == "GET":
        body = api.recommend("u3", fields="title,provider,year,category,flag")
    else:
        options = {"user_id": "u3", "fields": ["title", "provider", "year,category", "flag"]}
        body = api.client.post("/recommend", json=options).json()
    for item in body["items"]:
        assert set(item["fields"]) == {"title", "provider", "year", "category", "flag"}
        assert item["fields"]["title"] == item["title"]
    assert "fields" not in api.recommend("u3")["items"][0]
    assert "list" in is_refused(
        api.client.post("/recommend", json={"user_id": "u3", "fields": 7}), 422, "fields"
    )
    answer = api.client.get("/recommend", params={"user_id": "u3", "fields": "prize"})
    assert "there is no prize" in is_refused(answer, 422, "fields")


def test_an_explanation_carries_the_fields_of_its_item(api):
    asked = {"user_id": "u3", "item_id": "i3", "fields": "title,category"}
    body = api.client.get("/explain", params=asked).json()
    listed = api.client.get("/items/i3").json()
    assert body["fields"] == {"title": listed["title"], "category": listed["categories"]}
    unknown = api.client.get("/explain", params=asked | {"item_id": "nothing"}).json()
    assert (unknown["stage"], unknown["fields"]) == ("catalogue", None)
    assert "fields" not in api.client.get("/explain", params={**asked, "fields": ""}).json()
    answer = api.client.get("/explain", params=asked | {"fields": "prize"})
    assert "there is no prize" in is_refused(answer, 422, "fields")
