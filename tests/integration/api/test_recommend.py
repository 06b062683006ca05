"""``/recommend`` over HTTP: what a caller may ask, and what he is told when he may not."""

import re
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import numpy as np
import orjson
import pytest

from app.api.explanations import explain_stages
from app.bundle.bundle import find_current_bundle
from app.contracts import Request
from app.deadline import StageResult, StageRunner
from app.features.views import FINE_VIEW, column_names
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from app.rerank.policies import SceneSettings
from tests.serving import hosted, leisurely
from tests.world import seen_by

STAGES = {"history", "profile", "coarse", "fine", "rerank"} | {f"recall.{c}" for c in CHANNELS}
UNUSUAL = ("naïve-ünïcödé", "日本語", "🎬🍿", "a/b?c&d=e#f", "{user}", "u1:h", "%00", "' OR 1=1 --")


def is_refused(answer, status, field):
    told = answer.json()
    assert answer.status_code == status, told
    assert set(told) == {"error"}
    assert set(told["error"]) - {"faults"} == {"code", "message", "field"}
    assert told["error"]["message"]
    assert told["error"]["field"] == field
    return told["error"]["message"]


def stranger():
    return f"stranger-{uuid4().hex}"


@pytest.mark.parametrize("user", ["u0", "u1", "u77"])
def test_a_known_user_gets_ten_distinct_items_none_seen_and_nothing_is_missing(api, user):
    answer = api.recommend(user)
    ids = [item["item_id"] for item in answer["items"]]
    assert len(set(ids)) == len(ids) == 10
    assert not set(ids) & seen_by(user)
    assert answer["degraded"] == []
    assert answer["took_ms"] > 0
    assert answer["user_id"] == user
    assert answer["bundle"] == find_current_bundle(api.service.settings.out).name
    assert "stages" not in answer
    assert all(item["title"] and "explain" not in item for item in answer["items"])


def test_two_users_get_different_lists_and_every_request_its_own_id(api):
    first, second = api.recommend("u0"), api.recommend("u1")
    assert first["items"] != second["items"]
    assert first["request_id"] != second["request_id"]


def test_an_explained_answer_shows_every_stage_channel_score_and_feature(api):
    answer = api.recommend("u3", explain=True)
    stages = {stage["stage"]: stage for stage in answer["stages"]}
    assert set(stages) == STAGES
    assert {stage["outcome"] for stage in answer["stages"]} == {"ok"}
    assert stages["rerank"]["left"] == 10
    assert stages["coarse"]["entered"] >= stages["fine"]["entered"] >= stages["fine"]["left"] >= 10
    for item in answer["items"]:
        why = item["explain"]
        assert why["channels"]
        assert set(why["channels"]) <= set(CHANNELS)
        assert item["reason"]["channel"] in why["channels"]
        assert set(why["scores"]) == {"merged", "coarse", "fine"}
        assert tuple(why["features"]) == column_names(FINE_VIEW)
        assert why["scores"]["fine"] == item["score"]
        best = min(entry["rank"] for entry in why["channels"].values())
        assert why["channels"][item["reason"]["channel"]]["rank"] == best


def test_the_trace_shows_that_the_listwise_model_counts_more_as_the_history_grows(api):
    def listwise(user):
        stages = {stage["stage"]: stage for stage in api.recommend(user, explain=True)["stages"]}
        assert sum(stages["fine"]["weights"].values()) == pytest.approx(1.0)
        assert "weights" not in stages["coarse"]
        return stages["fine"]["weights"]["listwise"]

    assert listwise("u-weighed") == 0.0
    for n in range(20):
        event = {"user_id": "u-weighed", "item_id": f"i{n}", "type": "like"}
        api.client.post("/events", json=event)
        if n in (0, 4):
            assert listwise("u-weighed") == pytest.approx((n + 1) / (n + 21) / 2, abs=1e-5)
    assert listwise("u-weighed") == pytest.approx(0.25, abs=1e-5)


