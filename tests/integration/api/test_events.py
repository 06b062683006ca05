"""``/events`` over HTTP: what is taken, what is refused, and that the next answer knows."""

import time
from uuid import uuid4

import numpy as np
import orjson
import pytest
import redis

from app.api.body_bounds import EVENTS
from app.recall.registry import PERSONAL_CHANNELS
from app.state.counters import TRENDING
from app.state.event_codec import Event, events_key
from app.state.user_store import history_key
from tests.integration.api.test_recommend import is_refused, stranger
from tests.serving import hosted, leisurely, until


def event(user, item="i1", **known):
    return {"user_id": user, "item_id": item, "type": "like", **known}


def history_length(api, user):
    with redis.Redis.from_url(api.service.settings.redis_url) as link:
        return link.zcard(history_key(api.service.settings.key_prefix, user))


def test_after_an_event_the_same_user_gets_another_list_without_the_item(api):
    user = stranger()
    before = api.ids(user, explore=False)
    answer = api.client.post("/events", json=event(user, before[0]))
    assert answer.status_code == 202
    after = api.recommend(user, explore=False)
    ids = [item["item_id"] for item in after["items"]]
    assert before[0] not in ids
    assert ids != [i for i in before if i != before[0]] + ids[-1:]
    assert any(item["reason"]["because"] == [before[0]] for item in after["items"])
    assert after["degraded"] == []


def test_an_event_needs_no_type_time_value_or_id(api):
    user = stranger()
    told = api.client.post("/events", json={"user_id": user, "item_id": "i4"}).json()
    assert told["accepted"] == 1
    assert len(told["event_ids"]) == 1
    assert "i4" not in api.ids(user, k=100)


def test_many_events_are_taken_at_once_for_many_users(api):
    users = [stranger() for _ in range(50)]
    sent = [event(user, f"i{n}", event_id=f"{user}-{n}") for user in users for n in range(20)]
    told = api.tell(*sent)
    assert told["accepted"] == 1_000
    assert told["event_ids"] == [e["event_id"] for e in sent]
    assert {history_length(api, user) for user in users} == {20}


def test_a_repeated_event_counts_once(api):
    user, name = stranger(), uuid4().hex
    live = api.service.deployment.counters
    row = api.service.deployment.bundle.models.catalogue.ids.row("i33")
    before = live.counts[-1, row]
    moment = time.time() - 1
    api.tell(event(user, "i33", event_id=name, timestamp=moment))
    again = api.client.post("/events", json=event(user, "i33", event_id=name)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    api.tell(event(user, "i34"))
    assert history_length(api, user) == 2
    assert live.counts[-1, row] == before + 1


def test_events_of_unknown_items_and_users_are_taken_and_harm_nothing(api):
    user = stranger()
    told = api.client.post("/events", json=event(user, "unheard-of"))
    assert told.status_code == 202
    assert history_length(api, user) == 1
    assert len(api.ids(user)) == 10


def test_an_event_with_the_largest_value_harms_nothing(api):
    user = stranger()
    told = api.client.post("/events", json=event(user, type="rating", value=1e12))
    assert told.status_code == 202
    answer = api.recommend(user)
    assert len(answer["items"]) == 10
    assert answer["degraded"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"item_id": "i1"}, "user_id"),
        ({"user_id": "u1"}, "item_id"),
        (event("", "i1"), "user_id"),
        (event("u" * 257), "user_id"),
        (event("a\u0000b"), "user_id"),
        (event("u1", ""), "item_id"),
        (event("u1", value="much"), "value"),
        (event("u1", value=1.7e308), "value"),
        (event("u1", timestamp=-1), "timestamp"),
        (event("u1", timestamp=1e300), "timestamp"),
        (event("u1", event_id=""), "event_id"),
        (event("u1", unheard=1), "unheard"),
        (event("u1", type="stare"), "type"),
        (event("u1", timestamp=32_000_000_000), "timestamp"),
        ([event("u1"), event("u1", type="stare")], "1.type"),
        ([event("u1"), event("u1", timestamp=32_000_000_000)], "1.timestamp"),
        ([event("u1"), {"user_id": "u1", "type": "like"}], "1.item_id"),
    ],
)
def test_a_wrong_event_is_refused_and_the_field_named(api, body, field):
    answer = api.client.post("/events", json=body)
    message = is_refused(answer, 422, answer.json()["error"]["field"])
    named = answer.json()["error"]["field"]
    assert named is not None, message
    assert named.endswith(field), named


@pytest.mark.parametrize("body", [[], [event("u1")] * 1_001, "text", 7, None])
def test_no_events_or_too_many_are_refused(api, body):
    answer = api.client.post("/events", json=body)
    is_refused(answer, 422, answer.json()["error"]["field"])


def test_of_a_batch_with_a_wrong_event_nothing_is_stored(api):
    user = stranger()
    answer = api.client.post("/events", json=[event(user), event(user, type="stare")])
    message = is_refused(answer, 422, "1.type")
    assert "purchase" in message
    assert history_length(api, user) == 0


