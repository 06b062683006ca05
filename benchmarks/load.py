"""Whole lists a second, by the number of clients and under overload.

    python -m benchmarks.load --out out
    python -m benchmarks.load --out out --before ../other-checkout

A list is whole if nothing is missing from it and it comes within the budget. A client that gets 503
waits one second, as Retry-After says; with ``--no-wait`` it asks again at once. The open loop sends
a multiple of the best rate of the closed loop, and never waits. With ``--before``, another checkout
is measured in turns with this one.
"""

import asyncio
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.request_cost.bench import Cores
from loadtest.connection import HttpClient
from loadtest.open_loop import OpenLoopPlan
from loadtest.service import RECFUNNEL, pin_to_cores, run_service
from loadtest.traffic import HttpCall, Traffic

CLIENTS = (1, 2, 4, 8, 12, 16, 24, 32)
OVERLOADS = (0.2, 0.5, 1.0, 3.0)  # times the best rate of the closed loop
HALF = 0.5  # of saturation
LONGEST_OVERLOAD = OVERLOADS[-1]
WARM_UP_SECONDS = 2.0
RETRY_AFTER = 1.0  # seconds
HTTP_OK, HTTP_UNAVAILABLE = 200, 503
HISTORY_STAGES = {"history", "filters", "funnel"}  # without one of these a list has no history
WHOLE = b'"degraded":[]'  # in the JSON of a whole list; no string in it can hold the quotes
METRICS = HttpCall("metrics", "GET", "/metrics")
REFUSED_READS = b'recfunnel_redis_seconds_count{command="history",outcome="open"}'


@dataclass(slots=True)
class LoadCounts:
    """The answers of one measurement. Times are in milliseconds."""

    seconds: float = 0.0
    whole: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)  # whole lists, past the budget
    degraded: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    without_history: int = 0
    failures: int = 0
    client_seconds: float = 0.0  # of CPU that this process took

    def count(self, status: int, body: bytes, ms: float, budget_ms: float) -> None:
        if status == HTTP_UNAVAILABLE:
            self.refused.append(ms)
        elif status != HTTP_OK:
            self.failures += 1
        elif missing := stages_missing(body):
            self.degraded.append(ms)
            self.without_history += bool(missing & HISTORY_STAGES)
        else:
            (self.whole if ms <= budget_ms else self.late).append(ms)

    def summarise(self, load: str) -> "LoadFigures":
        answered = [*self.whole, *self.late, *self.degraded]
        sent = len(answered) + len(self.refused) + self.failures
        return LoadFigures(
            load,
            len(self.whole) / self.seconds,
            _quantile(answered, 0.5),
            _quantile(answered, 0.99),
            len(self.late),
            len(self.degraded),
            self.without_history,
            len(self.refused),
            _quantile(self.refused, 0.99),
            self.failures,
            client_ms=self.client_seconds / max(sent, 1) * 1000,
        )


def stages_missing(body: bytes) -> set[str]:
    """Return the stages that failed. The answers of a service are read without a parser."""
    return set() if WHOLE in body else {part["stage"] for part in orjson.loads(body)["degraded"]}


