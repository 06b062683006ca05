"""Traces arrive at a real collector, as the caller's headers and the settings want them."""

import secrets
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.observe.otlp import OtlpSender
from app.observe.tracing_settings import TracingSettings
from tests.conftest import copy_trained
from tests.otlp_collector import Collector, ReceivedSpan, collecting
from tests.serving import Hosted, Served, hosted, leisurely, running, until

SERVER, INTERNAL = 2, 1  # kinds of spans
UNSET, ERROR = 0, 2  # codes of their status
STAGES = ["history", "queue", "profile", "recall", "coarse", "fine", "rerank", "render"]
ROUNDING = 1_000  # nanoseconds


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


@pytest.fixture(scope="module")
def two_workers(
    trained: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A service that traces a request only if its caller does."""
    out = copy_trained(trained, tmp_path_factory.mktemp("traced") / "out")
    settings = {
        "RECFUNNEL_TRACING__ENDPOINT": collector.endpoint,
        "RECFUNNEL_TRACING__RATIO": "0",
        "RECFUNNEL_TRACING__TRUST_CALLERS": "true",
        "RECFUNNEL_TRACING__HEADERS": '{"X-Team": "shop"}',
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    with running(out, "--workers", "2", **settings) as served:
        yield served


@pytest.fixture(scope="module")
def every_request(trained: Path, redis_url: str, collector: Collector) -> Iterator[Hosted]:
    """A service that traces all requests, and names their users."""
    tracing = {"endpoint": f"{collector.endpoint}/v1/traces", "ratio": 1, "user_ids": True}
    with hosted(leisurely(out=trained, redis_url=redis_url, tracing=tracing)) as service:
        yield service


def caller(flags: str = "01") -> tuple[str, str, dict[str, str]]:
    """A trace and a span of a caller, and the headers of its request."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, {"traceparent": f"00-{trace_id}-{span_id}-{flags}"}


def by_name(spans: list[ReceivedSpan]) -> dict[str, ReceivedSpan]:
    return {span.name: span for span in spans}


def test_each_stage_is_a_span_in_the_trace_of_the_caller(
    two_workers: Served, collector: Collector
) -> None:
    trace_id, span_id, headers = caller()
    asked = {"user_id": "u1", "k": 7, "scene": "home"}
    answer = two_workers.client.get("/recommend", params=asked, headers=headers).json()
    whole, *parts = collector.await_trace(trace_id)
    assert (whole.name, whole.kind, whole.parent) == ("GET /recommend", SERVER, span_id)
    assert whole.facts == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/recommend",
        "recfunnel.request_id": answer["request_id"],
        "recfunnel.scene": "home",
        "recfunnel.k": 7,
        "recfunnel.items": 7,
        "recfunnel.bundle": answer["bundle"],
        "recfunnel.variant": "control",
        "recfunnel.degraded": [],
        "recfunnel.candidate_share": 1.0,
    }
    children = [part for part in parts if part.parent == whole.span_id]
    assert [part.name for part in sorted(children, key=lambda part: part.start)] == STAGES
    assert len({part.span_id for part in (whole, *parts)}) == len(parts) + 1
    assert {part.kind for part in parts} == {INTERNAL}
    assert {part.status for part in (whole, *parts)} == {(UNSET, "")}
    fine, rerank = by_name(parts)["fine"].facts, by_name(parts)["rerank"].facts
    assert fine["recfunnel.outcome"] == "ok"
    assert fine["recfunnel.candidates.out"] == rerank["recfunnel.candidates.in"]
    assert rerank["recfunnel.candidates.out"] == 7
    assert by_name(parts)["history"].facts == {"recfunnel.outcome": "ok"}


def test_recall_has_a_span_for_each_channel_that_had_work(
    two_workers: Served, collector: Collector
) -> None:
    trace_id, _, headers = caller()
    two_workers.client.get("/recommend", params={"user_id": "u1"}, headers=headers)
    spans = collector.await_trace(trace_id)
    recall = by_name(spans)["recall"]
    channels = [span for span in spans if span.parent == recall.span_id]
    assert {"recall.item_cf", "recall.popular"} <= {channel.name for channel in channels}
    assert recall.facts["recfunnel.recall.channels"] == len(channels)
    assert "social" in recall.facts["recfunnel.recall.idle"]  # the user has no friends
    proposed = sum(channel.facts["recfunnel.candidates.out"] for channel in channels)
    assert recall.facts["recfunnel.candidates.out"] == proposed > 0