def test_a_value_beyond_all_bounds_in_the_stream_does_not_stop_the_follower(api):
    settings = api.service.settings
    unbounded = Event(uuid4().hex, stranger(), "i1", "rating", 1.7e308, time.time())
    with redis.Redis.from_url(settings.redis_url) as link:
        link.xadd(events_key(settings.key_prefix), {"e": unbounded.stream_entry()})
        link.zadd(
            history_key(settings.key_prefix, unbounded.user),
            {unbounded.history_member(): unbounded.timestamp},
        )
    api.tell(event(stranger()))
    assert api.recommend(unbounded.user)["degraded"] == []


def test_the_crowd_s_counts_move_within_a_second(api):
    live = api.service.deployment.counters
    row = api.service.deployment.bundle.models.catalogue.ids.row("i60")
    before = live.liked[TRENDING, row], live.positives[row]
    began = time.monotonic()
    api.tell(*[event(stranger(), "i60") for _ in range(5)])
    took = time.monotonic() - began
    assert live.liked[TRENDING, row] > before[0]
    assert live.positives[row] == before[1] + 5
    assert took < 5  # a second, on a machine that does nothing else


def test_what_the_crowd_does_now_trends_for_a_stranger(trained, redis_url):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as service:
        live = service.service.deployment.counters
        ids = service.service.deployment.bundle.models.catalogue.ids
        last = ids.names(live.trending().rows[-1:])[0]
        service.tell(*[event(stranger(), last) for _ in range(900)])
        assert ids.names(live.trending().rows[:1]) == [last]
        user = stranger()
        items = service.recommend(user, explore=False, explain=True, k=100)["items"]
        ranks = {item["item_id"]: item["explain"]["channels"] for item in items}
        if last in ranks:  # else a ranker has dropped it
            assert ranks[last]["trending"]["rank"] == 0
        explained = service.client.get(f"/explain?user_id={user}&item_id={last}&k=100").json()
        assert explained["stage"] in {"shown", "coarse", "fine", "rerank"}


def test_what_was_shown_is_counted(api):
    live = api.service.deployment.counters
    before = live.exposures.copy()
    shown = api.ids(stranger())
    rows = api.service.deployment.bundle.models.catalogue.ids.rows(shown)
    until(lambda: np.all(live.exposures[rows] > before[rows]))


def test_a_like_is_not_taken_for_one_star(api):
    user = stranger()
    api.tell(event(user, "i7"), {**event(user, "i8"), "type": "rating", "value": 5.0})
    items = api.recommend(user, explain=True)["items"]
    assert items[0]["explain"]["features"]["user_mean"] == 4.5


def test_what_is_disliked_is_neither_shown_nor_a_reason(api):
    user = stranger()
    api.tell({**event(user, "i9"), "type": "dislike"})
    answer = api.recommend(user, explain=True)
    assert "i9" not in [item["item_id"] for item in answer["items"]]
    assert all(item["reason"]["because"] == [] for item in answer["items"])
    stages = {stage["stage"]: stage["left"] for stage in answer["stages"]}
    by_likes = set(PERSONAL_CHANNELS) - {"user_cf"}  # users of like taste may dislike the same
    assert {stages[f"recall.{channel}"] for channel in by_likes} == {0}


def test_a_rating_without_a_value_is_refused(api):
    sent = {"user_id": stranger(), "item_id": "i1", "type": "rating"}
    said = is_refused(api.client.post("/events", json=sent), 422, None)
    assert "a rating needs a value" in said


def test_a_body_that_is_not_json_or_does_not_say_so_is_refused_in_words(api):
    said = {"Content-Type": "application/json"}
    broken = api.client.post("/events", content=b'{"user_id": ', headers=said)
    assert "is not JSON" in is_refused(broken, 422, None)
    plain = api.client.post("/events", content=b"{}", headers={"Content-Type": "text/plain"})
    assert "Content-Type: application/json" in is_refused(plain, 422, None)


def in_lines(*given):
    return b"\n".join(orjson.dumps(one) if isinstance(one, dict) else one for one in given)


def post_lines(api, body, **asked):
    said = {"Content-Type": "application/x-ndjson; charset=utf-8"}
    return api.client.post("/events", content=body, headers=said, params=asked)


def test_events_may_come_one_a_line_with_empty_lines_between(api):
    user = stranger()
    body = in_lines(event(user, "i1"), b"", event(user, "i2"), b"  \r", event(user, "i3"), b"")
    told = post_lines(api, body)
    assert told.status_code == 202, told.text
    assert told.json()["accepted"] == history_length(api, user) == 3