def test_the_reasons_named_are_items_that_the_user_liked(api):
    answer = api.recommend("u3")
    named = {reason for item in answer["items"] for reason in item["reason"]["because"]}
    assert named
    assert named <= seen_by("u3")
    impersonal = set(CHANNELS) - set(PERSONAL_CHANNELS)
    for item in answer["items"]:
        assert bool(item["reason"]["because"]) != (item["reason"]["channel"] in impersonal)


def test_a_stranger_gets_a_list_without_any_personal_reason(api):
    answer = api.recommend(stranger(), explain=True)
    assert len(answer["items"]) == 10
    assert answer["degraded"] == []
    assert not any(item["reason"]["because"] for item in answer["items"])
    assert {stage["stage"] for stage in answer["stages"]} == STAGES - {"profile"}


@pytest.mark.parametrize("user", UNUSUAL)
def test_unusual_ids_are_ids_like_any_other(api, user):
    answer = api.recommend(user, exclude=user)
    assert answer["user_id"] == user
    assert len(answer["items"]) == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "user_id"),
        ("user_id=", "user_id"),
        ("user_id=" + "x" * 10_240, "user_id"),
        ("user_id=" + "%C3%A9" * 129, "user_id"),
        ("user_id=a%00b", "user_id"),
        ("user_id=a%0Ab", "user_id"),
        ("user_id=u1&k=0", "k"),
        ("user_id=u1&k=-1", "k"),
        ("user_id=u1&k=abc", "k"),
        ("user_id=u1&k=1.5", "k"),
        ("user_id=u1&k=", "k"),
        ("user_id=u1&k=100000", "k"),
        ("user_id=u1&k=" + "9" * 50, "k"),
        ("user_id=u1&k=" + "9" * 5_000, "k"),
        ("user_id=u1&kk=3", "kk"),
        ("user_id=u1&explain=perhaps", "explain"),
        ("user_id=u1&exclude=i1&exclude=", "exclude.1"),
        ("user_id=u1&exclude=" + "y" * 300, "exclude.0"),
        ("user_id=u1&scene=" + "s" * 65, "scene"),
        ("user_id=u1&" + "&".join(["exclude=i"] * 1_001), "exclude"),
    ],
)
def test_a_wrong_question_is_refused_and_the_field_named(api, query, field):
    is_refused(api.client.get(f"/recommend?{query}"), 422, field)


@pytest.mark.parametrize("query", ["user_id=%FF%FE", "user_id=%ED%A0%80", "user_id=u1&user_id=u2"])
def test_an_odd_question_is_answered_or_refused_but_never_breaks_the_service(api, query):
    assert api.client.get(f"/recommend?{query}").status_code in {200, 422}


def test_a_plain_query_an_unusual_one_and_a_body_get_the_same_answer_and_are_counted(api):
    def requests():
        metric = 'recfunnel_request_seconds_count{route="/recommend",status="200"}'
        lines = api.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))

    before, user = requests(), stranger()
    answers = [
        api.client.get(f"/recommend?user_id={user}&explore=false&k=5"),
        api.client.get(f"/recommend?k=05&explore=0&user_id={user}"),
        api.client.post("/recommend", json={"user_id": user, "explore": False, "k": 5}),
    ]
    lists = [answer.json() for answer in answers]
    assert lists[0]["items"] == lists[1]["items"] == lists[2]["items"]
    assert list(lists[0]) == list(lists[1]) == list(lists[2])
    names = [[name for name in answer.headers if name != "date"] for answer in answers]
    assert names[0] == names[1] == names[2]
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
    assert requests() == before + 3


def test_an_id_of_256_bytes_is_allowed(api):
    assert api.recommend("é" * 128)["user_id"] == "é" * 128


@pytest.mark.parametrize("k", [1, 4, 5, 50, 100])
def test_k_items_are_answered_or_as_many_as_there_are(api, k):
    answer = api.recommend("u9", k=k)
    there = 120 - len(seen_by("u9"))
    assert len(answer["items"]) == min(k, there)
    short = [{"stage": "slate", "outcome": "short"}] if there < k else []
    assert answer["degraded"] == short


