"""``/rules`` over HTTP: saved rules act at once, are named, compared, undone and replayed."""

import asyncio
import time
from contextlib import closing
from uuid import uuid4

import pytest
import redis

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle
from app.request_log.writer import request_log_key
from app.rerank.policies import SceneSettings
from app.rules.rule_store import rules_key
from app.rules.rule_version import RuleVersion
from offline.commands.replay import find_differences, replay_order
from offline.publish.starter import publish_starter
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.stream_reader import StreamReader
from tests.failure.test_redis import missing
from tests.integration.test_service import another_version
from tests.serving import hosted, leisurely, until

KEYS = {role: f"{role}-{'k' * 40}" for role in ("read", "write", "admin")}
PLAIN = SceneSettings(explore_slots=0)
TOP = ("i5", "i10")  # of the world: two items that every scene may show


@pytest.fixture(scope="module")
def service(trained, redis_url, tmp_path_factory):
    """A service with keys and two scenes of its settings. Each test begins without rules."""
    keys = ";".join(f"{role}er {role} {key}" for role, key in KEYS.items())
    settings = leisurely(
        out=trained,
        state=tmp_path_factory.mktemp("state"),
        redis_url=redis_url,
        api_keys=keys,
        reload_seconds=0.1,
        policy={"explore_slots": 0},
        scenes={"feed": {"diversity": 0.3}, "kids": {"blocked_categories": ["war", "horror"]}},
    )
    with hosted(settings) as one:
        one.client.headers["X-API-Key"] = KEYS["admin"]
        yield one


@pytest.fixture
def client(service):
    client = service.client
    save(client, {})
    return client


def newest(client):
    return client.get("/rules").json()["newest"]