def test_parts_lie_within_the_whole_and_follow_one_another(
    two_workers: Served, collector: Collector
) -> None:
    trace_id, _, headers = caller()
    two_workers.client.get("/recommend", params={"user_id": "u2"}, headers=headers)
    spans = collector.await_trace(trace_id)
    by_id = {span.span_id: span for span in spans}
    for part in spans[1:]:
        whole = by_id[part.parent]
        assert whole.start - ROUNDING <= part.start <= part.end <= whole.end + ROUNDING
    ordered = [by_name(spans)[name] for name in STAGES]
    for one, following in pairwise(ordered):
        assert one.end <= following.start + ROUNDING


def test_every_worker_sends_its_own_spans_with_the_headers_of_the_settings(
    two_workers: Served, collector: Collector
) -> None:
    workers = set()

    def asks_both() -> bool:
        trace_id, _, headers = caller()
        two_workers.client.get("/popular", headers=headers | {"connection": "close"})
        resource = collector.await_trace(trace_id)[0].resource
        workers.add((resource["process.pid"], resource["service.instance.id"]))
        return len(workers) == 2

    until(asks_both)
    resource = collector.spans[-1].resource
    assert resource["service.name"] == "recfunnel"
    assert resource["service.version"]
    assert resource["deployment.environment.name"] == "test"
    path, headers, _ = collector.requests[-1]
    assert path == "/v1/traces"
    assert headers["x-team"] == "shop"
    assert 'recfunnel_traces_total{outcome="sent"}' in two_workers.client.get("/metrics").text


def test_no_user_id_leaves_the_service_unless_the_settings_allow_it(
    two_workers: Served, every_request: Hosted, collector: Collector
) -> None:
    user = "alice@example.com"
    trace_id, _, headers = caller()
    two_workers.client.get("/recommend", params={"user_id": user}, headers=headers)
    collector.await_trace(trace_id)
    two_workers.client.get(f"/users/{user}/history", headers=headers)
    until(lambda: len(collector.trace(trace_id)) > len(STAGES))
    route = until(lambda: by_name(collector.trace(trace_id)).get("GET /users/{user_id}/history"))
    assert route.facts["http.response.status_code"] == 200
    assert not any(user.encode() in body for _, _, body in collector.requests)
    trace_id, _, headers = caller()
    every_request.client.get("/recommend", params={"user_id": user}, headers=headers)
    assert collector.await_trace(trace_id)[0].facts["user.id"] == user


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/popular?k=3", None, ("/popular", "home", 3, 3)),
        ("GET", "/items/i3/similar?k=2", None, ("/items/{item_id}/similar", "home", 2, 2)),
        ("POST", "/rank", {"user_id": "u3", "items": ["i1", "i2"]}, ("/rank", "home", 2, None)),
        ("POST", "/recommend", {"history": [{"item_id": "i1"}]}, ("/recommend", "home", 10, 10)),
        ("GET", "/recommend?user_id=u4&preview=true&k=4", None, (None, "home", 4, 4)),
    ],
    ids=["popular", "similar", "rank", "session", "preview"],
)
def test_the_span_of_a_list_says_what_was_listed(
    every_request: Hosted, collector: Collector, method, path, body, expected
) -> None:
    trace_id, _, headers = caller()
    answer = every_request.client.request(method, path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    facts = collector.await_trace(trace_id)[0].facts
    route, scene, k, n = expected
    assert facts["http.route"] == (route or "/recommend?preview=true")
    assert (facts["recfunnel.scene"], facts["recfunnel.k"]) == (scene, k)
    assert facts["recfunnel.items"] == (len(answer.json()["items"]) if n is None else n)
    assert facts["recfunnel.bundle"] == answer.json()["bundle"]


def test_the_caller_decides_and_the_share_of_requests_where_it_does_not(
    every_request: Hosted, collector: Collector
) -> None:
    """The traces of one worker arrive in the order of its answers."""
    n_before = len(collector.spans)
    unwanted, _, off = caller("00")
    every_request.client.get("/popular?k=1", headers=off)
    every_request.client.get("/healthz")
    every_request.client.get("/popular?k=2", headers={"traceparent": "00-nonsense"})
    every_request.client.get("/popular?k=3")
    last, _, on = caller()
    every_request.client.get("/popular?k=4", headers=on | {"tracestate": "vendor=7"})
    collector.await_trace(last)
    new = [span for span in collector.spans[n_before:] if span.name == "GET /popular"]
    assert [span.facts["recfunnel.k"] for span in new] == [2, 3, 4]
    assert [bool(span.parent) for span in new] == [False, False, True]
    assert unwanted not in {span.trace_id for span in new}


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-" + 40_000 * "a"},
        {"tracestate": 9_000 * "a=b,"},
        {"tracestate": "no member"},
        {"traceparent": "ff-" + 32 * "1" + "-" + 16 * "1" + "-01"},
        {"traceparent": "00-" + 32 * "0" + "-" + 16 * "1" + "-01"},
    ],
    ids=["long parent", "long state", "no member", "version ff", "no trace"],
)
def test_headers_that_are_no_trace_change_no_answer_and_fill_no_log(
    every_request: Hosted, collector: Collector, headers: dict[str, str], caplog
) -> None:
    trace_id, _, on = caller()
    n_before = len(collector.spans)
    assert every_request.client.get("/popular?k=6", headers=on | headers).is_success
    every_request.client.get("/popular?k=7", headers=on)
    until(lambda: any(span.facts["recfunnel.k"] == 7 for span in collector.spans[n_before:]))
    asked = [span for span in collector.spans[n_before:] if span.facts["recfunnel.k"] == 6]
    assert len(asked) == 1
    assert (asked[0].trace_id == trace_id) == ("traceparent" not in headers)
    assert [one for one in caplog.records if one.name.startswith("opentelemetry")] == []