def test_a_short_list_says_what_left_items_out(api):
    user = stranger()
    assert "notes" not in api.recommend(user, k=10)
    filtered = api.recommend(user, k=50, filter='category == "drama"', exclude="i1")
    (note,) = filtered["notes"]
    n = len(filtered["items"])
    available = int(np.count_nonzero(api.service.deployment.live_items.catalogue.available))
    assert note.startswith(f"the list has {n} of 50 items: of {available} available ones, ")
    counts = {name: int(count) for name, count in re.findall(r"(\w+) (\d+) \(", note)}
    assert counts["exclude"] == 1
    assert available - counts["exclude"] - counts["filter"] == n
    empty = api.recommend("u1", k=3, filter="year < 0")
    assert "the list has 0 of 3 items" in empty["notes"][0]
    assert "the filter of the request does not allow it" in empty["notes"][0]


def test_what_is_excluded_is_not_answered(api):
    before = api.ids("u5", explore=False)
    answer = api.ids("u5", explore=False, exclude=[before[0], before[3], "unheard-of"])
    assert len(answer) == 10
    assert not {before[0], before[3]} & set(answer)


def test_a_list_has_its_exploration_slots_unless_it_is_refused_or_short(api):
    def slots(**asked):
        return [item["slot"] for item in api.recommend("u6", **asked)["items"]]

    assert slots() == slots(explore=True) == ["organic"] * 9 + ["explore"]
    assert slots(k=20) == ["organic"] * 18 + ["explore"] * 2
    assert slots(explore=False) == ["organic"] * 10
    assert slots(k=9) == ["organic"] * 9


def test_a_request_may_boost_and_pin_items(api):
    user, plain = stranger(), {"explore": False, "k": 8}
    usual = [item["item_id"] for item in api.recommend(user, **plain)["items"]]
    dramas = api.recommend(user, **plain, boost='5 if category == "drama"', fields="category")
    assert all("drama" in item["fields"]["category"] for item in dramas["items"])
    answer = api.recommend(user, **plain, pin=["1:i100", "3:i101"], explain=True)
    listed = [item["item_id"] for item in answer["items"]]
    assert (listed[0], listed[2]) == ("i100", "i101")
    assert [listed[1], *listed[3:]] == [item for item in usual if item not in {"i100", "i101"}][:6]
    changed = {each["policy"]: each.get("changed") for each in answer["policies"]}
    assert changed["pin"]
    assert "notes" not in answer


def test_a_pin_that_is_not_shown_and_a_boost_of_nothing_are_named(api):
    seen = sorted(seen_by("u3"))[0]
    answer = api.recommend("u3", pin=f"1:{seen}", boost='1 if category == "dramma"')
    assert seen not in [item["item_id"] for item in answer["items"]]
    boosted, pinned = answer["notes"]
    assert 'did you mean "drama"' in boosted
    assert f"'{seen}' is not at position 1" in pinned


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"boost": "drama"}, "boost", "write an amount, if, and a filter"),
        ({"boost": "1 if colour == 3"}, "boost", "colour"),
        ({"pin": "i100"}, "pin", "such as 1:50"),
        ({"pin": "0:i100"}, "pin", "such as 1:50"),
        ({"pin": "1:"}, "pin", "such as 1:50"),
        ({"pin": "1:no such"}, "pin", "there is no item 'no such'"),
        ({"pin": "9999:i100"}, "pin", "the last one is"),
        ({"pin": ["1:i100", "1:i101"]}, "pin", "repeats a position"),
        ({"pin": ["1:i100", "2:i100"]}, "pin", "repeats a position"),
    ],
)
def test_a_wrong_boost_or_pin_is_refused_with_the_reason(api, options, field, reason):
    answer = api.client.get("/recommend", params={"user_id": "u1", **options})
    assert reason in is_refused(answer, 422, field)


