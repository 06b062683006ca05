"""Several worker processes answer as one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.observe.metrics import WorkersCollector, remove_dead_workers
from tests.unit.observe.test_metrics import samples

WORKER = """
import sys
from app.observe.metrics import Metrics
from app.deadline import StageResult

metrics = Metrics()
metrics.set_bundle(sys.argv[1], 100.0)
metrics.request_started()
metrics.record_request("/recommend", 200, 0.004)
metrics.record_stages([StageResult("fine", 0.002, "ok", 300, 100)])
metrics.set("follower_lag_seconds", float(sys.argv[2]))
print("ready", flush=True)
for _ in sys.stdin:
    sys.stdout.buffer.write(metrics.scrape() + b"# END\\n")
    sys.stdout.flush()
"""


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

from app.observe.metrics import remove_dead_workers

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