def test_a_request_that_is_refused_has_a_trace_with_its_status(
    every_request: Hosted, collector: Collector
) -> None:
    trace_id, _, headers = caller()
    every_request.client.get("/recommend?user_id=u1&k=0", headers=headers)
    (whole,) = collector.await_trace(trace_id)
    assert whole.facts == {
        "http.request.method": "GET",
        "http.response.status_code": 422,
        "http.route": "/recommend",
    }
    assert whole.status == (UNSET, "")


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_caller_that_is_not_trusted_causes_no_trace(ratio: float, trust: bool) -> None:
    """The id of the first trace is the one that a share of the ids has first."""
    settings = TracingSettings(ratio=ratio, trust_callers=trust)
    sender = OtlpSender(settings, "http://127.0.0.1:9/v1/traces")
    for trace_id in (f"{1:032x}", secrets.token_hex(16)):
        start = f"00-{trace_id}-{secrets.token_hex(8)}"
        trace = sender.begin(f"{start}-01", "")
        assert (trace is not None) == (trust or ratio == 1)
        assert trace is None or f"{trace.trace_id:032x}" == trace_id
        assert sender.begin(f"{start}-00", "") is None
    sender.close()


def test_an_id_that_the_caller_chooses_does_not_pass_the_share() -> None:
    sender = OtlpSender(TracingSettings(ratio=1e-12), "http://127.0.0.1:9/v1/traces")
    assert sender.begin(f"00-{1 << 64:032x}-{secrets.token_hex(8)}-01", "") is None
    sender.close()


def test_the_reason_of_a_loss_is_that_of_the_last_attempt() -> None:
    with collecting() as one:
        sender = OtlpSender(TracingSettings(ratio=1.0), f"{one.endpoint}/v1/traces")
        trace = sender.begin("", "")
        assert trace is not None
        one.status = 401
        assert "Unauthorized" in sender.send([trace])
        one.status = 404
        assert "Not Found" in sender.send([trace])
        one.status = 200
        assert sender.send([trace]) == ""
        sender.close()
    assert [span.trace_id for span in one.spans] == [f"{trace.trace_id:032x}"]