def save(client, rules, **more):
    body = {"version": newest(client), "rules": rules} | more
    answer = client.put("/rules", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(service, user="u1", **asked):
    return service.ids(user, explore=False, **asked)


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_a_saved_rule_acts_in_the_next_list_of_its_scene_and_of_no_other(service, client):
    home, feed = ids(service), ids(service, scene="feed")
    blocked = feed[:3]
    saved = save(client, {"scenes": {"feed": {"blocked_items": blocked}}}, note="not these")
    assert (saved["author"], saved["note"], saved["restored"]) == ("adminer", "not these", None)
    assert not set(ids(service, scene="feed", k=50)) & set(blocked)
    assert ids(service) == home
    body = client.get("/rules").json()
    assert body["version"] == body["newest"] == saved["version"]
    assert body["rules"] == {"scenes": {"feed": {"blocked_items": blocked}}}
    assert body["settings"]["scenes"]["feed"] == {"diversity": 0.3}
    assert body["effective"]["scenes"]["feed"]["blocked_items"] == blocked
    assert body["effective"]["policy"]["explore_slots"] == 0
    assert (body["refused"], body["is_known"]) == (None, True)
    save(client, {})
    assert ids(service, scene="feed") == feed


def test_a_rule_of_all_scenes_leaves_what_a_scene_sets_itself_and_blocks_in_all(service, client):
    save(client, {"policy": {"blocked_categories": ["comedy"], "diversity": 0.7}})
    effective = client.get("/rules").json()["effective"]
    by_scene = effective["scenes"]
    assert effective["policy"]["diversity"] == 0.7
    assert by_scene["feed"]["diversity"] == 0.3
    assert by_scene["feed"]["blocked_categories"] == ["comedy"]
    assert by_scene["kids"]["blocked_categories"] == ["war", "horror", "comedy"]


@pytest.mark.parametrize(
    "path",
    [
        "/onboarding",
        "/popular",
        "/trending",
        "/items/i3/similar",
        "/items/i3/similar?by=content",
        "/items/i3/bought-together",
        "/recommend?user_id=u1",
    ],
)
def test_no_list_has_what_rules_block(service, client, path):
    categories = client.get("/rules/schema").json()["names"]["categories"]
    if "bought" not in path:
        assert client.get(path).json()["items"]
    save(client, {"policy": {"blocked_categories": categories}})
    body = client.get(path).json()
    assert body["items"] == []
    assert body["notes"]


def test_onboarding_asks_about_what_its_scene_may_show(service, client):
    offered = client.get("/onboarding?n=24&scene=kids").json()["items"]
    assert offered
    assert not any({"war", "horror"} & set(item["categories"]) for item in offered)
    assert any(
        {"war", "horror"} & set(i["categories"])
        for i in client.get("/onboarding?n=24").json()["items"]
    )
    assert error_of(client.get("/onboarding?scene=kid"), 422)["field"] == "scene"


def test_a_new_scene_is_served_and_an_unknown_one_is_still_refused(service, client):
    asked = {"user_id": "u1", "scene": "basket"}
    assert "feed, home, kids" in error_of(client.get("/recommend", params=asked), 422)["message"]
    save(client, {"scenes": {"basket": {"pinned": {TOP[0]: 1}}}})
    first = client.get("/recommend", params=asked).json()["items"][0]
    assert (first["item_id"], first["slot"]) == (TOP[0], "pinned")
    assert client.get("/overview").json()["scenes"] == ["basket", "feed", "home", "kids"]
    until(lambda: 'recfunnel_lists_shown_total{scene="basket"}' in client.get("/metrics").text)


def test_scenes_of_rules_do_not_refuse_the_others_where_the_settings_name_none(api):
    body = {"version": newest(api.client), "rules": {"scenes": {"new": {"diversity": 0.5}}}}
    saved = api.client.put("/rules", json=body | {"author": "anna"}).json()
    try:
        assert saved["author"] == "anna"
        assert len(api.ids("u1", scene="anything")) == 10
    finally:
        restore = f"/rules/versions/{body['version']}/restore"
        assert api.client.post(restore, json={"version": saved["version"]}).status_code == 200


def test_who_began_with_an_older_version_is_told_who_saved_since(client):
    before = newest(client)
    save(client, {"policy": {"diversity": 0.2}}, note="calmer")
    late = client.put("/rules", json={"version": before, "rules": {}})
    error = error_of(late, 409)
    assert (error["code"], error["field"]) == ("conflict", "version")
    assert f"version {before + 1} was saved meanwhile by adminer (calmer)" in error["message"]
    assert client.get("/rules").json()["rules"] == {"policy": {"diversity": 0.2}}


def test_the_author_is_the_key_whatever_is_written(client):
    assert save(client, {}, author="somebody else")["author"] == "adminer"


def test_a_change_is_undone_by_restoring_the_version_before(service, client):
    calm = {"policy": {"diversity": 0.2}}
    first = save(client, calm)["version"]
    second = save(client, {"policy": {"diversity": 0.9}})["version"]
    restored = client.post(f"/rules/versions/{first}/restore", json={"version": second})
    assert restored.status_code == 200
    assert (restored.json()["version"], restored.json()["restored"]) == (second + 1, first)
    assert client.get("/rules").json()["rules"] == calm
    versions = client.get("/rules/history", params={"limit": 3}).json()["versions"]
    assert [each["version"] for each in versions] == [second + 1, second, first]
    assert [each["rules"]["policy"]["diversity"] for each in versions] == [0.2, 0.9, 0.2]
    settings = client.post("/rules/versions/0/restore", json={"version": second + 1, "note": "all"})
    assert settings.status_code == 200
    assert client.get("/rules").json()["rules"] == {}
    gone = client.post(f"/rules/versions/{second + 99}/restore", json={"version": second + 2})
    assert error_of(gone, 404)["field"] == "number"


@pytest.mark.parametrize(
    ("rules", "field", "sentence"),
    [
        ({"policy": {"diversty": 1}}, "rules.policy.diversty", "did you mean diversity?"),
        ({"policies": {}}, "rules.policies", "did you mean policy?"),
        ({"scenes": {"a": {"pin": {}}}}, "rules.scenes.a.pin", "pinned"),
        ({"policy": {"diversity": 3}}, "rules.policy.diversity", "less than or equal to 1"),
        ({"policy": {"order": ["no"]}}, "rules.policy.order", "there is no policy 'no'; there are"),
        (
            {"policy": {"order": ["tail", "tail"]}},
            "rules.policy.order",
            "name each policy at most once",
        ),
        ({"policy": {"blocked_items": ["i" * 200_000]}}, "rules", "at most 131,072 are kept"),
    ],
    ids=[
        "a setting",
        "a part",
        "in a scene",
        "a bound",
        "an order",
        "twice in an order",
        "too large",
    ],
)
def test_rules_that_settings_would_refuse_are_refused_by_name(client, rules, field, sentence):
    body = {"version": newest(client), "rules": rules}
    error = error_of(client.put("/rules", json=body), 422)
    assert error["field"] == field
    assert sentence in error["message"]
    assert error_of(client.post("/rules/preview", json={"rules": rules}), 422)["field"] == field


def test_names_that_no_item_has_are_saved_and_named(client):
    rules = {
        "policy": {"blocked_categories": ["hororr"], "pinned": {"nothing": 1}},
        "scenes": {"feed": {"forbidden_flags": ["loud"], "provider_places": {"a|b": 1}}},
    }
    notes = " ".join(save(client, rules)["notes"])
    for name in ('"hororr"; did you mean "horror"', '"nothing"', '"loud"', '"a"', '"b"'):
        assert name in notes
    assert save(client, {"policy": {"blocked_categories": ["horror"]}})["notes"] == []


def test_only_an_admin_saves_and_a_reader_reads(service):
    body = {"version": 0, "rules": {}}
    for role, reads in (("read", 200), ("write", 403)):
        headers = {"X-API-Key": KEYS[role]}
        for path in ("/rules", "/rules/history", "/rules/schema"):
            assert service.client.get(path, headers=headers).status_code == reads
        for method, path in (
            ("PUT", "/rules"),
            ("POST", "/rules/versions/0/restore"),
            ("POST", "/rules/preview"),
        ):
            answer = service.client.request(method, path, json=body, headers=headers)
            assert error_of(answer, 403)["message"] == "this needs a key with the role admin"


def test_notes_say_where_rules_may_not_act_as_meant(service, client):
    rules = {"policy": {"diversity": 0.5}, "scenes": {"hoem": {"freshness": 0.1}}}
    tried = client.post("/rules/preview", json={"rules": rules, "users": ["u1"]}).json()["notes"]
    notes = save(client, rules)["notes"]
    assert notes == tried
    assert [note.split(":")[0] for note in notes] == [
        'diversity of all scenes does not act in "feed"',
        '"hoem" is a new scene',
    ]
    assert len(save(client, rules)["notes"]) == 1


def test_a_preview_names_a_scene_that_nothing_sets(api):
    asked = {"rules": {}, "users": ["u1"], "scene": "hoem"}
    (note,) = api.client.post("/rules/preview", json=asked).json()["notes"]
    assert 'the scene "hoem"' in note
    assert api.client.post("/rules/preview", json=asked | {"scene": "home"}).json()["notes"] == []


def test_a_preview_skips_no_stage_for_lack_of_time(trained, redis_url):
    hurry = leisurely(out=trained, redis_url=redis_url)
    times = hurry.checkpoints_ms | {"coarse": 0.001, "fine": 0.001}
    with hosted(hurry.model_copy(update={"checkpoints_ms": times})) as late:
        assert ("coarse", "late") in missing(late.recommend("u1"))
        body = late.client.post("/rules/preview", json={"rules": {}}).json()
        assert body["changed"] == 0
        assert [user["degraded"] for user in body["users"]] == [[]] * 20


def test_a_form_can_be_made_of_the_schema(client):
    schema = client.get("/rules/schema").json()
    in_groups = [name for group in schema["groups"] for name in group["settings"]]
    assert sorted(in_groups) == sorted(schema["properties"])
    assert schema["properties"]["diversity"]["maximum"] == 1
    assert schema["properties"]["explore"]["enum"] == ["ucb", "thompson", "epsilon_greedy"]
    assert {"war", "horror"} <= set(schema["names"]["categories"])
    assert "like" in schema["names"]["event_types"]
    assert schema["names"]["policies"][-1] == "pinned"


def test_a_version_that_this_release_cannot_read_is_warned_of_and_not_restored(service, client):
    settings = service.service.settings
    before = save(client, {"policy": {"diversity": 0.2}})["version"]
    later = RuleVersion(before + 1, "later", 1.0, "", None, {"policy": {"glamour": 1}})
    with redis.Redis.from_url(settings.redis_url) as link:
        link.xadd(rules_key(settings.key_prefix), {"e": later.to_bytes()}, later.stream_id)
    until(lambda: client.get("/rules").json()["refused"])
    body = client.get("/rules").json()
    assert (body["version"], body["newest"]) == (before, before + 1)
    assert body["rules"] == {"policy": {"diversity": 0.2}}
    warnings = client.get("/readyz").json()["warnings"]
    assert any(f"version {before} stays in force" in each for each in warnings)
    until(lambda: "recfunnel_rules_refused 1.0" in client.get("/metrics").text)
    assert f"recfunnel_rules_version {before}.0" in client.get("/metrics").text
    again = client.post(f"/rules/versions/{before + 1}/restore", json={"version": before + 1})
    assert "cannot read" in error_of(again, 422)["message"]
    save(client, {})
    assert client.get("/rules").json()["refused"] is None


def test_a_worker_that_does_not_confirm_is_named(service, client):
    settings, within = service.service.settings, service.service.confirm_timeout
    workers, silent = f"{settings.key_prefix}:{{rules}}:workers", "elsewhere|1|1|b"
    before = newest(client)
    with redis.Redis.from_url(settings.redis_url) as link:
        link.hset(workers, silent, f"0-0 {time.time()}")
        service.service.confirm_timeout = 0.05
        try:
            late = client.put("/rules", json={"version": before, "rules": {}})
            again = client.put("/rules", json={"version": before, "rules": {}})
        finally:
            service.service.confirm_timeout = within
            link.hdel(workers, silent)
    assert error_of(again, 503) == error_of(late, 503)
    error = error_of(late, 503)
    assert f"version {before + 1} is stored, but 1 of the workers ({silent})" in error["message"]
    assert client.get("/rules").json()["version"] == before + 1
    once_more = client.put("/rules", json={"version": before, "rules": {}})
    assert (once_more.status_code, once_more.json()["version"]) == (200, before + 1)


def test_a_worker_computes_one_preview_at_a_time(service, client):
    turn = service.service.deployment.preview_turn
    asyncio.run(turn.acquire())
    try:
        refused = client.post("/rules/preview", json={"rules": {}, "users": ["u1"]})
    finally:
        turn.release()
    assert "another preview" in error_of(refused, 503)["message"]
    assert refused.headers["Retry-After"] == "1"


def test_before_anything_is_trained_rules_hold_and_a_preview_is_of_a_new_user(tmp_path, redis_url):
    publish_starter(tmp_path / "out")
    with hosted(leisurely(out=tmp_path / "out", redis_url=redis_url)) as shop:
        for item in ("a", "b"):
            assert shop.client.put(f"/items/{item}", json={"title": item}).is_success
        rules = {"policy": {"blocked_items": ["a"]}}
        body = shop.client.post("/rules/preview", json={"rules": rules}).json()
        assert [user["user_id"] for user in body["users"]] == [""]
        assert {item["item_id"] for item in body["users"][0]["before"]} == {"a", "b"}
        assert [item["item_id"] for item in body["users"][0]["after"]] == ["b"]
        save(shop.client, rules)
        assert shop.ids("anna") == ["b"]


def test_a_preview_shows_both_lists_and_why_and_leaves_no_trace(service, client):
    settings, listed = service.service.settings, ids(service, "u1")
    with redis.Redis.from_url(settings.redis_url) as link:
        before = link.xlen(request_log_key(settings.key_prefix))
        rules = {"policy": {"blocked_items": listed[:1], "pinned": {listed[5]: 1}}}
        asked = {"rules": rules, "users": ["u1", "u2", f"new-{uuid4().hex}"]}
        body = client.post("/rules/preview", json=asked).json()
        one, _, new = body["users"]
        assert [item["item_id"] for item in one["before"]] == listed
        assert one["before"][0]["other"] is None
        assert one["before"][0]["reason"] == "this scene blocks it, its provider or its category"
        first = one["after"][0]
        assert (first["item_id"], first["slot"], first["other"]) == (listed[5], "pinned", 6)
        assert one["is_changed"]
        assert one["degraded"] == []
        entered = [item for item in one["after"] if item["other"] is None]
        assert all(item["reason"] for item in entered)
        assert len(entered) == sum(item["other"] is None for item in one["before"])
        assert body["changed"] == 3
        assert body["left"] == sum(
            item["other"] is None for user in body["users"] for item in user["before"]
        )
        assert len(new["after"]) == 10
        save(client, rules)
        assert ids(service, "u1") == [item["item_id"] for item in one["after"]]
        until(lambda: link.xlen(request_log_key(settings.key_prefix)) == before + 1)


def test_without_users_a_preview_chooses_the_same_twenty(client):
    asked = {"rules": {}, "scene": "kids", "k": 5}
    first, second = (client.post("/rules/preview", json=asked).json() for _ in range(2))
    assert first == second
    assert len({user["user_id"] for user in first["users"]}) == 20
    assert first["changed"] == first["entered"] == first["left"] == 0
    assert all(len(user["before"]) == 5 for user in first["users"])
    unknown = client.post("/rules/preview", json=asked | {"scene": "kid"})
    assert "there are feed, home, kids" in error_of(unknown, 422)["message"]
    new = {"rules": {"scenes": {"kid": {}}}, "scene": "kid", "users": ["u1"]}
    assert client.post("/rules/preview", json=new).status_code == 200


def test_a_rule_can_begin_to_remember_what_was_shown(service, client):
    rules = {"scenes": {"feed": {"shown": "drop"}}}
    notes = client.post("/rules/preview", json={"rules": rules}).json()["notes"]
    assert any("remembered only while a policy reads them" in note for note in notes)
    save(client, rules)
    someone = f"s-{uuid4().hex}"
    first = ids(service, someone, scene="feed")
    until(lambda: not set(ids(service, someone, scene="feed")) & set(first))
    assert set(ids(service, someone)) & set(first)  # at home nothing is dropped


def test_a_new_bundle_serves_with_the_rules_and_follows_them(out, redis_url):
    settings = leisurely(out=out, redis_url=redis_url, policy=PLAIN, reload_seconds=0.05)
    with hosted(settings) as served:
        save(served.client, {"policy": {"pinned": {TOP[1]: 1}}})
        before = served.service.deployment
        second = another_version(out, "second").name
        point_to(find_current_bundle(out).with_name(second))
        until(lambda: served.service.deployment is not before)
        assert served.ids("u1")[0] == TOP[1]
        save(served.client, {"policy": {"pinned": {TOP[0]: 1}}})
        assert served.ids("u1")[0] == TOP[0]


def test_answers_are_replayed_with_the_rules_that_each_had(trained, redis_url, cpu, tmp_path):
    settings = leisurely(out=trained, redis_url=redis_url, scenes={"feed": {"diversity": 0.4}})
    changes = ({}, {"policy": {"diversity": 0.9}}, {"scenes": {"feed": {"category_cap": 2}}}, {})
    with hosted(settings) as served, redis.Redis.from_url(redis_url) as link:
        for rules in changes:
            if rules or newest(served.client):
                save(served.client, rules)
            for scene in ("home", "feed"):
                served.ids("u1", scene=scene)
        key = request_log_key(settings.key_prefix)
        until(lambda: link.xlen(key) == 2 * len(changes))
        reader = StreamReader(link, settings.key_prefix, tmp_path / "archive")
        entries = sorted(reader.log_entries(), key=replay_order)
        versions = sorted(entry.head.get("rules_version", 0) for entry in entries)
        assert versions == [0, 0, 1, 1, 2, 2, 3, 3]
        with closing(RequestReplayer(settings, reader, cpu)) as replayer:
            for entry in entries:
                assert find_differences(entry, replayer.replay(entry)) == []
        calm, strict = (
            next(e.head["settings"] for e in entries if e.head.get("rules_version") == n)
            for n in (1, 2)
        )
        assert calm["policy"] == {"diversity": 0.9}
        assert strict["scenes"]["feed"] == {"diversity": 0.4, "category_cap": 2}
