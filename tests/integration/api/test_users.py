"""``/users/{id}`` over HTTP: attributes, friends, hidden items, and being forgotten."""

import time
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import orjson
import pytest
import redis

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import read_manifest
from app.rerank.policies import SceneSettings
from app.state.erasure import erase_user
from app.state.store import Store
from app.state.user_store import user_digest
from tests.integration.api.test_events import event
from tests.integration.api.test_recommend import is_refused, stranger
from tests.serving import erase, hosted, leisurely, until
from tests.world import seen_by


@pytest.fixture(scope="module")
def music(trained, redis_url):
    """A service where what was met before may come again."""
    policy = SceneSettings(seen="keep", shown="demote")
    with hosted(leisurely(out=trained, redis_url=redis_url, policy=policy)) as service:
        yield service


def known(api, user):
    answer = api.client.get(f"/users/{user}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def may_have(api, user, item):
    """Say whether a user may be shown an item, however low it ranks."""
    return api.ids(user, filter=f'item_id == "{item}"', k=1)[:1] == [item]


def post(api, *events):
    answer = api.client.post("/events", json=list(events))
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_attributes_choose_segments_at_once_and_win_over_those_of_the_bundle(api):
    user, settings = stranger(), api.service.settings
    popular = api.service.deployment.funnel.local_channels[-2]
    assert popular.name == "popular"
    put = api.client.put(f"/users/{user}", json={"attributes": {"gender": "m", "age": 19.5}})
    assert put.status_code == 200, put.text
    segments = put.json()["segments"]
    assert segments["gender"] == "M"
    low, high = map(float, segments["age"].split("-"))
    assert low <= 20 <= high + 1
    assert known(api, user)["attributes"] == {"gender": "m", "age": "19.5"}
    names = read_manifest(find_current_bundle(settings.out)).segment_names
    told = api.recommend(user, explain=True)["items"][0]["explain"]["features"]
    nothing = api.recommend(stranger(), explain=True)["items"][0]["explain"]["features"]
    lifts = [name for name in told if "segment" in name]
    assert lifts
    assert names
    assert [told[name] for name in lifts] != [nothing[name] for name in lifts]
    was = known(api, "u4")["segments"]
    other = "F" if was["gender"] == "M" else "M"
    now = api.client.put("/users/u4", json={"attributes": {"gender": other}}).json()["segments"]
    assert now == was | {"gender": other}
    api.client.put("/users/u4", json={"attributes": {}})
    assert known(api, "u4")["segments"] == was


def test_what_is_known_of_a_user_is_told(api):
    user = stranger()
    assert "nothing is known" in is_refused(api.client.get(f"/users/{user}"), 404, "user_id")
    post(api, event(user, "i1", event_id="a", timestamp=5.0), event(user, "i2", type="hide"))
    friends = ["u1", "u2", "u1", user]
    told = api.client.put(f"/users/{user}/friends", json={"friends": friends}).json()
    assert told["friends"] == ["u1", "u2"]
    api.client.put(f"/users/{user}/blocked", json={"items": ["i9"]})
    told = known(api, user)
    assert told["counts"]["live_events"] == 2
    assert told["counts"]["bundle_events"] == 0
    assert told["friends"] == ["u1", "u2"]
    assert told["hidden"] == ["i2"]
    assert told["blocked"] == {"items": ["i9"], "providers": [], "categories": []}
    assert told["history"][1] == {
        "event_id": "a",
        "item_id": "i1",
        "type": "like",
        "value": 1.0,
        "timestamp": 5.0,
    }
    assert known(api, "u5")["counts"]["bundle_events"] == len(seen_by("u5"))
    assert len(api.client.get(f"/users/{user}", params={"events": 0}).json()["history"]) == 0


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("", {}, "attributes"),
        ("", {"attributes": {"a": None}}, "attributes.a"),
        ("", {"attributes": {str(n): 1 for n in range(51)}}, "attributes"),
        ("/friends", {"friends": ["x"] * 501}, "friends"),
        ("/friends", {"friends": [""]}, "friends.0"),
    ],
)
def test_what_cannot_be_told_of_a_user_is_refused(api, path, body, field):
    answer = api.client.put(f"/users/{stranger()}{path}", json=body)
    named = answer.json()["error"]["field"]
    is_refused(answer, 422, named)
    assert named.startswith(field)


