"""``/items``: a catalogue that changes while it is served."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import orjson
import pytest
import redis

from app.api.batch_bodies import LINES
from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle
from app.service.service import CONFIRM_TIMEOUT
from tests.integration.api.test_item_lists import ids, items_of
from tests.integration.api.test_recommend import is_refused
from tests.integration.test_service import another_version, serving
from tests.serving import hosted, leisurely, until

NDJSON = {"Content-Type": LINES}


@pytest.fixture(scope="module")
def shop(trained, redis_url):
    """A service of our own: what is put stays."""
    with hosted(leisurely(out=trained, redis_url=redis_url, spare_items=32)) as service:
        yield service


@pytest.fixture
def new(shop):
    """An item that is put, and deleted at the end."""
    name = f"new-{uuid4().hex[:8]}"
    told = {"title": "Night of Love", "categories": ["action", "long"], "released": 1997}
    answer = shop.client.put(f"/items/{name}", json=told)
    assert answer.status_code == 200, answer.text
    yield name
    shop.client.delete(f"/items/{name}")


def listed(shop, user, k=100, **asked):
    return shop.ids(user, k=k, **asked)


def test_what_was_put_is_given_back_with_what_the_bundle_knows(shop, new):
    told = shop.client.get(f"/items/{new}").json()
    assert told == {
        "item_id": new,
        "title": "Night of Love",
        "text": None,
        "categories": ["action", "long"],
        "provider": None,
        "released": 1997.0,
        "flags": [],
        "is_available": True,
        "attributes": {},
        "source": "live",
    }
    known = shop.client.get("/items/i3").json()
    assert known["source"] == "bundle"
    assert known["title"]
    assert known["is_available"]


def test_a_new_item_can_be_listed_and_events_on_it_count(shop, new):
    until(lambda: new in listed(shop, "u3"))
    shop.tell({"user_id": "u-likes-new", "item_id": new, "type": "like"})
    assert new not in listed(shop, "u-likes-new")
    assert new in listed(shop, "u4", filter=f'item_id == "{new}"')


def test_a_new_item_is_in_the_ten_of_a_user_whose_taste_it_fits_at_once(shop):
    liked = [{"user_id": "u-fits", "item_id": f"i{n}", "type": "like"} for n in (0, 5, 10, 15)]
    shop.tell(*liked)
    alike = shop.client.get("/items/i20").json()
    told = {name: alike[name] for name in ("title", "categories", "released")}
    assert shop.client.put("/items/fits", json=told).is_success
    answer = shop.recommend("u-fits", explain=True)
    found = {item["item_id"]: item for item in answer["items"]}["fits"]
    assert found["slot"] in {"organic", "explore"}
    assert {"embedding", "content"} <= set(found["explain"]["channels"])
    shop.client.delete("/items/fits")
    assert "fits" not in listed(shop, "u-fits")


def test_a_deleted_item_is_never_listed_again_until_it_is_put(shop, new):
    until(lambda: new in listed(shop, "u3"))
    answer = shop.client.delete(f"/items/{new}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert new not in listed(shop, "u3")
    assert shop.ids("u3", filter=f'item_id == "{new}"') == []
    assert shop.client.get(f"/items/{new}").status_code == 404
    assert shop.client.delete(f"/items/{new}").status_code == 204
    assert shop.client.put(f"/items/{new}", json={}).json()["title"] is None
    until(lambda: new in listed(shop, "u3"))


@pytest.mark.parametrize("change", [("PUT", {"is_available": False}), ("DELETE", None)])
def test_an_item_of_the_bundle_that_is_taken_away_is_not_listed(shop, change):
    item = listed(shop, "u5")[0]
    answer = shop.client.request(change[0], f"/items/{item}", json=change[1])
    assert answer.is_success, answer.text
    assert item not in listed(shop, "u5")
    assert shop.client.put(f"/items/{item}", json={"is_available": True}).is_success
    assert item in listed(shop, "u5")


@pytest.mark.parametrize(
    ("told", "policy"),
    [
        ({"categories": ["novel-kind"]}, {"categories": ["novel-kind"]}),
        ({"categories": ["drama"]}, {"categories": ["drama"]}),
        ({"provider": "new-maker"}, {"providers": ["new-maker"]}),
        ({}, {"items": ["new"]}),
    ],
)
def test_what_a_user_blocks_holds_for_new_items_too(shop, new, told, policy):
    shop.client.put(f"/items/{new}", json=told)
    user, wanted = f"u-{uuid4().hex}", f'item_id == "{new}"'
    assert shop.ids(user, filter=wanted) == [new]
    policy = {"items": [new]} if "items" in policy else policy
    assert shop.client.put(f"/users/{user}/blocked", json=policy).is_success
    assert shop.ids(user, filter=wanted) == []


def test_a_blocked_name_that_no_item_has_is_noted_with_those_that_are_spelt_alike(shop, new):
    shop.client.put(f"/items/{new}", json={"categories": ["novel-kind"], "provider": "new-maker"})
    path = f"/users/u-{uuid4().hex}/blocked"
    known = {"categories": ["novel-kind"], "items": [new]}
    assert "notes" not in shop.client.put(path, json=known).json()
    misspelt = {"categories": ["novel-kid"], "providers": ["new-makr"], "items": ["nothing"]}
    reply = shop.client.put(path, json=misspelt).json()
    assert reply["categories"] == ["novel-kid"]
    assert reply["notes"] == [
        'no item has the category "novel-kid"; did you mean "novel-kind"?',
        'no item has the provider "new-makr"; did you mean "new-maker"?',
        'there is no item "nothing"',
    ]


def test_filters_and_exclusions_know_what_is_told_of_new_items(shop, new):
    shop.client.put(f"/items/{new}", json={"flags": ["adult"], "categories": ["novel-kind"]})
    assert shop.ids("u7", filter='category == "novel-kind"') == [new]
    assert shop.ids("u7", filter='flag == "adult" and year >= 1997') == [new]
    assert shop.ids("u7", filter='flag == "adult"', exclude=[new]) == []


def test_a_misspelt_category_of_a_filter_has_a_note_until_an_item_has_it(shop, new):
    answer = shop.recommend("u7", filter='category == "Lnog" or category == "long"')
    assert answer["notes"] == ['no item has the category "Lnog"; did you mean "long"?']
    assert answer["items"]
    assert "notes" not in shop.recommend("u7", filter='category == "long"')


def test_scenes_forbid_flags_and_cap_categories_of_new_items(trained, redis_url):
    scenes = {
        "kids": {"forbidden_flags": ["adult"]},
        "mixed": {"category_cap": 1},
        "blocked": {"blocked_categories": ["novel-kind"]},
        "pinned": {"pinned": {"new-0": 1}},
    }
    with hosted(leisurely(out=trained, redis_url=redis_url, scenes=scenes)) as shop:
        for n in range(3):
            told = {"flags": ["adult"], "categories": ["novel-kind"]}
            assert shop.client.put(f"/items/new-{n}", json=told).is_success
        wanted = 'category == "novel-kind"'
        assert len(shop.ids("u1", filter=wanted)) == 3
        assert shop.ids("u1", filter=wanted, scene="kids") == []
        assert shop.ids("u1", filter=wanted, scene="blocked") == []
        assert len(shop.ids("u1", filter=wanted, scene="mixed")) == 1
        assert shop.ids("u1", scene="pinned")[0] == "new-0"
        shop.client.delete("/items/new-0")
        assert "new-0" not in listed(shop, "u1", scene="pinned")


@pytest.fixture
def narrow(trained, redis_url):
    """A service with room for four more items, and with a catalogue of its own."""
    known = {"spare_items": 4, "max_spare_items": 4, "key_prefix": f"narrow-{uuid4().hex}"}
    with hosted(leisurely(out=trained, redis_url=redis_url, **known)) as service:
        yield service


def test_more_new_items_than_spare_rows_are_refused_and_counted(narrow):
    shop = narrow
    together = shop.client.post("/items", json=[{"item_id": f"full-{n}"} for n in range(5)])
    assert "max_spare_items (4)" in is_refused(together, 507, None)
    assert ids(items_of(shop, "/items", prefix="full-")) == []
    for n in range(4):
        assert shop.client.put(f"/items/full-{n}", json={}).is_success
    answer = shop.client.put("/items/full-4", json={})
    assert answer.status_code == 507
    assert answer.json()["error"]["code"] == "full"
    assert "raise max_spare_items" in answer.json()["error"]["message"]
    assert shop.client.put("/items/full-3", json={"title": "Still"}).is_success
    text = shop.client.get("/metrics").text
    assert 'recfunnel_item_changes_total{change="put",outcome="full"} 6.0' in text
    assert shop.client.delete("/items/full-0").is_success
    until(lambda: shop.client.put("/items/full-4", json={}).is_success)  # the row rests first


def test_room_is_made_for_more_new_items_and_none_is_lost(trained, redis_url):
    known = {"spare_items": 2, "max_spare_items": 40, "key_prefix": f"growing-{uuid4().hex}"}
    names = [f"more-{n}" for n in range(9)]
    with hosted(leisurely(out=trained, redis_url=redis_url, **known)) as shop:
        for n, name in enumerate(names):  # each of a provider of its own, which needs a code
            body = {"title": f"Title {n}", "provider": f"new-{n}", "categories": ["kids"]}
            answer = shop.client.put(f"/items/{name}", json=body)
            assert answer.is_success, answer.text
            assert answer.json()["provider"] == f"new-{n}"
        deployment = until(lambda: _with_room_for(shop, names))
        assert 9 <= deployment.live_items.spare_count <= 40
        assert set(shop.ids("u1", k=20, filter='category == "kids"')) == set(names)
        assert shop.client.delete("/items/more-0").is_success
        shop.tell({"event_id": "e", "user_id": "u1", "item_id": "more-8", "type": "like"})
        assert shop.client.get("/items/more-8/counts").json()["liked"] == 1
    with hosted(leisurely(out=trained, redis_url=redis_url, **known)) as shop:  # from the start
        assert shop.service.deployment.live_items.placed_count == 8
        assert not shop.service.deployment.live_items.waiting


def _with_room_for(shop, names):
    """The deployment, once it has a row for each of these items."""
    deployment = shop.service.deployment
    ids = deployment.bundle.models.catalogue.ids
    return deployment if (ids.rows(names) >= 0).all() else None


@pytest.mark.parametrize(
    ("body", "field"),
    [({"title": 3}, "title"), ({"released": "old"}, "released"), ({"colour": "red"}, "colour")],
)
def test_an_item_that_is_not_valid_is_refused_with_the_field(shop, body, field):
    answer = shop.client.put("/items/odd", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert shop.client.get("/items/odd").status_code == 404
    assert shop.client.delete("/items/odd").status_code == 404


def test_changes_outlive_the_service_and_new_bundles(out, redis_url):
    settings = leisurely(out=out, redis_url=redis_url, reload_seconds=0.1)
    with hosted(settings) as shop:
        shop.client.put("/items/lasting", json={"title": "Lasting"})
        shop.client.delete("/items/i3")
    with hosted(settings) as shop:
        assert shop.client.get("/items/lasting").json()["title"] == "Lasting"
        until(lambda: "lasting" in listed(shop, "u3"))
        second = another_version(out, "second").name
        point_to(find_current_bundle(out).with_name(second))
        until(lambda: serving(shop)["bundle"] == second)
        until(lambda: "lasting" in listed(shop, "u3"))
        assert "i3" not in listed(shop, "u-nobody", k=100)
        assert shop.client.get("/items/i3").status_code == 404


def test_a_change_that_a_worker_does_not_confirm_is_not_acknowledged(shop, new, redis_url):
    service, key = shop.service, f"{shop.service.settings.key_prefix}:{{items}}:workers"
    silent = service.item_store.workers.name.rpartition("|")[0] + "|silent"  # its process lives
    service.confirm_timeout = 0.05
    with redis.Redis.from_url(redis_url) as link:
        link.hset(key, silent, "0-0 0")
        answer = shop.client.delete(f"/items/{new}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "stored, but 1 of the workers" in answer.json()["error"]["message"]
        link.hdel(key, silent)
    service.confirm_timeout = CONFIRM_TIMEOUT
    assert shop.client.delete(f"/items/{new}").status_code == 204


def test_the_records_of_changed_items_are_bounded_and_deletions_are_not(trained, redis_url):
    settings = leisurely(out=trained, redis_url=redis_url, item_limit=2)
    with hosted(settings) as service:
        for item in ("n1", "n2"):
            assert service.client.put(f"/items/{item}", json={"title": item}).is_success
        refused = service.client.put("/items/n3", json={"title": "One more"})
        assert refused.status_code == 507
        assert "item_limit is 2" in refused.text
        assert service.client.put("/items/n1", json={"title": "Changed"}).is_success
        assert service.client.delete("/items/i1").status_code == 204


@pytest.mark.parametrize("path", ["/items/i3/similar", "/popular", "/trending"])
def test_filters_exclusions_and_unavailable_items_hold_in_every_list(shop, path):
    first, second, *_ = ids(items_of(shop, path, k=50))
    assert first not in ids(items_of(shop, path, k=50, exclude=first))
    assert ids(items_of(shop, path, filter=f'item_id == "{second}"')) == [second]
    assert shop.client.put(f"/items/{first}", json={"is_available": False}).is_success
    assert first not in ids(items_of(shop, path, k=50))
    assert shop.client.put(f"/items/{first}", json={"is_available": None}).is_success
    assert first in ids(items_of(shop, path, k=50))


def test_a_new_item_resembles_others_by_content_alone_and_the_answer_says_so(shop):
    alike = shop.client.get("/items/i20").json()
    fields = {name: alike[name] for name in ("title", "categories", "released")}
    assert shop.client.put("/items/similar-new", json=fields).is_success
    body = items_of(shop, "/items/similar-new/similar")
    assert body["by"] == "content"
    assert "newer than the bundle" in body["notes"][0]
    assert "i20" in ids(body)[:3]
    assert "similar-new" in ids(items_of(shop, "/items/i20/similar", by="content"))
    assert shop.client.delete("/items/similar-new").is_success
    assert shop.client.get("/items/similar-new/similar").status_code == 404


def test_a_new_item_without_attributes_resembles_nothing_and_the_answer_says_what_to_do(shop):
    assert shop.client.put("/items/bare", json={}).is_success
    body = items_of(shop, "/items/bare/similar")
    assert (body["by"], body["items"]) == ("content", [])
    assert body["notes"][-1] == "the item bare has no content: PUT a title or categories"
    assert shop.client.delete("/items/bare").is_success


def test_what_is_liked_now_is_popular_and_trending_within_a_second(shop):
    last = items_of(shop, "/popular", k=100, explain=True)["items"][-1]
    assert last["explain"]["likes_90_days"] > 0
    users = [f"p-{uuid4().hex}" for _ in range(400)]
    shop.tell(*({"user_id": user, "item_id": last["item_id"], "type": "like"} for user in users))
    for path in ("/popular", "/trending"):
        assert ids(items_of(shop, path, k=1)) == [last["item_id"]]


def test_many_items_are_put_at_once_and_every_later_list_can_have_them(shop):
    items = [{"item_id": f"many-{n}", "title": f"Many {n}", "released": 1990 + n} for n in range(9)]
    lines = b"\n".join(map(orjson.dumps, items[4:]))
    assert shop.client.post("/items", json=items[:4]).json() == {"stored": 4}
    assert shop.client.post("/items", content=lines, headers=NDJSON).json() == {"stored": 5}
    assert shop.client.get("/items/many-7").json()["released"] == 1997.0
    assert "many-3" in listed(shop, "u4", filter='item_id == "many-3"')
    changed = shop.client.post("/items", json={"item_id": "many-7", "categories": ["war"]})
    assert changed.json() == {"stored": 1}
    assert shop.client.get("/items/many-7").json()["released"] == 1997.0
    for item in items:
        shop.client.delete(f"/items/{item['item_id']}")


def test_one_wrong_item_keeps_all_from_being_stored_unless_the_others_are_wanted(shop):
    items = [
        {"item_id": "wrong-1", "title": "Good"},
        {"item_id": "wrong-2", "titel": "Bad"},
        {"item_id": "wrong-1"},
        {"item_id": "wrong-3", "attributes": {"prize": 1}},
        {"title": "nameless"},
        "no object",
    ]
    message = is_refused(shop.client.post("/items", json=items), 422, "1.titel")
    assert "did you mean title?" in message
    assert "(and 4 other items are wrong)" in message
    assert shop.client.get("/items/wrong-1").status_code == 404
    lines = b"\n".join(map(orjson.dumps, items))
    answer = shop.client.post("/items", content=lines, headers=NDJSON)
    assert is_refused(answer, 422, "1.titel").startswith("line 2: ")
    answer = shop.client.post("/items", json=items, params={"partial": True}).json()
    assert answer["stored"] == 1
    assert [refused["index"] for refused in answer["refused"]] == [1, 2, 3, 4, 5]
    assert "twice" in answer["refused"][1]["message"]
    assert shop.client.delete("/items/wrong-1").is_success


def test_a_patch_changes_an_item_and_creates_none(shop, new):
    patched = shop.client.patch(f"/items/{new}", json={"released": 2001})
    assert patched.json()["released"] == 2001.0
    assert patched.json()["title"] == "Night of Love"
    assert shop.client.patch("/items/nobody", json={"released": 2001}).status_code == 404
    assert shop.client.get("/items/nobody").status_code == 404


def test_a_patch_does_not_bring_back_an_item_that_is_deleted_at_the_same_time(shop):
    with ThreadPoolExecutor(2) as pool:
        for n in range(12):
            path = f"/items/both-{n}"
            assert shop.client.put(path, json={"title": "Both"}).is_success
            patched = pool.submit(shop.client.patch, path, json={"released": 2001})
            deleted = pool.submit(shop.client.delete, path)
            assert deleted.result().status_code == 204
            assert patched.result().status_code in {200, 404}
            assert shop.client.get(path).status_code == 404


def test_items_are_found_by_id_title_and_filter_page_by_page(shop, new):
    page = shop.client.get("/items", params={"prefix": new, "fields": "year,category"}).json()
    assert page == {
        "items": [
            {
                "item_id": new,
                "title": "Night of Love",
                "is_available": True,
                "source": "live",
                "fields": {"year": 1997.0, "category": ["action", "long"]},
            }
        ],
        "cursor": None,
    }
    names, cursor = [], ""
    while cursor is not None:
        params = {"title": "love night", "limit": 2, "cursor": cursor}
        page = shop.client.get("/items", params=params).json()
        names += ids(page)
        cursor = page["cursor"]
    assert new in names
    assert names == sorted(set(names))
    assert items_of(shop, "/items", filter='category == "war"', limit=200)["items"]
    many = shop.client.get("/items", params={"title": " ".join("abcdefghijk")})
    assert "at most 10 words" in is_refused(many, 422, "title")
    shop.client.delete(f"/items/{new}")
    assert ids(items_of(shop, "/items", prefix=new)) == []
    answer = shop.client.get("/items", params={"filter": "yeer > 1"})
    assert "yeer" in is_refused(answer, 422, "filter")