def _quantile(times: Sequence[float], q: float) -> float:
    return float(np.quantile(times, q)) if times else 0.0


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """One row of the result."""

    load: str  # "8 clients" or "3 x"
    whole_rate: float  # whole lists a second, within the budget
    p50: float  # ms, of all lists
    p99: float
    late: int  # whole lists, past the budget
    degraded: int
    without_history: int
    refused: int
    refused_p99: float  # ms
    failures: int
    reads_refused: int = 0  # reads of a history that the circuit breaker did not let through
    client_ms: float = 0.0  # CPU that this process took for a request


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and for how long."""

    clients: Sequence[int] = CLIENTS
    overloads: Sequence[float] = OVERLOADS
    seconds: float = 4.0
    overload_seconds: float = 60.0  # of the highest load
    budget_ms: float = 100.0
    pause: float = RETRY_AFTER  # seconds that a client waits after a 503


async def closed_loop(  # noqa: PLR0913, PLR0917 - the last ones have defaults
    url: str,
    clients: int,
    seconds: float,
    budget_ms: float,
    traffic: Traffic | None = None,
    pause: float = RETRY_AFTER,
) -> LoadCounts:
    """Send requests from so many clients, each as soon as the one before is answered.

    ``pause`` is how many seconds a client waits after a 503.
    """
    client, counts, traffic = HttpClient(url), LoadCounts(), traffic or Traffic(clients)
    until, used = time.perf_counter() + seconds, time.process_time()

    async def run_client() -> None:
        while (began := time.perf_counter()) < until:
            reply = await client.send(traffic.next_trained_user())
            ms = (time.perf_counter() - began) * 1000
            counts.count(reply.status, reply.body, ms, budget_ms)
            if reply.status == HTTP_UNAVAILABLE:
                await asyncio.sleep(pause)

    await asyncio.gather(*(run_client() for _ in range(clients)))
    counts.seconds, counts.client_seconds = seconds, time.process_time() - used
    client.close()
    return counts


async def open_loop(
    url: str, rate: float, seconds: float, budget_ms: float, traffic: Traffic | None = None
) -> LoadCounts:
    """Send requests on a Poisson schedule. Their times count from the schedule."""
    client, counts, traffic = HttpClient(url), LoadCounts(), traffic or Traffic(7)
    began, used = time.perf_counter(), time.process_time()

    async def ask(due: float) -> None:
        try:
            reply = await client.send(traffic.next_trained_user())
        except OSError:
            counts.failures += 1
            return
        ms = (time.perf_counter() - began - due) * 1000
        counts.count(reply.status, reply.body, ms, budget_ms)

    async with asyncio.TaskGroup() as requests:
        for due in OpenLoopPlan(rate, seconds).draw_arrivals():
            if (pause := began + due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            requests.create_task(ask(due))
    counts.seconds = max(seconds, time.perf_counter() - began)
    counts.client_seconds = time.process_time() - used
    client.close()
    return counts


async def count_refused_reads(url: str) -> int:
    """Return how many reads of a history the circuit breakers of the service have refused."""
    client = HttpClient(url)
    lines = (await client.send(METRICS)).body.splitlines()
    client.close()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(REFUSED_READS))


async def measure_all(url: str, plan: Plan) -> list[LoadFigures]:
    """Run the closed loops, then the open ones at multiples of the best rate."""
    await closed_loop(url, 2, WARM_UP_SECONDS, plan.budget_ms)
    figures: list[LoadFigures] = []
    refused = await count_refused_reads(url)

    async def add(load: str, counts: LoadCounts) -> None:
        nonlocal refused
        before, refused = refused, await count_refused_reads(url)
        figures.append(replace(counts.summarise(load), reads_refused=refused - before))

    for clients in plan.clients:
        counts = await closed_loop(url, clients, plan.seconds, plan.budget_ms, pause=plan.pause)
        await add(f"{clients} clients", counts)
    peak = best(figures)
    for factor in plan.overloads:
        seconds = plan.overload_seconds if factor == LONGEST_OVERLOAD else plan.seconds
        counts = await open_loop(url, max(factor * peak, 1.0), seconds, plan.budget_ms)
        await add(f"{factor:g} x", counts)
    return figures


@contextmanager
def program_of(checkout: Path | None) -> Iterator[Path]:
    """Yield a program that runs ``recfunnel`` of a checkout; None stands for this one."""
    if checkout is None:
        yield RECFUNNEL
        return
    root = shlex.quote(str(checkout.resolve()))
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "recfunnel"
        python = shlex.quote(sys.executable)
        program.write_text(
            f'#!/bin/sh\ncd {root} && PYTHONPATH={root} exec {python} -m offline.cli "$@"\n'
        )
        program.chmod(0o755)
        yield program


def measure_service(
    out: Path, workers: int, plan: Plan, checkout: Path | None
) -> list[LoadFigures]:
    """Start a service and measure it. One worker has a core of its own."""
    cores = Cores.of_this_machine()
    with (
        program_of(checkout) as program,
        run_service(
            out.resolve(), [cores.measured] if workers == 1 else (), workers, program=program
        ) as service,
        pin_to_cores([cores.client] if workers == 1 else ()),
    ):
        return uvloop.run(measure_all(service.url, plan))


def show(name: str, figures: Sequence[LoadFigures], console: Console) -> None:
    """Print the figures of one service, and what they show."""
    table = Table(title=name, box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    headings = (
        "load",
        "whole/s",
        "p50",
        "p99",
        "late",
        "de-\ngraded",
        "no\nhistory",
        "503",
    )
    for heading in (*headings, "p99\nof 503", "failed", "reads\nrefused"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in figures:
        times = [f"{row.whole_rate:.0f}", f"{row.p50:.1f}", f"{row.p99:.1f}"]
        counts = map(str, (row.late, row.degraded, row.without_history, row.refused))
        last = (f"{row.refused_p99:.1f}", str(row.failures), str(row.reads_refused))
        table.add_row(row.load, *times, *counts, *last)
    console.print(table)


def best(figures: Sequence[LoadFigures]) -> float:
    """Return the best rate of the closed loops."""
    return max(row.whole_rate for row in figures if "clients" in row.load)


def ratios(results: dict[str, list[LoadFigures]]) -> list[tuple[str, str, str]]:
    """Return (name, value, target) of each figure that compares the measurements."""
    one = results["after, 1 worker"]
    most = [row for row in one if "clients" in row.load][-1]
    by_load = {row.load: row for row in one}
    figures = []
    if "before, 1 worker" in results:
        faster = best(one) / max(best(results["before, 1 worker"]), 1e-9)
        figures.append(("best rate / best rate before", f"{faster:.2f}", ">= 2.5"))
    figures.append((f"{most.load} / best rate", f"{most.whole_rate / best(one):.2f}", ">= 0.9"))
    if half := by_load.get(f"{HALF:g} x"):
        figures.append(("p99 at half of saturation", f"{half.p99:.1f} ms", "<= 20 ms"))
    if highest := by_load.get(f"{LONGEST_OVERLOAD:g} x"):
        whole, name = highest.whole_rate / best(one), f"{highest.load} overload"
        figures.append((f"{name}: whole lists / best rate", f"{whole:.2f}", ">= 0.9"))
        figures.append((f"{name}: p99 of 503", f"{highest.refused_p99:.1f} ms", "<= 10 ms"))
    for name, rows in results.items():
        lost = sum(row.without_history for row in rows)
        figures.append((f"{name}: lists without history", str(lost), "0"))
        reads = sum(row.reads_refused for row in rows)
        figures.append((f"{name}: history reads refused by the breaker", str(reads), "0"))
    if "after, 2 workers" in results:
        gain = best(results["after, 2 workers"]) / best(one)
        figures.append(("two workers / one", f"{gain:.2f}", ">= 1.7"))
    for name, rows in results.items():  # with two workers, the clients share their cores
        clients = float(np.median([row.client_ms for row in rows]))
        figures.append((f"{name}: CPU of the clients a request", f"{clients:.2f} ms", ""))
    return figures


def show_ratios(results: dict[str, list[LoadFigures]], console: Console) -> None:
    """Print the figures that compare the measurements."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("figure", "measured", "target"):
        table.add_column(heading, justify="left" if heading == "figure" else "right", no_wrap=True)
    for row in ratios(results):
        table.add_row(*row)
    console.print(table)