def test_hidden_items_are_gone_at_once_also_where_seen_ones_are_kept_and_can_be_taken_back(music):
    user = stranger()
    liked, hidden = "i10", "i11"
    post(music, event(user, liked))
    post(music, event(user, hidden, type="hide", timestamp=100_000_000.0))
    assert may_have(music, user, liked)
    assert not may_have(music, user, hidden)
    post(music, event(user, hidden, type="unhide", timestamp=999.0))  # late: the hide is newer
    assert not may_have(music, user, hidden)
    post(music, event(user, hidden, type="unhide"))
    assert known(music, user)["hidden"] == []
    assert may_have(music, user, hidden)


def test_a_disliked_item_is_gone_at_once_until_it_is_liked_again(music):
    user, item = stranger(), "i12"
    assert may_have(music, user, item)
    for kind, is_there in [("dislike", False), ("view", False), ("like", True)]:
        post(music, event(user, item, type=kind))
        assert may_have(music, user, item) is is_there


@pytest.mark.parametrize("order", [("hide", "unhide", "dislike"), ("dislike", "hide", "unhide")])
@pytest.mark.parametrize("server", ["api", "music"])
def test_a_dislike_stands_whatever_was_hidden_and_unhidden(request, server, order):
    service, user, item = request.getfixturevalue(server), stranger(), "i13"
    for kind in order:
        post(service, event(user, item, type=kind))
    assert known(service, user)["hidden"] == []
    assert not may_have(service, user, item)


def test_unhiding_brings_an_item_back_where_seen_ones_are_dropped_unless_it_was_liked(api):
    user = stranger()
    post(api, *[event(user, item, type="hide") for item in ("i1", "i2")], event(user, "i2"))
    assert not may_have(api, user, "i1")
    post(api, *[event(user, item, type="unhide") for item in ("i1", "i2")])
    assert may_have(api, user, "i1")
    assert not may_have(api, user, "i2")


def everything(url):
    """All that the store has, as text."""
    with redis.Redis.from_url(url) as link:
        for key in link.scan_iter(count=5_000):
            kind = link.type(key)
            read = {
                b"string": link.get,
                b"list": lambda k: link.lrange(k, 0, -1),
                b"set": link.smembers,
                b"zset": lambda k: link.zrange(k, 0, -1),
                b"hash": link.hgetall,
                b"stream": link.xrange,
            }[kind]
            yield key, str(read(key))


def test_a_forgotten_user_is_nowhere_in_the_store_and_a_stranger_to_the_service(music):
    settings = music.service.settings
    user, friend = "u7", stranger()
    post(music, *[event(user, f"i{n}", event_id=uuid4().hex) for n in range(5)])
    post(music, event(user, "i30", type="hide"), event(friend, "i1"))
    music.client.put(f"/users/{user}", json={"attributes": {"gender": "F"}})
    music.client.put(f"/users/{user}/friends", json={"friends": [friend, "u8"]})
    music.client.put(f"/users/{user}/blocked", json={"items": ["i9"], "categories": ["war"]})
    music.client.put(f"/users/{friend}/friends", json={"friends": [user]})
    before = music.recommend(user)
    assert music.recommend(user, explain=True)["items"][0]["explain"]["features"]["user_events"]
    until(
        lambda: known(music, user)["counts"]["shown"] == 20 and not len(music.service.impressions)
    )
    receipt = erase(music.client, user)
    assert set(receipt["pending"]) == {"archive", "next bundle"}
    assert receipt["user_digest"] == user_digest(user)
    removed = receipt["removed"]
    assert removed["history"] == removed["event_ids"] == removed["events_stream"] == 6
    assert (removed["hidden"], removed["attributes"], removed["friends"]) == (1, 1, 2)
    assert (removed["blocked"], removed["shown"], removed["impressions"]) == (2, 20, 2)
    assert removed["others_friends"] == 1
    left = [
        key
        for key, text in everything(settings.redis_url)
        if key.startswith(settings.key_prefix.encode())
        and (f"{{{user}}}" in key.decode() or f'"{user}"' in text)
    ]
    assert left == []
    assert music.client.get(f"/users/{user}").status_code == 404
    assert known(music, friend)["counts"]["live_events"] == 1
    after = music.recommend(user, explain=True)
    features = after["items"][0]["explain"]["features"]
    assert features["user_events"] == 0.0
    assert before["request_id"] != after["request_id"]
    assert music.service.deployment.consumer.unreadable == 0


