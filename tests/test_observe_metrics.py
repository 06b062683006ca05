"""What Prometheus is told, from one process and from several real ones."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.deadline import StageResult
from app.observe.metrics import BUCKETS, MAX_CHILDREN, Metrics
from app.observe.worker_metrics import WorkersCollector, remove_dead_workers

WORKER = """
import sys
from app.observe.metrics import Metrics
from app.deadline import StageResult

metrics = Metrics()
metrics.set_bundle(sys.argv[1], 100.0)
metrics.request_started()
metrics.record_request("/recommend", 200, 0.004)
metrics.record_stages([StageResult("fine", 0.002, "ok", 300, 100)])
metrics.set_consumer_lag(float(sys.argv[2]))
print("ready", flush=True)
for _ in sys.stdin:
    sys.stdout.buffer.write(metrics.scrape() + b"# END\\n")
    sys.stdout.flush()
"""


def samples(text: bytes) -> dict[str, float]:
    """Give every sample of a scrape as ``name{label=value,...}`` -> value."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


class Worker:
    """A worker process of its own, which shares ``folder`` with the others."""

    def __init__(self, folder: Path, version: str, lag: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, version, str(lag)],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def scrape(self) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return samples(b"".join(iter(self.process.stdout.readline, b"# END\n")))

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.communicate()


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    workers = Worker(tmp_path, "v1", 1.0), Worker(tmp_path, "v1", 2.0)
    yield workers
    for worker in workers:
        if worker.process.poll() is None:
            worker.end()


def test_a_scrape_of_one_worker_sums_over_all_of_them(two_workers: tuple[Worker, Worker]) -> None:
    seen = two_workers[0].scrape()
    assert seen["recfunnel_request_seconds_count{route=/recommend,status=200}"] == 2
    assert seen["recfunnel_stage_seconds_bucket{le=0.002,outcome=ok,stage=fine}"] == 2
    assert seen["recfunnel_requests_in_flight{}"] == 2
    assert seen["recfunnel_bundle_workers{version=v1}"] == 2
    assert seen["recfunnel_bundle_created_timestamp_seconds{}"] == 100
    assert seen["recfunnel_follower_lag_seconds{}"] == 2


def collected(folder: Path) -> CollectorRegistry:
    """Read the workers' files from a process that is none of them."""
    registry = CollectorRegistry()
    WorkersCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return registry


def test_a_killed_workers_gauges_vanish_and_its_counts_stay(
    two_workers: tuple[Worker, Worker], tmp_path: Path
) -> None:
    two_workers[1].end(signal.SIGKILL)
    seen = two_workers[0].scrape()
    assert seen == samples(generate_latest(collected(tmp_path)))
    assert seen["recfunnel_requests_in_flight{}"] == 1
    assert seen["recfunnel_follower_lag_seconds{}"] == 1
    assert seen["recfunnel_request_seconds_count{route=/recommend,status=200}"] == 2


def test_another_users_live_process_is_not_forgotten(tmp_path: Path) -> None:
    mine, init = (tmp_path / f"gauge_livesum_{process}.db" for process in (os.getpid(), 1))
    for file in (mine, init):
        file.touch()
    tmp_path.chmod(0o777)
    program = """
import os
from pathlib import Path

from app.observe.worker_metrics import remove_dead_workers

if os.getuid() == 0:
    os.setuid(65534)
remove_dead_workers(Path())
"""
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        check=True,
    )
    assert mine.exists()
    assert init.exists()


def test_forgetting_looks_at_live_gauges_only(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gauge = tmp_path / f"gauge_livemax_{ended.pid}.db"
    counter = tmp_path / f"counter_{ended.pid}.db"
    gauge.touch()
    counter.touch()
    remove_dead_workers(tmp_path)
    assert not gauge.exists()
    assert counter.exists()


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
    metrics.count_refused_bundle()
    seen = samples(metrics.scrape())
    assert seen["recfunnel_bundle_workers{version=v1}"] == 0
    assert seen["recfunnel_bundle_workers{version=v2}"] == 1
    assert seen["recfunnel_bundle_created_timestamp_seconds{}"] == 200
    assert seen["recfunnel_bundle_refused_total{}"] == 1


def test_state_and_overload_are_counted() -> None:
    metrics = Metrics()
    metrics.record_round_trip("history", 0.0006, "ok")
    metrics.count_events("click", "accepted", 3)
    metrics.count_dropped_impressions(2)
    metrics.count_rejected()
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
        metrics.count_events(f"invented-{number}", "refused")
    text = metrics.scrape().decode()
    assert len(re.findall(r"recfunnel_events_total\{", text)) == MAX_CHILDREN + 1
    assert samples(text.encode())["recfunnel_events_total{outcome=other,type=other}"] == 50


def test_the_buckets_resolve_the_budget() -> None:
    inside = [bound for bound in BUCKETS if 0.001 <= bound <= 0.1]
    assert all(high / low <= 2 for low, high in pairwise(inside))
    assert {0.001, 0.025, 0.1} <= set(BUCKETS)
    assert list(BUCKETS) == sorted(BUCKETS)