def test_a_wrong_line_is_refused_by_its_number_and_nothing_is_stored(api):
    user = stranger()
    body = in_lines(event(user), b"", {"user_id": user})
    assert "line 3: Field required" in is_refused(post_lines(api, body), 422, "1.item_id")
    body = in_lines(event(user), b"{not JSON}")
    assert "line 2 is not JSON" in is_refused(post_lines(api, body), 422, "1")
    body = in_lines(*[event(user)] * 1_001)
    assert "line 1001" in is_refused(post_lines(api, body), 422, None)
    assert "0 events" in is_refused(post_lines(api, b"\n\n"), 422, None)
    assert history_length(api, user) == 0


def test_a_body_that_is_too_large_is_refused(api):
    body = in_lines(event("u1"), b" " * EVENTS.bytes)
    assert "send less" in is_refused(post_lines(api, body), 413, None)


def test_asked_for_a_part_the_sound_events_are_stored_and_the_others_named(api):
    user = stranger()
    sent = [
        event(user, event_id="a"),
        event(user, type="stare"),
        7,
        event(user, timestamp=32_000_000_000),
        event(user, "i2", event_id="b"),
    ]
    answer = api.client.post("/events", json=sent, params={"partial": True})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert told["accepted"] == history_length(api, user) == 2
    assert told["event_ids"] == ["a", None, None, None, "b"]
    assert [(one["index"], one["field"]) for one in told["refused"]] == [
        (1, "type"),
        (2, None),
        (3, "timestamp"),
    ]
    assert all(one["message"] for one in told["refused"])


def test_a_part_of_nothing_is_refused_and_all_faults_are_counted_in_the_sentence(api):
    sent = [event("u1", type="stare"), event("u1", type="gape")]
    answer = api.client.post("/events", json=sent, params={"partial": True})
    assert "1 other" in is_refused(answer, 422, "0.type")


def test_where_and_under_what_circumstances_goes_into_the_stream(api):
    settings = api.service.settings
    told = {"position": 3, "context": {"device": "tv", "dark": True, "zoom": 1.5}}
    name = uuid4().hex
    answer = api.client.post("/events", json=event(stranger(), event_id=name, **told))
    assert answer.status_code == 202, answer.text
    with redis.Redis.from_url(settings.redis_url) as link:
        entries = link.xrevrange(events_key(settings.key_prefix), count=20)
    said = {one[0]: one for one in (orjson.loads(fields[b"e"]) for _, fields in entries)}
    assert said[name][-2:] == [3, told["context"]]


@pytest.mark.parametrize(
    "context", [{"a": None}, {"a": {}}, {"": 1}, {"a": "x" * 257}, {str(n): n for n in range(21)}]
)
def test_a_context_that_is_not_a_small_map_of_plain_values_is_refused(api, context):
    answer = api.client.post("/events", json=event("u1", context=context))
    named = answer.json()["error"]["field"]
    is_refused(answer, 422, named)
    assert named.startswith("context")


def test_an_event_older_than_a_full_history_is_told_and_kept_out_of_it(trained, redis_url):
    settings = leisurely(out=trained, redis_url=redis_url, history_limit=2)
    with hosted(settings) as service:
        user, now = stranger(), time.time()
        given = [event(user, f"i{n}", timestamp=now - n) for n in (1, 2)]
        service.tell(*given)
        told = service.tell(event(user, "i9", timestamp=now - 9))
        assert (told["accepted"], told["too_old"]) == (1, 1)
        assert history_length(service, user) == 2
        service.client.post("/events", json=event(user, type="stare"))
        service.client.post("/events", json=event(user, timestamp=32_000_000_000))
        service.client.post("/events", json=[event(user, event_id="x"), event(user, event_id="x")])
        text = service.client.get("/metrics").text
        for kind, outcome, n in [
            ("like", "accepted", 2),
            ("like", "out_of_order", 1),
            ("like", "too_old", 1),
            ("like", "duplicate", 1),
            ("like", "future", 1),
            ("unknown", "type", 1),
        ]:
            assert f'events_total{{outcome="{outcome}",type="{kind}"}} {n}.0' in text


def test_late_and_out_of_order_events_are_told_and_counted_apart(trained, redis_url):
    with hosted(leisurely(out=trained, redis_url=redis_url, late_seconds=600)) as service:
        user, now = stranger(), time.time()
        given = [(0, "a"), (60, "b"), (700, "c"), (700, "c")]
        sent = [event(user, event_id=name, timestamp=now - ago) for ago, name in given]
        told = service.tell(*sent[:3])
        assert (told["accepted"], told["out_of_order"], told["late"]) == (3, 2, 1)
        told = service.client.post("/events", json=sent[2:]).json()
        assert (told["duplicates"], told["out_of_order"], told["late"]) == (2, 0, 0)
        told = service.tell(event(stranger(), timestamp=now - 700))
        assert (told["accepted"], told["out_of_order"], told["late"]) == (1, 0, 1)
        text = service.client.get("/metrics").text
        for outcome, n in [("accepted", 2), ("out_of_order", 2), ("duplicate", 2)]:
            assert f'events_total{{outcome="{outcome}",type="like"}} {n}.0' in text
        assert 'recfunnel_events_late_total{type="like"} 2.0' in text