def test_who_comes_back_after_being_forgotten_begins_anew(music):
    user = "u9"
    assert music.client.delete(f"/users/{user}").status_code == 202
    post(music, event(user, "i3", timestamp=time.time()))
    assert erase(music.client, user)["removed"]["history"] == 1
    post(music, event(user, "i3"))
    told = known(music, user)["counts"]
    assert (told["live_events"], told["bundle_events"]) == (1, 0)


async def test_entries_that_are_not_ours_stay_when_a_user_is_erased(redis_url):
    prefix = f"t*[{uuid4().hex}]"
    entries = [b"not JSON", b"7", b"{}", b'["e","u"]', b'["e","v"]']
    async with Store.connect(redis_url, timeout=5.0) as store:
        for entry in entries:
            await store.command("XADD", f"{prefix}:events", "*", "e", entry)
        await store.command("SET", f"{prefix}:u:{{v}}:f", orjson.dumps(["u", "w"]))
        receipt = await erase_user(store, prefix, "u", 1.0)
        assert receipt["others_friends"] == 1
        assert receipt["events_stream"] == 1
        assert sum(receipt.values()) == 2
        assert await store.command("GET", f"{prefix}:u:{{v}}:f") == b'["w"]'
        assert await store.command("XLEN", f"{prefix}:events") == 4


@pytest.mark.parametrize(
    "odd", ["a/b", "/", "/friends", "x/friends/", "100%2F", "ö ?#&+;=", "a//b"]
)
def test_ids_of_any_characters_fit_into_every_path(api, odd):
    user, item = stranger() + odd, "item" + odd
    path, client = f"/users/{quote(user, safe='')}", api.client
    assert client.put(path, json={"attributes": {"age": "20"}}).json()["user_id"] == user
    told = client.put(f"{path}/friends", json={"friends": ["u1"]})
    assert (told.json()["user_id"], told.json()["friends"]) == (user, ["u1"])
    assert client.put(f"{path}/blocked", json={"items": ["i1"]}).is_success
    assert client.get(f"{path}/blocked").json()["items"] == ["i1"]
    assert client.post(f"{path}/onboarding", json={"liked": ["i2"]}).is_success
    post(api, event(user, "i3"))
    got = client.get(path.replace("%2F", "%2f")).json()
    assert (got["user_id"], got["friends"], got["counts"]["live_events"]) == (user, ["u1"], 2)
    receipt = client.delete(path).json()
    assert (receipt["user_digest"], receipt["removed"]["history"]) == (user_digest(user), 2)
    assert client.get(path).status_code == 404
    path = f"/items/{quote(item, safe='')}"
    assert client.put(path, json={"title": "Odd"}).json()["item_id"] == item
    assert client.get(path).json()["title"] == "Odd"
    assert client.get(f"{path}/counts").status_code in {200, 404}
    assert client.delete(path).status_code == 204


def test_a_slash_between_the_parts_of_a_path_is_none_of_an_id(api):
    assert is_refused(api.client.get("/users/a/b"), 404, None)
    assert is_refused(api.client.get("/users%2Fa"), 404, None)
    away = api.client.get("/users/a%2Fb/", follow_redirects=True)
    assert is_refused(away, 404, "user_id") == "nothing is known of user a/b"
    for path in ("a%1F", "%2F" * 257):
        assert is_refused(api.client.get(f"/users/{path}"), 422, "user_id")


