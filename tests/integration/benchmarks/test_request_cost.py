"""The benchmark measures a real bundle's kernels and a real service."""

import os
import random
import subprocess
import sys
from pathlib import Path

import orjson
import psutil  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from benchmarks.request_cost.bench import (
    BenchResult,
    Cores,
    CpuMeter,
    ServiceCost,
    request_lists,
    show,
)
from tests.integration.loadtest.target import Behaviour, target

KERNELS = ["FAISS search", "coarse product", "LightGBM predict", "MMR", "Redis round trip"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on made-up people with a taste each."""
    folder = tmp_path_factory.mktemp("bench")
    draw = random.Random(1)
    lines = ["user_id,item_id,rating,timestamp"]
    for user in range(1, 151):
        taste = draw.random()
        for event in range(25):
            item = min(119, max(0, int(draw.gauss(taste, 0.15) * 120)))
            moment = 1_000_000 + event * 25_200 + user * 997
            lines.append(f"{user},{item},{draw.choice([3, 4, 5, 5])},{moment}")
    data = folder / "interactions.csv"
    data.write_text("\n".join(lines) + "\n")
    program = Path(sys.executable).with_name("recfunnel")
    command: list[str | Path] = [program, "train", "--data", data, "--out", folder / "out"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "out"


@pytest.mark.e2e
def test_the_bench_prints_floor_service_and_ratio_and_writes_them(out: Path) -> None:
    ended = subprocess.run(
        f"{sys.executable} -m benchmarks.request_cost.bench --out {out} --requests 24 "
        f"--result {out}/bench.json".split(),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "ratio of CPU" in ended.stdout
    result = orjson.loads((out / "bench.json").read_bytes())
    assert list(result["kernels_ms"]) == KERNELS
    assert all(0 < cost < 50 for cost in result["kernels_ms"].values())
    assert result["kernels_total_ms"] == pytest.approx(sum(result["kernels_ms"].values()))
    assert [turn["clients"] for turn in result["service"]] == [1, 8]
    assert all(turn["failures"] == 0 for turn in result["service"])
    assert result["ratio"] > 1
    assert result["service"][0]["p50"] < result["service"][1]["p50"]


@pytest.mark.e2e
def test_make_load_starts_a_service_of_its_own_and_ends_it(out: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    ended = subprocess.run(
        f"{sys.executable} -m loadtest.run --out {out} --seconds 2 --rate 10 "
        "--budget-ms 5000".split(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("kept") == 2
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


async def test_lists_are_asked_for_so_many_at_a_time_and_failures_counted() -> None:
    behaviour = Behaviour(delay=0.05)
    with target(behaviour) as url:
        latencies, failures = await request_lists(url, clients=4, requests=10)
        assert (len(latencies), failures, len(behaviour.asked)) == (10, 0, 10)
        assert min(latencies) >= 50
        behaviour.status = 503
        assert (await request_lists(url, clients=2, requests=6))[1] == 6


def test_a_lap_counts_what_was_spent_since_the_one_before() -> None:
    spent = CpuMeter([psutil.Process()], psutil.Process())
    began = psutil.Process().cpu_times()
    while psutil.Process().cpu_times().user - began.user < 0.1:
        sum(range(10_000))
    worker, store = spent.lap()
    assert worker >= 0.1
    assert store >= 0.1
    assert spent.lap()[0] < 0.1


def test_the_client_has_another_core_where_there_is_one() -> None:
    cores = Cores.of_this_machine()
    assert (cores.measured != cores.client) == (len(os.sched_getaffinity(0)) > 1)


def test_the_figures_stand_beside_what_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    turns = [ServiceCost(1, 2.0, 0.1, 3.0, 9.0, 0), ServiceCost(8, 2.0, 0.1, 16.0, 40.0, 0)]
    floor = dict.fromkeys(KERNELS, 0.2)
    show(BenchResult("a machine", "v1", floor, 1.0, turns, 2.0), Console(width=120))
    printed = capsys.readouterr().out
    assert "CPU of the service: 2.00 x the kernels (target: at most 3)" in printed
    rows = [line.split() for line in printed.splitlines() if "25.00" in line or "100.00" in line]
    assert [row[1] for row in rows] == ["1", "8"]