def post(api, body):
    return api.client.post("/recommend", json=body)


def history(*items, **known):
    return [{"item_id": item, "type": "like", **known} for item in items]


def test_an_anonymous_session_gets_its_own_list_without_what_it_sent_along(api):
    nobody = post(api, {"explore": False}).json()
    action = post(api, {"explore": False, "history": history("i0", "i5", "i10")}).json()
    comedy = post(api, {"explore": False, "history": history("i1", "i6", "i11")}).json()
    lists = [[item["item_id"] for item in a["items"]] for a in (nobody, action, comedy)]
    assert lists[0] != lists[1] != lists[2]
    assert not {"i0", "i5", "i10"} & set(lists[1])
    assert nobody["user_id"] is None
    assert action["degraded"] == []
    of_taste = [sum(int(i[1:]) % 5 == taste for i in lists[taste + 1]) for taste in (0, 1)]
    assert min(of_taste) >= 6


def test_a_history_may_carry_times_and_is_then_ordered_by_them(api):
    newest = api.service.deployment.counters.now + 10
    shift = api.service.deployment.bundle.manifest.time_shift
    first, last = (
        [{"item_id": i, "type": "like", "timestamp": newest + shift + t} for i, t in order]
        for order in ([("i0", 5), ("i1", 9)], [("i1", 9), ("i0", 5)])
    )
    answers = [post(api, {"explore": False, "history": h}).json()["items"] for h in (first, last)]
    assert answers[0] == answers[1]


