"""Gorse's API over HTTP: what clients of Gorse see, request by request."""

import asyncio
import time
from uuid import uuid4

import pytest
import redis

from app.state.gorse_feedback import FeedbackRow, read_excluded_items, write_feedback
from app.state.store import Store
from tests.serving import finished_erasure, hosted, leisurely, until

NO_TIME = "0001-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def service(trained, redis_url):
    """A service that has users and items of a made-up cinema, and those of the tests."""
    settings = leisurely(
        out=trained, redis_url=redis_url, gorse_api=True, spare_items=64, k_max=500
    )
    with hosted(settings) as one:
        one.redis_url, one.prefix = redis_url, settings.key_prefix
        yield one


@pytest.fixture
def ask(service):
    def send(method, path, body=None, status=200, **more):
        answer = service.client.request(method, f"/api{path}", json=body, **more)
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.headers["content-type"] == "application/json"
            return answer.json()
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text
        return answer.text

    return send


@pytest.fixture
def user():
    return f"visitor-{uuid4().hex[:8]}"


@pytest.fixture
def item(ask):
    name = f"film-{uuid4().hex[:8]}"
    row = {
        "ItemId": name,
        "Categories": ["short", "noir"],
        "Timestamp": "2026-03-04",
        "Labels": {"stars": ["Ann", {"role": "thief"}], "vector": [0.5, 1]},
        "Comment": "The Quiet Harbour",
    }
    assert ask("POST", "/item", row) == {"RowAffected": 1}
    yield name
    ask("DELETE", f"/item/{name}")


def row_of(kind, user, item, **more):
    return {"FeedbackType": kind, "UserId": user, "ItemId": item} | more


def listed(ask, user, n=500, **more):
    return ask("GET", f"/recommend/{user}", params={"n": n} | more)


def test_the_routes_do_not_exist_without_the_setting(api):
    answer = api.client.get("/api/users")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert not any(
        path.startswith("/api/") for path in api.client.get("/openapi.json").json()["paths"]
    )


def test_a_user_is_inserted_replaced_patched_and_erased(service, ask, user):
    labels = {"city": "Graz", "tags": ["a", {"b": None}], "age": 31}
    assert ask("POST", "/user", {"UserId": user, "Labels": labels, "Comment": "x", "Odd": 1})
    assert ask("GET", f"/user/{user}") == {"UserId": user, "Labels": labels, "Comment": "x"}
    own = service.client.get(f"/users/{user}").json()
    assert own["attributes"] == {"city": "Graz", "age": "31"}
    assert ask("PATCH", f"/user/{user}", {"Comment": "y", "Labels": None}) == {"RowAffected": 1}
    assert ask("GET", f"/user/{user}") == {"UserId": user, "Labels": labels, "Comment": "y"}
    assert ask("POST", "/users", [{"UserId": user, "Labels": ["new"]}]) == {"RowAffected": 1}
    assert ask("GET", f"/user/{user}/") == {"UserId": user, "Labels": ["new"], "Comment": ""}
    assert service.client.get(f"/users/{user}").status_code == 404  # no attribute is left
    ask("PATCH", f"/user/{user}", {"Labels": {"city": "Linz"}})
    assert service.client.get(f"/users/{user}").json()["attributes"] == {"city": "Linz"}
    assert ask("DELETE", f"/user/{user}") == {"RowAffected": 1}
    ask("GET", f"/user/{user}", status=404)
    assert ask("DELETE", f"/user/{user}") == {"RowAffected": 1}
    assert ask("POST", "/user", {"UserId": user}) == {"RowAffected": 1}
    assert ask("GET", f"/user/{user}") == {"UserId": user, "Labels": None, "Comment": ""}


def test_a_list_of_users_leads_through_all_of_them_once(ask):
    names = {f"u1{n}-{uuid4().hex[:6]}" for n in range(5)}
    ask("POST", "/users", [{"UserId": name} for name in names])
    ids, cursor = [], ""
    while True:
        page = ask("GET", "/users", params={"n": 40, "cursor": cursor})
        ids += [row["UserId"] for row in page["Users"]]
        cursor = page["Cursor"]
        if not cursor:
            break
    assert ids == sorted(set(ids))
    assert names | {f"u{n}" for n in range(100)} <= set(ids)  # of the store, and of the bundle
    assert len(ask("GET", "/users")["Users"]) == 10
    none = ask("GET", "/users", params={"n": 0})
    assert none["Users"] == []
    assert (
        ask("GET", "/users", params={"cursor": none["Cursor"], "n": 1})["Users"][0]["UserId"]
        == ids[0]
    )