def test_onboarding_items_carry_fields_and_faults_name_their_parameter(api):
    offered = api.client.get("/onboarding", params={"n": 12, "fields": "category,year"}).json()
    assert all(set(item["fields"]) == {"category", "year"} for item in offered["items"])
    wrong = api.client.get("/onboarding", params={"n": 1_000, "m": 1, "fields": "title"})
    error = wrong.json()["error"]
    assert (wrong.status_code, error["field"]) == (422, "n")
    assert error["message"].startswith("n: ")
    assert {fault["field"] for fault in error["faults"]} == {"n", "m"}
    unknown = api.client.get("/onboarding", params={"fields": "titel"}).json()["error"]
    assert unknown["message"].startswith("there is no titel: did you mean title?")
    path = api.client.get(f"/users/{'x' * 300}").json()["error"]
    assert path["field"] == "user_id"


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
        ({"loved": ["i1"]}, "there is no loved"),
    ],
)
def test_invalid_onboarding_answers_are_refused(api, picks, message):
    answer = api.client.post("/users/u-odd/onboarding", json=picks)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


def test_the_number_of_onboarding_items_is_limited(api):
    assert api.client.get("/onboarding", params={"n": 25}).status_code == 422
    assert len(api.client.get("/onboarding").json()["items"]) == 16


def test_the_attributes_of_many_users_are_set_at_once(api):
    names = [stranger() for _ in range(3)]
    users = [{"user_id": name, "attributes": {"age": 20 + n}} for n, name in enumerate(names)]
    assert api.client.post("/users", json=users).json() == {"stored": 3}
    assert [known(api, name)["attributes"] for name in names] == [
        {"age": "20"},
        {"age": "21"},
        {"age": "22"},
    ]
    wrong = [{"user_id": names[0], "attributes": {"age": 50}}, {"user_id": names[1]}]
    assert "Field required" in is_refused(
        api.client.post("/users", json=wrong), 422, "1.attributes"
    )
    assert known(api, names[0])["attributes"] == {"age": "20"}
    answer = api.client.post("/users", json=wrong, params={"partial": True}).json()
    assert answer["stored"] == 1
    assert answer["refused"] == [{"index": 1, "field": "attributes", "message": "Field required"}]
    assert known(api, names[0])["attributes"] == {"age": "50"}


def test_a_patch_changes_the_attributes_that_it_names(api):
    user = stranger()

    def patch(attributes):
        return api.client.patch(f"/users/{user}", json={"attributes": attributes})

    assert patch({"age": 24, "plan": "free"}).json()["attributes"] == {"age": "24", "plan": "free"}
    assert patch({"age": None, "plan": "paid"}).json()["attributes"] == {"plan": "paid"}
    assert known(api, user)["attributes"] == {"plan": "paid"}
    many = {f"a{n}": n for n in range(50)}
    assert "51 attributes" in is_refused(patch(many), 422, "attributes")
    assert known(api, user)["attributes"] == {"plan": "paid"}


def test_users_are_found_by_the_beginning_of_their_ids_and_erased_ones_are_not(api):
    start = f"find*{uuid4().hex[:8]}/"
    mine = [f"{start}{n}" for n in range(3)]
    api.client.put(f"/users/{quote(mine[0], safe='')}", json={"attributes": {"age": 30}})
    post(api, event(mine[0]), event(mine[1]), event(mine[2]))
    assert erase(api.client, quote(mine[2], safe=""))

    def every(prefix, limit=200):
        users, cursor = [], ""
        while cursor is not None:
            params = {"prefix": prefix, "limit": limit, "cursor": cursor}
            page = api.client.get("/users", params=params).json()
            users += [(user["user_id"], user["source"]) for user in page["users"]]
            cursor = page["cursor"]
        return users

    assert sorted(every(start)) == [(mine[0], "live"), (mine[1], "live")]
    bundle = [user for user, source in every("u1", limit=7) if source == "bundle"]
    assert bundle == sorted(bundle)
    assert {"u1", "u10", "u149"} <= set(bundle)
    for cursor in ("sx", "s" + 30 * "9", f"s{2**64}"):
        answer = api.client.get("/users", params={"cursor": cursor})
        assert "cursor" in is_refused(answer, 422, "cursor")