def test_a_history_joins_what_is_known_of_the_user(api):
    alone = api.ids("u8", explore=False)
    body = {"user_id": "u8", "explore": False, "history": history(alone[0])}
    joined = [item["item_id"] for item in post(api, body).json()["items"]]
    assert alone[0] not in joined
    assert not set(joined) & seen_by("u8")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"k": 0}, 422, "k"),
        ({"k": 100_000}, 422, "k"),
        ({"user_id": ""}, 422, "user_id"),
        ({"user_id": 7}, 422, "user_id"),
        ({"unheard": 1}, 422, "unheard"),
        ({"history": history("")}, 422, "history.0.item_id"),
        ({"history": history("i1", value="much")}, 422, "history.0.value"),
        ({"history": [{"item_id": "i1", "type": "stare"}]}, 422, "history.type"),
        ({"history": history(*["i1"] * 501)}, 422, "history"),
        ({"exclude": ["i1"] * 1_001}, 422, "exclude"),
        ([], 422, None),
        ("text", 422, None),
    ],
)
def test_a_wrong_body_is_refused_and_the_field_named(api, body, status, field):
    is_refused(post(api, body), status, field)


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [(raw, {400, 422}) for raw in (b"", b"{", b"\xff\xfe", b'{"k": NaN}')]
    + [(b"[" * 20_000, {413})],
)
def test_a_body_that_is_not_json_is_refused(api, raw, statuses):
    answer = api.client.post(
        "/recommend", content=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in statuses
    assert answer.json()["error"]["message"]


def test_a_body_that_is_too_large_is_refused(api):
    raw = orjson.dumps({"scene": "x" * 5_000_000})
    answer = api.client.post(
        "/recommend", content=raw, headers={"Content-Type": "application/json"}
    )
    is_refused(answer, 413, None)


def test_a_body_that_is_too_large_and_does_not_say_so_is_refused(api):
    def drip():
        yield b'{"scene": "'
        for _ in range(100):
            yield b"x" * 50_000
        yield b'"}'

    answer = api.client.post(
        "/recommend", content=drip(), headers={"Content-Type": "application/json"}
    )
    is_refused(answer, 413, None)


def test_unknown_paths_and_methods_are_refused_in_the_same_shape(api):
    is_refused(api.client.get("/unheard-of"), 404, None)
    is_refused(api.client.delete("/recommend"), 405, None)


def test_the_documentation_names_the_parameters_and_errors(api):
    described = api.client.get("/openapi.json").json()["paths"]["/recommend"]
    names = (
        "user_id k scene exclude explain contributions preview explore fields filter boost pin "
        "page_token why"
    )
    assert {parameter["name"] for parameter in described["get"]["parameters"]} == set(names.split())
    assert {"200", "422", "503"} <= set(described["post"]["responses"])
    assert api.client.get("/docs").status_code == 200


@contextmanager
def under_load(api, **measured):
    """Set what the admission has measured, for the length of a test."""
    admission = api.service.admission
    before = {name: getattr(admission, name) for name in measured}
    for name, value in measured.items():
        setattr(admission, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(admission, name, value)


@pytest.mark.parametrize(
    "load", [{"in_flight": 1_000}, {"in_flight": 1, "service_time": 15.0}], ids=["ceiling", "time"]
)
def test_a_request_that_cannot_be_whole_in_time_is_refused_before_its_body_is_parsed(api, load):
    with under_load(api, **load):
        answers = [
            api.client.get("/recommend?user_id=u1"),
            api.client.post("/recommend", content=b"no JSON"),
            api.client.get("/explain?user_id=u1&item_id=i1"),
        ]
        assert api.client.get("/healthz").status_code == 200
    for answer in answers:
        is_refused(answer, 503, None)
        assert answer.headers["Retry-After"] == "1"
    assert "recfunnel_requests_rejected_total" in api.client.get("/metrics").text


def test_under_load_a_list_is_made_from_fewer_candidates_and_is_whole(api):
    calm = api.recommend("u1", explain=True)
    with under_load(api, in_flight=3, service_time=4.0):  # 16 of the 20 seconds of the budget
        busy = api.recommend("u1", explain=True)
    assert busy["degraded"] == calm["degraded"] == []
    assert len(busy["items"]) == 10
    entered = [
        {stage["stage"]: stage["entered"] for stage in answer["stages"]} for answer in (busy, calm)
    ]
    assert entered[0]["rerank"] < entered[1]["rerank"]


def test_a_list_taken_while_fine_was_still_at_work_is_explained_without_its_weights(api):
    funnel = api.service.deployment.funnel
    slate = funnel.recommend_fallback(Request("u1", 10, seed=1, arrived=0.0), StageRunner(0.0))
    slate = replace(slate, results=(StageResult("fine", 0.1, "ok", 300, 100),))
    (told,) = explain_stages(slate, funnel.fine.scorer)
    assert told["stage"] == "fine"
    assert "weights" not in told


def test_a_session_has_a_channel_of_its_own(api):
    past = [{"item_id": f"i{n}", "type": "like", "timestamp": 100_000_000.0 + n} for n in range(8)]
    now = [{"item_id": f"i{n}", "type": "like", "timestamp": 9e8} for n in (20, 21)]
    for history, told in ((past + now, {"embedding", "session"}), ([], set())):
        answer = api.client.post("/recommend", json={"history": history, "explain": True}).json()
        found = {name for item in answer["items"] for name in item["explain"]["channels"]}
        assert found & {"embedding", "session"} == told


def test_a_budget_that_is_spent_on_arrival_still_gives_popular_items(trained, redis_url):
    tight = leisurely(out=trained, redis_url=redis_url, budget_ms=0.0001)
    with hosted(tight) as service:
        answer = service.recommend("u1", explain=True)
        assert len(answer["items"]) == 10
        assert not {item["item_id"] for item in answer["items"]} & seen_by("u1")
        assert {"stage": "funnel", "outcome": "late"} in answer["degraded"]
        text = service.client.get("/metrics").text
        assert 'recfunnel_fallbacks_total{kind="popular"} 1.0' in text


def test_the_policy_is_as_set(trained, redis_url):
    policy = SceneSettings(explore_slots=3, explore_from=1)
    with hosted(leisurely(out=trained, redis_url=redis_url, policy=policy)) as service:
        slots = [item["slot"] for item in service.recommend("u1")["items"]]
        assert slots == ["organic"] * 7 + ["explore"] * 3