def main(  # noqa: PLR0913, PLR0917 - options of the command
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("out"),
    before: Annotated[Path | None, typer.Option(help="Another checkout, for comparison.")] = None,
    seconds: Annotated[float, typer.Option(help="Length of a measurement.")] = 4.0,
    overload_seconds: Annotated[float, typer.Option(help="Length of the highest load.")] = 60.0,
    wait: Annotated[bool, typer.Option(help="Wait a second after each 503.")] = True,  # noqa: FBT002
    result: Annotated[Path, typer.Option(help="File of the result.")] = Path("out/load.json"),
) -> None:
    """Measure one and two workers of this checkout, and of another one in turns."""
    console, pause = Console(), RETRY_AFTER if wait else 0.0
    plan = Plan(seconds=seconds, overload_seconds=overload_seconds, pause=pause)
    results: dict[str, list[LoadFigures]] = {}
    for workers in (1, 2):
        count = f"{workers} worker{'s' * (workers > 1)}"
        if before:
            name = f"before, {count}"
            results[name] = measure_service(out, workers, plan, before)
            show(name, results[name], console)
        name = f"after, {count}"
        results[name] = measure_service(out, workers, plan, None)
        show(name, results[name], console)
    show_ratios(results, console)
    result.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: [asdict(row) for row in figures] for name, figures in results.items()}
    result.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    typer.run(main)
