"""Several worker processes answer as one."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cpu import cancel
from app.observe.metrics import Metrics
from tests.unit.observe.test_metrics import samples

WORKER = """
import sys
from pathlib import Path
from app.observe.metrics import Metrics
from app.deadline import StageResult

metrics = Metrics(Path(sys.argv[3]))
metrics.set_bundle(sys.argv[1], 100.0)
metrics.request_started()
metrics.record_request("/recommend", 200, 0.004)
metrics.record_stages([StageResult("fine", 0.002, "ok", 300, 100)])
metrics.set("follower_lag_seconds", float(sys.argv[2]))
metrics.share()
print("ready", flush=True)
for _ in sys.stdin:
    sys.stdout.buffer.write(metrics.scrape() + b"# END\\n")
    sys.stdout.flush()
"""


class Worker:
    """A worker process of its own, which shares ``folder`` with the others."""

    def __init__(self, folder: Path, version: str, lag: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, version, str(lag), str(folder)],
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


def test_a_killed_workers_gauges_vanish_and_its_counts_stay(
    two_workers: tuple[Worker, Worker], tmp_path: Path
) -> None:
    two_workers[1].end(signal.SIGKILL)
    seen = two_workers[0].scrape()
    assert seen == samples(Metrics(tmp_path).scrape())  # of a process that has no file yet
    assert seen["recfunnel_requests_in_flight{}"] == 1
    assert seen["recfunnel_follower_lag_seconds{}"] == 1
    assert seen["recfunnel_request_seconds_count{route=/recommend,status=200}"] == 2


def test_another_users_live_process_counts(tmp_path: Path) -> None:
    program = """
import os
from app.observe.metrics import is_process_alive

process = os.getppid()
if os.getuid() == 0:
    os.setuid(65534)
print(is_process_alive(process))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", program]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert result.stdout == "True\n"


async def test_a_worker_shares_its_metrics_as_long_as_it_runs(tmp_path: Path) -> None:
    metrics, other = Metrics(tmp_path), Metrics(tmp_path)
    task = asyncio.create_task(metrics.keep_shared())
    metrics.count("requests_rejected", n=7)
    rejected = 0.0
    for _ in range(1_000):
        rejected = samples(other.scrape())["recfunnel_requests_rejected_total{}"]
        if rejected:
            break
        await asyncio.sleep(0.01)
    await cancel(task)
    assert rejected == 7
