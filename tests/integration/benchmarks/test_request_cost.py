"""The benchmark measures the minimum of a real bundle's requests, and a real service."""

import os
from pathlib import Path

import orjson
import psutil  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from benchmarks.request_cost import bench
from benchmarks.request_cost.bench import (
    BenchResult,
    Cores,
    CpuMeter,
    ServiceCost,
    request_lists,
    show,
)
from loadtest import run as load
from tests.integration.loadtest.target import Behaviour, target
from tests.serving import LEISURE

PARTS = ["compiled kernels", "FAISS searches", "history read", "bare HTTP server"]


def test_the_bench_prints_minimum_service_and_ratio_and_writes_them(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LEISURE.items():
        monkeypatch.setenv(name, value)
    bench.main(out, 24, out / "bench.json")
    assert "x the minimum" in capsys.readouterr().out
    result = orjson.loads((out / "bench.json").read_bytes())
    assert list(result["minimum_ms"]) == PARTS
    assert all(cost >= 0 for cost in result["minimum_ms"].values())  # in steps of 10 ms
    assert result["minimum_total_ms"] == pytest.approx(sum(result["minimum_ms"].values()))
    assert [cost["clients"] for cost in result["service"]] == [1, 8]
    assert all(cost["failures"] == 0 for cost in result["service"])
    assert result["ratio"] > 1


def test_make_load_starts_a_service_and_ends_it(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LEISURE.items():
        monkeypatch.setenv(name, value)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    load.main(out=out, seconds=5, rate=10, budget_ms=60_000)  # seconds: locust starts slowly
    assert capsys.readouterr().out.count("kept") == 2
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


async def test_lists_are_requested_by_several_clients_and_failures_are_counted() -> None:
    behaviour = Behaviour(delay=0.05)
    with target(behaviour) as url:
        latencies, failures = await request_lists(url, clients=4, requests=10)
        assert (len(latencies), failures, len(behaviour.lists)) == (10, 0, 10)
        assert min(latencies) >= 50
        behaviour.status = 503
        assert (await request_lists(url, clients=2, requests=6))[1] == 6


def test_a_lap_counts_the_cpu_time_since_the_last_one() -> None:
    meter = CpuMeter([psutil.Process()], psutil.Process())
    began = psutil.Process().cpu_times()
    while psutil.Process().cpu_times().user - began.user < 0.1:
        sum(range(10_000))
    worker, store = meter.lap()
    assert worker >= 0.1
    assert store >= 0.1
    assert meter.lap()[0] < 0.1


def test_the_client_has_another_core_where_there_is_one() -> None:
    cores = Cores.of_this_machine()
    assert (cores.measured != cores.client) == (len(os.sched_getaffinity(0)) > 1)


def test_the_figures_stand_beside_their_targets(capsys: pytest.CaptureFixture[str]) -> None:
    costs = [ServiceCost(1, 2.0, 0.1, 3.0, 9.0, 0), ServiceCost(8, 2.0, 0.1, 16.0, 40.0, 0)]
    minimum = dict.fromkeys(PARTS, 0.2)
    show(BenchResult("a machine", "v1", minimum, 1.0, costs, 2.0), Console(width=120))
    printed = capsys.readouterr().out
    assert "CPU of the service: 2.00 x the minimum (target: at most 1.5)" in printed
    rows = [line.split() for line in printed.splitlines() if "25.00" in line or "100.00" in line]
    assert [row[1] for row in rows] == ["1", "8"]
