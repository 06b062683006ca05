"""The benchmark of whole lists under load counts what the answers are."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.load import (
    LoadFigures,
    Plan,
    closed_loop,
    measure_all,
    program_of,
    ratios,
    show_ratios,
)
from tests.integration.loadtest.target import Behaviour, target

AMPLE = 60_000.0  # ms
BRIEF = Plan((1, 3), (0.5, 3.0), seconds=0.3, overload_seconds=0.3, budget_ms=AMPLE)
ROW = LoadFigures("1 clients", 10.0, 1.0, 2.0, 0, 0, 0, 0, 0.0, 0, client_ms=0.1)


def count(behaviour, budget_ms=AMPLE):
    with target(behaviour) as url:
        return asyncio.run(closed_loop(url, 2, 0.2, budget_ms))


def test_whole_lists_in_time_and_late_ones_are_counted_apart():
    assert count(Behaviour()).whole
    counts = count(Behaviour(), budget_ms=0.0)
    assert counts.late
    assert not counts.whole


def test_degraded_refused_and_failed_answers_are_no_whole_lists():
    degraded = count(Behaviour(degraded=True))
    assert degraded.degraded
    assert not degraded.without_history
    assert count(Behaviour(status=503)).refused
    assert count(Behaviour(status=500)).failures
    assert not degraded.whole


def test_each_load_has_a_row():
    with target(Behaviour()) as url:
        rows = asyncio.run(measure_all(url, BRIEF))
    assert [row.load for row in rows] == ["1 clients", "3 clients", "0.5 x", "3 x"]
    assert all(row.whole_rate > 0 for row in rows)
    assert all(row.client_ms > 0 for row in rows)


def test_the_figures_compare_with_the_best_rate_the_other_checkout_and_the_targets():
    one = [
        ROW,
        replace(ROW, load="32 clients", whole_rate=8.0, without_history=2, reads_refused=3),
        replace(ROW, load="0.5 x", p99=19.0, client_ms=0.2),
        replace(ROW, load="3 x", whole_rate=9.0, refused_p99=7.0),
    ]
    two, before = [replace(ROW, whole_rate=18.0)], [replace(ROW, whole_rate=4.0)]
    results = {"before, 1 worker": before, "after, 1 worker": one, "after, 2 workers": two}
    assert {name: value for name, value, _ in ratios(results)} == {
        "best rate / best rate before": "2.50",
        "32 clients / best rate": "0.80",
        "p99 at half of saturation": "19.0 ms",
        "3 x overload: whole lists / best rate": "0.90",
        "3 x overload: p99 of 503": "7.0 ms",
        "before, 1 worker: lists without history": "0",
        "before, 1 worker: history reads refused by the breaker": "0",
        "after, 1 worker: lists without history": "2",
        "after, 1 worker: history reads refused by the breaker": "3",
        "after, 2 workers: lists without history": "0",
        "after, 2 workers: history reads refused by the breaker": "0",
        "two workers / one": "1.80",
        "before, 1 worker: CPU of the clients a request": "0.10 ms",
        "after, 1 worker: CPU of the clients a request": "0.10 ms",
        "after, 2 workers: CPU of the clients a request": "0.10 ms",
    }
    console = Console(record=True, width=100)
    show_ratios(results, console)
    assert "0.80" in console.export_text()


def test_a_client_that_does_not_wait_asks_again_at_once_after_a_503():
    with target(Behaviour(status=503)) as url:
        waiting = asyncio.run(closed_loop(url, 1, 0.2, AMPLE, pause=0.3))
        eager = asyncio.run(closed_loop(url, 1, 0.2, AMPLE, pause=0.0))
    assert len(waiting.refused) == 1
    assert len(eager.refused) > 1


@pytest.mark.parametrize("checkout", [None, Path()])
def test_a_checkout_has_a_program(checkout):
    with program_of(checkout) as program:
        assert subprocess.run([program, "--help"], capture_output=True, check=False).returncode == 0
