"""The result of a load test: one row for each loop, and whether it kept the budget."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """The result of one run. Latencies are of requests for a list, in milliseconds."""

    name: str
    requests: int  # events included
    failures: int  # no answer, or not the status that was expected
    rate: float  # answers per second
    degraded: float  # share of the lists
    p50: float
    p95: float
    p99: float
    max: float
    reasons: dict[str, int] = field(default_factory=dict)  # of failures

    def meets_budget(self, budget_ms: float) -> bool:
        """Return whether all requests were answered, and p99 is within the budget."""
        return bool(self.requests) and not self.failures and self.p99 <= budget_ms


class LoadTally:
    """Collects answers while a test runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._seconds: list[float] = []
        self._degraded = 0
        self._events = 0
        self._reasons: Counter[str] = Counter()

    def count_failure(self, why: str) -> None:
        """Count a request without the expected answer."""
        self._reasons[why] += 1

    def count_event(self) -> None:
        """Count an acknowledged event."""
        self._events += 1

    def count_list(self, seconds: float, answer: dict[str, Any]) -> None:
        self._seconds.append(seconds)
        self._degraded += bool(answer["degraded"])

    def summarise(self, seconds: float) -> LoadSummary:
        times = np.array(self._seconds or [np.nan]) * 1000
        p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99]).tolist()
        answered = len(self._seconds) + self._events
        failures = self._reasons.total()
        lists = max(len(self._seconds), 1)
        return LoadSummary(
            name=self.name,
            requests=answered + failures,
            failures=failures,
            rate=answered / seconds,
            degraded=self._degraded / lists,
            p50=p50,
            p95=p95,
            p99=p99,
            max=float(times.max()),
            reasons=dict(self._reasons),
        )


def print_summaries(summaries: Sequence[LoadSummary], budget_ms: float, console: Console) -> bool:
    """Print a table of all runs; return whether every run kept the budget."""
    title = f"Latency of a list, ms (budget {budget_ms:g} at p99)"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("loop", no_wrap=True)
    numbers = ("requests", "failed", "per s", "degraded")
    for heading in (*numbers, "p50", "p95", "p99", "max", "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in summaries:
        times = [f"{ms:.1f}" for ms in (each.p50, each.p95, each.p99, each.max)]
        counts = [str(each.requests), str(each.failures), f"{each.rate:.1f}"]
        verdict = "kept" if each.meets_budget(budget_ms) else "MISSED"
        table.add_row(each.name, *counts, f"{each.degraded:.2%}", *times, verdict)
    console.print(table)
    for each in summaries:
        for why, count in each.reasons.items():
            console.print(f"{each.name}: {count} x {why}", markup=False, soft_wrap=True)
    return all(each.meets_budget(budget_ms) for each in summaries)