def test_an_erased_user_of_the_bundle_is_listed_no_more(service, ask):
    assert ask("GET", "/user/u77") == {"UserId": "u77", "Labels": None, "Comment": ""}
    ask("DELETE", "/user/u77")
    ask("GET", "/user/u77", status=404)
    names = [row["UserId"] for row in ask("GET", "/users", params={"n": 10_000})["Users"]]
    assert "u78" in names
    assert "u77" not in names


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/users?n=x", None, 400),
        ("GET", "/users?n=-1", None, 400),
        ("GET", "/users?cursor=%21%21", None, 400),
        ("GET", "/users?cursor=é", None, 400),
        ("GET", "/user/nobody-at-all", None, 404),
        ("GET", "", None, 404),
        ("GET", "/", None, 404),
        ("PATCH", "/user/nobody-at-all", {"Comment": "x"}, 404),
        ("PATCH", "/user/u3", {"Comment": 7}, 400),
        ("POST", "/user", {"UserId": 7}, 400),
        ("POST", "/user", {"UserId": ""}, 400),
        ("POST", "/user", {}, 400),
        ("POST", "/user", [], 400),
        ("POST", "/users", {"UserId": "a"}, 400),
        ("POST", "/users", [7], 400),
        ("POST", "/users", [{"UserId": "never-stored"}, {"UserId": "a\nb"}], 400),
        ("GET", "/user/never-stored", None, 404),
        ("GET", "/item/no-such-item", None, 404),
        ("PATCH", "/item/no-such-item", {"Comment": "x"}, 404),
        ("PUT", "/item/no-such-item/category/sale", None, 404),
        ("DELETE", "/item/no-such-item/category/sale", None, 404),
        ("POST", "/item", {"ItemId": "never", "Timestamp": "yesterday"}, 400),
        ("POST", "/item", {"ItemId": "never", "Timestamp": 1795168800}, 400),
        ("POST", "/item", {"ItemId": "never", "IsHidden": "yes"}, 400),
        ("POST", "/item", {"ItemId": "never", "Categories": "noir"}, 400),
        ("POST", "/item", {"ItemId": "never", "Categories": [""]}, 400),
        ("POST", "/item", {"ItemId": "never", "Comment": "x" * 100_001}, 400),
        ("POST", "/items", [{"ItemId": "never"}, {"ItemId": ""}], 400),
        ("GET", "/item/never", None, 404),
        ("GET", "/items?q=" + "+".join(map(str, range(11))), None, 400),
        ("GET", "/feedback/like/u3/no-such-item", None, 404),
        ("GET", "/feedback?cursor=bm8=", None, 400),
        ("POST", "/feedback", {"FeedbackType": "like"}, 400),
        ("POST", "/feedback", [row_of("", "u3", "i3")], 400),
        ("POST", "/feedback", [row_of("like", "", "i3")], 400),
        ("POST", "/feedback", [row_of("like", "u3", "")], 400),
        ("POST", "/feedback", [row_of("like", "u3", "i3", Value="five")], 400),
        ("POST", "/feedback", [row_of("like", "u3", "i3", Value=True)], 400),
        ("POST", "/feedback", [row_of("like", "u3", "i3", Value=1e300)], 400),
        ("GET", "/recommend/u3?n=x", None, 400),
        ("GET", "/recommend/u3?offset=-1", None, 400),
        ("GET", "/recommend/u3?category=" + "x" * 600, None, 400),
        ("GET", "/recommend/u3?write-back-type=read&write-back-delay=soon", None, 400),
        ("GET", "/recommend/u3?write-back-type=a%00b", None, 400),
        ("GET", "/latest?n=-1", None, 400),
        ("GET", "/latest?category=" + "x" * 600, None, 400),
        ("POST", "/session/recommend", {"FeedbackType": "like"}, 400),
        ("GET", "/no-such-route", None, 404),
        ("DELETE", "/items", None, 405),
    ],
)
def test_what_is_wrong_is_refused_in_plain_text(ask, method, path, body, status):
    ask(method, path, body, status)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        ("{not json", "application/json", 400),
        ("", "application/json", 400),
        ("{}", "text/plain", 415),
    ],
)
def test_a_body_that_is_no_json_is_refused(service, content, content_type, status):
    headers = {"Content-Type": content_type}
    answer = service.client.post("/api/user", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_too_many_rows_are_refused_before_anything_is_stored(ask):
    ask("POST", "/users", [{"UserId": f"many-{n}"} for n in range(10_001)], 413)
    ask("GET", "/user/many-0", status=404)


def test_ids_of_any_text_lead_to_their_user(ask):
    for name, path in (("a/b", "a%2Fb"), ("größe 1", "gr%C3%B6%C3%9Fe%201")):
        ask("POST", "/user", {"UserId": name})
        assert ask("GET", f"/user/{path}")["UserId"] == name


def test_an_item_is_inserted_replaced_patched_and_deleted(service, ask, item):
    stored = ask("GET", f"/item/{item}")
    assert stored == {
        "ItemId": item,
        "IsHidden": False,
        "Categories": ["short", "noir"],
        "Timestamp": "2026-03-04T00:00:00Z",
        "Labels": {"stars": ["Ann", {"role": "thief"}], "vector": [0.5, 1]},
        "Comment": "The Quiet Harbour",
    }
    own = service.client.get(f"/items/{item}").json()
    assert (own["title"], own["text"]) == ("The Quiet Harbour", "Ann thief")
    assert own["categories"] == ["short", "noir"]
    assert own["released"] == pytest.approx(2026.17, abs=0.01)
    ask("PATCH", f"/item/{item}", {"IsHidden": True, "Comment": None, "Categories": None})
    assert ask("GET", f"/item/{item}") == stored | {"IsHidden": True}
    ask("PATCH", f"/item/{item}", {"Comment": "Härbour", "Timestamp": "2025-01-01"})
    changed = stored | {
        "IsHidden": True,
        "Comment": "Härbour",
        "Timestamp": "2025-01-01T00:00:00Z",
    }
    assert ask("GET", f"/item/{item}") == changed
    assert ask("PUT", f"/item/{item}/category/sale") == {"RowAffected": 1}
    assert ask("PUT", f"/item/{item}/category/sale") == {"RowAffected": 1}
    assert ask("DELETE", f"/item/{item}/category/short") == {"RowAffected": 1}
    assert ask("DELETE", f"/item/{item}/category/other") == {"RowAffected": 1}
    assert ask("GET", f"/item/{item}") == changed | {"Categories": ["noir", "sale"]}
    ask("POST", "/item", {"ItemId": item, "Comment": "again"})
    again = {"ItemId": item, "IsHidden": False, "Categories": None, "Timestamp": NO_TIME}
    assert ask("GET", f"/item/{item}") == again | {"Labels": None, "Comment": "again"}
    assert ask("DELETE", f"/item/{item}") == {"RowAffected": 1}
    assert ask("DELETE", f"/item/{item}") == {"RowAffected": 1}
    ask("GET", f"/item/{item}", status=404)


def test_an_item_of_the_bundle_is_shown_and_changed_like_any_other(service, ask):
    own = service.client.get("/items/i9").json()
    shown = ask("GET", "/item/i9")
    assert shown["Comment"] == own["title"]
    assert sorted(shown["Categories"]) == own["categories"]
    assert shown["Timestamp"] == f"{own['released']:.0f}-01-01T00:00:00Z"
    ask("PUT", "/item/i9/category/gem")
    assert sorted(ask("GET", "/item/i9")["Categories"]) == sorted([*own["categories"], "gem"])
    ask("PATCH", "/item/i9", {"Labels": {"note": 1}})
    after = ask("GET", "/item/i9")
    assert (after["Labels"], after["Comment"]) == ({"note": 1}, own["title"])
    assert after["Timestamp"] == shown["Timestamp"]


def test_what_the_console_or_put_items_changes_is_shown(service, ask, item):
    body = {"is_available": False, "categories": ["other"]}
    assert service.client.put(f"/items/{item}", json=body).is_success
    shown = ask("GET", f"/item/{item}")
    assert (shown["IsHidden"], shown["Categories"]) == (True, ["other"])


def test_a_list_of_items_leads_through_all_of_them_once_and_finds_words(ask, item):
    ids, cursor, pages = [], "", 0
    while cursor or not pages:
        page = ask("GET", "/items", params={"n": 50, "cursor": cursor})
        ids += [row["ItemId"] for row in page["Items"]]
        cursor, pages = page["Cursor"], pages + 1
    assert ids == sorted(set(ids))
    assert {item, "i3", "i99"} <= set(ids)
    found = ask("GET", "/items", params={"q": "quiet harb", "n": 100})
    assert item in [row["ItemId"] for row in found["Items"]]
    assert found["Cursor"] == ""
    assert ask("GET", "/items", params={"q": "no-such-word"})["Items"] == []


def test_feedback_adds_up_and_is_replaced(service, ask, user):
    at = "2026-03-04T05:06:07Z"
    rows = [
        row_of("like", user, "i1", Value=1.5, Timestamp=at, Comment="c"),
        row_of("view", user, "i2"),
    ]
    assert ask("POST", "/feedback", rows) == {"RowAffected": 2}
    stored = row_of("like", user, "i1", Value=1.5, Timestamp=at, Updated=at, Comment="c")
    assert ask("GET", f"/feedback/like/{user}/i1") == stored
    assert list(ask("GET", f"/feedback/like/{user}/i1")) == list(stored)
    unset = row_of("view", user, "i2", Value=0, Timestamp=NO_TIME, Updated=NO_TIME, Comment="")
    assert ask("GET", f"/user/{user}/feedback") == [stored, unset]
    assert ask("GET", f"/user/{user}/feedback/view") == [unset]
    later = row_of("like", user, "i1", Value=2.5, Timestamp="2026-03-05")
    ask("POST", "/feedback", [later])
    added = stored | {"Value": 4, "Updated": "2026-03-05T00:00:00Z", "Comment": ""}
    assert ask("GET", f"/feedback/like/{user}/i1") == added
    ask("PUT", "/feedback", [later])
    moved = {"Value": 2.5, "Timestamp": "2026-03-05T00:00:00Z"}
    assert ask("GET", f"/feedback/like/{user}/i1") == added | moved
    twice = [row_of("play", user, "i1", Value=3), row_of("play", user, "i1", Value=4)]
    assert ask("POST", "/feedback", twice) == {"RowAffected": 2}
    assert ask("GET", f"/feedback/play/{user}/i1")["Value"] == 3
    assert [row["FeedbackType"] for row in ask("GET", f"/feedback/{user}/i1")] == ["like", "play"]
    mine = [row for row in ask("GET", "/item/i1/feedback/play") if row["UserId"] == user]
    assert [row["Value"] for row in mine] == [3]
    assert ask("GET", f"/user/{user}") == {"UserId": user, "Labels": None, "Comment": ""}
    assert ask("POST", "/feedback", []) == {"RowAffected": 0}


def test_one_wrong_row_stores_nothing(ask, user):
    rows = [row_of("like", user, "i4"), row_of("like", user, "i5", Timestamp="no time")]
    assert "row 1" in ask("POST", "/feedback", rows, 400)
    assert ask("GET", f"/user/{user}/feedback") == []
    ask("GET", f"/user/{user}", status=404)


def test_feedback_is_an_event_and_an_unknown_item_is_created(service, ask, user):
    name = f"heard-of-{uuid4().hex[:8]}"
    ask("POST", "/feedback", [row_of("star", user, name, Timestamp="2026-03-04")])
    assert ask("GET", f"/item/{name}")["Comment"] == ""
    history = service.client.get(f"/users/{user}").json()["history"]
    assert [(event["item_id"], event["type"]) for event in history] == [(name, "like")]
    ask("PUT", "/feedback", [row_of("star", user, name, Timestamp="2026-03-04")])
    assert len(service.client.get(f"/users/{user}").json()["history"]) == 1  # sent again
    ask("DELETE", f"/item/{name}")
    assert ask("GET", f"/user/{user}/feedback") == []
    ask("POST", "/feedback", [row_of("view", user, name)])
    ask("GET", f"/item/{name}", status=404)  # what was deleted stays so
    assert len(ask("GET", f"/user/{user}/feedback")) == 1


def test_feedback_without_a_meaning_or_of_the_future_is_kept_and_is_no_event(service, ask, user):
    rows = [
        row_of("wobble", user, "i1"),
        row_of("like", user, "i2", Timestamp="2099-01-01"),
        row_of("rating", user, "i3"),
    ]
    ask("POST", "/feedback", rows)
    assert len(ask("GET", f"/user/{user}/feedback")) == 3
    assert service.client.get(f"/users/{user}").status_code == 404
    assert {"i1", "i2", "i3"} <= set(listed(ask, user))
    metrics = until(lambda: service.client.get("/metrics").text)
    assert 'recfunnel_gorse_feedback_total{outcome="future"}' in metrics
    assert 'recfunnel_gorse_feedback_total{outcome="no_event_type"}' in metrics
    assert 'route="/api/feedback"' in metrics


def test_feedback_of_all_users_is_listed_in_its_order(ask):
    kind = f"kind-{uuid4().hex[:6]}"
    names = [f"v{n:03}-{uuid4().hex[:4]}" for n in range(120)]
    rows = [row_of(kind, name, item) for name in names for item in ("i1", "i2")]
    ask("POST", "/feedback", rows)
    for path in ("/feedback", f"/feedback/{kind}"):
        keys, cursor, pages = [], "", 0
        while cursor or not pages:
            page = ask("GET", path, params={"n": 50, "cursor": cursor})
            assert list(page) == ["Cursor", "Feedback"]
            keys += [(r["FeedbackType"], r["UserId"], r["ItemId"]) for r in page["Feedback"]]
            cursor, pages = page["Cursor"], pages + 1
        assert keys == sorted(set(keys))
        assert [key for key in keys if key[0] == kind] == [tuple(row.values())[:3] for row in rows]
    assert {key[0] for key in keys} == {kind}
    at_once = ask("GET", f"/feedback/{kind}", params={"n": 1_000})  # several reads of the store
    assert [(r["FeedbackType"], r["UserId"], r["ItemId"]) for r in at_once["Feedback"]] == keys
    other = ask("GET", "/feedback", params={"n": 1})["Cursor"]
    assert "another feedback type" in ask(
        "GET", "/feedback/zzz", None, 400, params={"cursor": other}
    )


def test_deleted_feedback_lets_the_item_come_back(service, ask, user):
    item = listed(ask, user)[0]
    ask("POST", "/feedback", [row_of("like", user, item), row_of("read", user, item)])
    assert item not in listed(ask, user)
    assert item not in service.ids(user, k=100)
    assert ask("DELETE", f"/feedback/like/{user}/{item}") == {"RowAffected": 1}
    assert ask("DELETE", f"/feedback/like/{user}/{item}") == {"RowAffected": 0}
    assert item not in listed(ask, user)  # it is still read
    assert ask("DELETE", f"/feedback/{user}/{item}") == {"RowAffected": 1}
    assert item in listed(ask, user)
    assert ask("GET", f"/feedback/{user}/{item}") == []
    assert user not in [row["UserId"] for row in ask("GET", f"/item/{item}/feedback")]


def history(service, user):
    answer = service.client.get(f"/users/{user}")
    events = answer.json()["history"] if answer.is_success else []
    return sorted((event["item_id"], event["type"]) for event in events)


def test_deleted_feedback_takes_the_event_of_its_own_type_back(service, ask, user):
    rows = [row_of(kind, user, "i1", Timestamp="2026-03-04") for kind in ("star", "like")]
    ask("POST", "/feedback", rows)
    assert history(service, user) == [("i1", "like")] * 2
    ask("DELETE", f"/feedback/star/{user}/i1")
    assert history(service, user) == [("i1", "like")]
    ask("DELETE", f"/feedback/{user}/i1")
    assert history(service, user) == []
    ask("POST", "/feedback", rows)  # the same rows are events again
    assert history(service, user) == [("i1", "like")] * 2


def test_replaced_feedback_without_a_time_is_one_event(service, ask, user):
    for value in (1, 1, 2):
        ask("PUT", "/feedback", [row_of("like", user, "i1", Value=value)])
    assert history(service, user) == [("i1", "like")] * 2
    for _ in range(2):
        ask("POST", "/feedback", [row_of("view", user, "i1")])
    assert history(service, user) == [("i1", "like")] * 2 + [("i1", "view")] * 2


def test_a_deletion_that_fails_in_the_middle_can_be_repeated(service, ask, user):
    ask("POST", "/feedback", [row_of("like", user, "i1")])
    key = f"{service.prefix}:u:{{{user}}}:h"
    with redis.Redis.from_url(service.redis_url) as store:
        store.rename(key, f"{key}-kept")
        store.set(key, "damaged: no event can be withdrawn")
        ask("DELETE", f"/feedback/{user}/i1", None, 503)
        store.rename(f"{key}-kept", key)
    assert history(service, user) == [("i1", "like")]
    assert ask("DELETE", f"/feedback/{user}/i1") == {"RowAffected": 1}
    assert history(service, user) == []


def test_feedback_that_hides_an_item_is_taken_back(service, ask, user):
    hidden = listed(ask, user)[0]
    ask("POST", "/feedback", [row_of(kind, user, hidden) for kind in ("dismiss", "block")])
    assert hidden not in listed(ask, user)
    ask("DELETE", f"/feedback/dismiss/{user}/{hidden}")
    assert hidden not in listed(ask, user)  # it is still blocked
    ask("DELETE", f"/feedback/{user}/{hidden}")
    assert hidden in listed(ask, user)
    ask("POST", "/feedback", [row_of("dismiss", user, hidden)])
    assert hidden not in listed(ask, user)
    other = listed(ask, user)[0]
    hide = {"user_id": user, "item_id": other, "type": "hide"}
    assert service.client.post("/events", json=hide).is_success
    ask("POST", "/feedback", [row_of("dismiss", user, other, Timestamp="2099-01-01")])
    ask("DELETE", f"/feedback/{user}/{other}")
    assert other not in listed(ask, user)  # that feedback has hidden nothing yet


def test_a_value_and_a_time_decide_whether_feedback_excludes(service, ask, user):
    one, two, three, four = listed(ask, user)[:4]
    now = int(time.time())
    ask("POST", "/feedback", [row_of("like", user, one, Timestamp="2026-03-04")])
    ask("POST", "/feedback", [row_of("read", user, one, Timestamp=str(now + 900))])
    key = f"{service.prefix}:u:{{{user}}}:gx"
    with redis.Redis.from_url(service.redis_url) as store:
        assert 0 < store.zscore(key, one) < now * 1e6  # it stays excluded until then
    assert one not in listed(ask, user)
    ask("DELETE", f"/feedback/like/{user}/{one}")
    assert one in listed(ask, user)  # the other row is of the future
    rows = [row_of("read", user, item, Timestamp="1969-07-20") for item in (two, three)]
    ask("PUT", "/feedback", [*rows, row_of("read", user, four)])
    assert not {two, three, four} & set(listed(ask, user))
    ask("PUT", "/feedback", [row_of("read", user, two, Timestamp=str(now + 900))])
    with redis.Redis.from_url(service.redis_url) as store:
        assert {item.decode() for item in store.zrange(key, 0, -1)} == {one, two, three, four}
        assert store.zscore(key, three) < 0 < now * 1e6 < store.zscore(key, two)


def test_a_user_with_very_many_rows_costs_a_list_no_more(service, user):
    prefix, rules = service.prefix, (("read", "", 0.0),)
    now = time.time()

    async def fill():
        async with Store.connect(service.redis_url, timeout=30.0) as store:
            at = [round((now - n) * 1e6) for n in range(6_000)]
            rows = [FeedbackRow("read", user, f"x{n}", 0.0, t, t) for n, t in enumerate(at)]
            await write_feedback(store, prefix, rows, "put", rules)
            return await read_excluded_items(store, prefix, user)

    excluded = asyncio.run(fill())
    assert excluded == tuple(f"x{n}" for n in range(1_000))  # those of the latest times
    with redis.Redis.from_url(service.redis_url) as store:
        assert store.hlen(f"{prefix}:u:{{{user}}}:gf") == 6_000
        assert store.zcard(f"{prefix}:u:{{{user}}}:gx") == 5_000


def test_too_many_feedback_types_are_refused_and_a_deletion_stays_cheap(service, ask, user):
    kinds = [f"kind-{n}" for n in range(400)]
    rows = [row_of(kind, user, "i1") for kind in kinds]
    assert "at most 256" in ask("POST", "/feedback", rows, 400)
    assert ask("GET", f"/user/{user}/feedback") == []
    params = {"write-back-type": f"kind-{user}"}
    with redis.Redis.from_url(service.redis_url) as store:
        types = f"{service.prefix}:gorse:types"
        added = [f"filler-{n}" for n in range(256 - store.scard(types))]
        store.sadd(types, *added)
        try:
            ask("GET", f"/recommend/{user}", None, 400, params=params)
            ask("POST", "/feedback", [row_of("filler-0", user, "i1")])
            before = commands(store)
            ask("DELETE", f"/feedback/{user}/i1")
            assert commands(store) - before < 600
        finally:
            store.srem(types, *added)


def commands(store):
    return sum(each["calls"] for each in store.info("commandstats").values())


def test_a_list_is_a_part_of_what_there_is(ask, user):
    whole = listed(ask, user, n=0)
    assert len(whole) == len(set(whole)) >= 100
    assert listed(ask, user, n=-1) == listed(ask, user, n=1_000)
    assert len(ask("GET", f"/recommend/{user}")) == 10
    assert len(ask("GET", f"/recommend/{user}/", params={"n": 3, "offset": 2})) == 3
    assert ask("GET", f"/recommend/{user}", params={"offset": 1_000}) == []
    first, later = listed(ask, user, n=5), listed(ask, user, n=5, offset=5)
    assert not set(first) & set(later)
    scored = ask("GET", f"/recommend/{user}", params={"n": 3}, headers={"X-API-Version": "2"})
    assert [list(each) for each in scored] == [["Id", "Score"]] * 3
    assert all(isinstance(each["Score"], float) for each in scored)
    assert ask("GET", f"/collaborative-filtering/{user}", params={"n": 2})[1].keys() == {
        "Id",
        "Score",
    }


def test_categories_mean_all_of_them(service, ask, user, item):
    ask("PUT", "/item/i3/category/noir")
    assert set(listed(ask, user, category="noir")) == {item, "i3"}
    assert listed(ask, user, category=["noir", "short"]) == [item]
    assert ask("GET", f"/recommend/{user}/noir", params={"category": "short"}) == [item]
    assert listed(ask, user, category='no "such" one') == []


def test_what_is_read_hidden_or_deleted_leaves_the_next_list(ask, user, item):
    read, hidden = listed(ask, user, n=2)
    ask("POST", "/feedback", [row_of("read", user, read)])
    assert read not in listed(ask, user)
    ask("PATCH", f"/item/{hidden}", {"IsHidden": True})
    assert hidden not in listed(ask, user)
    ask("PATCH", f"/item/{hidden}", {"IsHidden": False})
    assert hidden in listed(ask, user)
    assert item in listed(ask, user)
    ask("DELETE", f"/item/{item}")
    assert item not in listed(ask, user)


def test_an_answer_is_written_back(ask, user):
    back = {"write-back-type": "read", "write-back-delay": "0s"}
    first = listed(ask, user, n=2, **back)
    rows = ask("GET", f"/user/{user}/feedback/read")
    assert [row["ItemId"] for row in rows] == sorted(first)
    assert all(row["Timestamp"] == row["Updated"] > "2025" for row in rows)
    second = listed(ask, user, n=2, **back | {"write-back-delay": "10m"})
    assert not set(first) & set(second)
    assert set(second) <= set(listed(ask, user))  # its time has not come
    ask("POST", "/feedback", [row_of("read", user, second[0], Timestamp=str(int(time.time())))])
    assert second[0] not in listed(ask, user)  # read earlier than written back
    row = ask("GET", f"/feedback/read/{user}/{second[0]}")
    assert row["Timestamp"] < row["Updated"]


def test_the_newest_items_come_first(ask, item):
    first = ask("GET", "/latest", params={"n": 3})
    assert first[0] == {"Id": item, "Score": 1772582400}
    assert [each["Score"] for each in first] == sorted((e["Score"] for e in first), reverse=True)
    newer = f"film-{uuid4().hex[:8]}"
    ask("POST", "/item", {"ItemId": newer, "Timestamp": "2026-03-04T00:00:01Z"})
    assert [each["Id"] for each in ask("GET", "/latest/", params={"n": 2})] == [newer, item]
    assert [each["Id"] for each in ask("GET", "/latest", params={"n": 1, "offset": 1})] == [item]
    assert [each["Id"] for each in ask("GET", "/latest/noir", params={"n": 1})] == [item]
    assert len(ask("GET", "/latest", params={"n": 0})) >= 100
    ask("DELETE", f"/item/{newer}")


def test_lists_for_no_user_have_names(ask):
    popular = ask("GET", "/non-personalized/popular", params={"n": 4})
    assert [list(each) for each in popular] == [["Id", "Score"]] * 4
    assert ask("GET", "/popular/", params={"n": 4}) == popular
    assert ask("GET", "/popular", params={"n": 2, "offset": 2}) == popular[2:]
    assert ask("GET", "/non-personalized/trending", params={"n": 4})
    assert ask("GET", "/non-personalized/latest", params={"n": 1}) == ask("GET", "/latest?n=1")
    assert ask("GET", "/non-personalized/others") == []
    war = ask("GET", "/popular/war", params={"n": 3})
    assert all("war" in ask("GET", f"/item/{each['Id']}")["Categories"] for each in war)


def test_neighbours_of_items_and_users(service, ask, item):
    near = ask("GET", "/item/i3/neighbors", params={"n": 5})
    own = service.client.get("/items/i3/similar", params={"k": 5}).json()["items"]
    assert [each["Id"] for each in near] == [each["item_id"] for each in own]
    assert ask("GET", "/item-to-item/neighbors/i3", params={"n": 5}) == near
    assert ask("GET", "/item/i3/neighbors/", params={"n": 2, "offset": 3}) == near[3:]
    assert ask("GET", "/item-to-item/others/i3") == []
    assert ask("GET", "/item/no-such-item/neighbors") == []
    for each in ask("GET", "/item/i3/neighbors/war", params={"n": 3}):
        assert "war" in ask("GET", f"/item/{each['Id']}")["Categories"]
    assert ask("GET", f"/item/{item}/neighbors")  # by content
    users = ask("GET", "/user/u3/neighbors", params={"n": 5})
    assert [each["Score"] for each in users] == sorted((e["Score"] for e in users), reverse=True)
    assert len(users) == 5
    assert "u3" not in {each["Id"] for each in users}
    alike = [each for each in users if int(each["Id"][1:]) % 5 == 3]
    assert len(alike) >= 3  # users of one taste are five apart
    assert ask("GET", "/user-to-user/neighbors/u3", params={"n": 2}) == users[:2]
    assert ask("GET", "/user-to-user/others/u3") == []
    assert ask("GET", "/user/nobody-at-all/neighbors") == []


def test_a_session_has_a_list(ask):
    at = {"Timestamp": "2026-03-04T05:06:07Z"}
    session = [row_of("like", "s", "i0", **at), row_of("buy", "s", "i5", **at)]
    answer = ask("POST", "/session/recommend/", session, params={"n": 5})
    assert len(answer) == 5
    assert not {"i0", "i5"} & {each["Id"] for each in answer}
    drama = ask("POST", "/session/recommend/drama", session, params={"n": 3})
    assert all("drama" in ask("GET", f"/item/{each['Id']}")["Categories"] for each in drama)
    for unknown in ([], [row_of("like", "s", "no-such-item")], [row_of("wobble", "s", "i0")]):
        assert ask("POST", "/session/recommend", unknown) is None


def test_health_has_its_five_fields(ask):
    expected = {
        "Ready": True,
        "DataStoreError": None,
        "CacheStoreError": None,
        "DataStoreConnected": True,
        "CacheStoreConnected": True,
    }
    for path in ("/health/live", "/health/ready"):
        assert ask("GET", path) == expected


def test_erasing_a_user_leaves_no_trace_of_feedback(service, ask):
    user = f"leaves-{uuid4().hex}"
    ask("POST", "/user", {"UserId": user, "Labels": {"city": "Graz"}})
    ask("POST", "/feedback", [row_of("like", user, "i1"), row_of("wobble", user, "i2")])
    ask("DELETE", f"/feedback/like/{user}/i1")  # the index of likes still has the user
    ask("POST", "/feedback", [row_of("view", user, "i3")])
    receipt = service.client.delete(f"/users/{user}").json()
    removed = finished_erasure(service.client, receipt["erasure_id"])["removed"]
    assert (removed["gorse_record"], removed["gorse_feedback"]) == (2, 2)
    assert ask("GET", f"/user/{user}/feedback") == []
    left = []
    with redis.Redis.from_url(service.redis_url) as store:
        for key in store.scan_iter(f"{service.prefix}*gorse*"):
            kind = store.type(key)
            if kind == b"zset" and any(user.encode() in each for each in store.zrange(key, 0, -1)):
                left.append(key)
            if kind == b"set" and any(user.encode() in each for each in store.smembers(key)):
                left.append(key)
        left += list(store.scan_iter(f"{service.prefix}*{user}*"))
    assert left == []


def test_more_feedback_than_an_answer_holds_is_read_page_by_page(service, ask):
    name, mark = f"everybodys-{uuid4().hex[:6]}", uuid4().hex[:6]
    with redis.Redis.from_url(service.redis_url) as store:
        users = [f"many-{mark}-{n}" for n in range(10_001)]
        store.sadd(f"{service.prefix}:gorse:raters_of:{name}", *users)
    assert "page by page" in ask("GET", f"/item/{name}/feedback", None, 400)
