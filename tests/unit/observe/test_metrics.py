"""The metrics of one process."""

import re
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

from app.deadline import StageResult
from app.observe.metrics import BUCKETS, MAX_CHILDREN, Metrics


def samples(text: bytes) -> dict[str, float]:
    """Return every sample of a scrape: ``name{label=value,...}`` -> value."""
    values = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            values[f"{sample.name}{{{labels}}}"] = sample.value
    return values


def test_every_status_is_measured_from_arrival() -> None:
    metrics = Metrics()
    for status, seconds in ((200, 0.004), (404, 0.001), (503, 0.0004)):
        metrics.record_request("/recommend", status, seconds)
    seen = samples(metrics.scrape())
    for status in (200, 404, 503):
        assert seen[f"recfunnel_request_seconds_count{{route=/recommend,status={status}}}"] == 1
    assert seen["recfunnel_request_seconds_bucket{le=0.0005,route=/recommend,status=503}"] == 1


def test_each_stage_tells_its_time_outcome_and_candidates() -> None:
    metrics = Metrics()
    metrics.record_stages(
        [
            StageResult("recall.item_cf", 0.036, "late", 0, 0),
            StageResult("coarse", 0.002, "ok", 900, 300),
        ]
    )
    seen = samples(metrics.scrape())
    assert seen["recfunnel_stage_seconds_sum{outcome=late,stage=recall.item_cf}"] == 0.036
    assert seen["recfunnel_stage_candidates_in_total{stage=coarse}"] == 900
    assert seen["recfunnel_stage_candidates_out_total{stage=coarse}"] == 300


def test_an_answer_is_whole_or_degraded_and_names_its_fallback() -> None:
    metrics = Metrics()
    metrics.record_answer([])
    metrics.record_answer([("recall.item_cf", "down"), ("fine", "late")], "impersonal")
    seen = samples(metrics.scrape())
    assert seen["recfunnel_answers_total{kind=whole}"] == 1
    assert seen["recfunnel_answers_total{kind=degraded}"] == 1
    assert seen["recfunnel_degraded_total{outcome=down,stage=recall.item_cf}"] == 1
    assert seen["recfunnel_fallbacks_total{kind=impersonal}"] == 1


def test_after_a_swap_only_the_new_bundle_is_in_service() -> None:
    metrics = Metrics()
    metrics.set_bundle("v1", 100.0)
    metrics.set_bundle("v2", 200.0)
    metrics.count("bundle_refused")
    seen = samples(metrics.scrape())
    assert seen["recfunnel_bundle_workers{version=v1}"] == 0
    assert seen["recfunnel_bundle_workers{version=v2}"] == 1
    assert seen["recfunnel_bundle_created_timestamp_seconds{}"] == 200
    assert seen["recfunnel_bundle_refused_total{}"] == 1


def test_state_and_overload_are_counted() -> None:
    metrics = Metrics()
    metrics.record_round_trip("history", 0.0006, "ok")
    metrics.count("events", "click", "accepted", n=3)
    metrics.count("impressions_dropped", n=2)
    metrics.count("requests_rejected")
    metrics.request_started()
    metrics.request_ended()
    seen = samples(metrics.scrape())
    assert seen["recfunnel_redis_seconds_count{command=history,outcome=ok}"] == 1
    assert seen["recfunnel_events_total{outcome=accepted,type=click}"] == 3
    assert seen["recfunnel_impressions_dropped_total{}"] == 2
    assert seen["recfunnel_requests_rejected_total{}"] == 1
    assert seen["recfunnel_requests_in_flight{}"] == 0


def test_labels_that_callers_invent_do_not_grow_without_bound() -> None:
    metrics = Metrics()
    for number in range(MAX_CHILDREN + 50):
        metrics.count("events", f"invented-{number}", "refused")
    text = metrics.scrape().decode()
    assert len(re.findall(r"recfunnel_events_total\{", text)) == MAX_CHILDREN + 1
    assert samples(text.encode())["recfunnel_events_total{outcome=other,type=other}"] == 50


def test_the_buckets_resolve_the_budget() -> None:
    inside = [bound for bound in BUCKETS if 0.001 <= bound <= 0.1]
    assert all(high / low <= 2 for low, high in pairwise(inside))
    assert {0.001, 0.025, 0.1} <= set(BUCKETS)
    assert list(BUCKETS) == sorted(BUCKETS)
