"""``make bench``: what a request costs, against the floor of its bare kernels.

Floor and service take turns on one core; the client has the other one, where there is one.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import psutil  # type: ignore[import-untyped]
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from benchmarks.request_cost.kernels import KernelCosts, KernelTimer, with_kernel_timer
from loadtest.connection import HttpClient
from loadtest.service import ServiceProcess, pin_to_cores, run_service
from loadtest.traffic import Traffic

SAMPLED_USERS = 40
KERNEL_REPEATS = 5
ROUNDS = 3
CLIENTS = (1, 8)
TARGET_RATIO = 3.0
TARGET_P99 = {1: 25.0, 8: 100.0}  # ms, by concurrent clients
HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class Cores:
    """Who computes where."""

    measured: int
    client: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Take the first core for what is measured, the last for the client."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[-1])


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """One measurement of the service with so many clients at once."""

    clients: int
    cpu_ms: float  # of the worker, user and system, one request
    store_cpu_ms: float  # of the Redis server, one request
    p50: float  # ms
    p99: float
    failures: int


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Everything measured. CPU times are the median over the rounds, latencies over all."""

    machine: str
    bundle: str
    kernels_ms: dict[str, float]
    kernels_total_ms: float
    service: list[ServiceCost]
    ratio: float  # the service's CPU with one client over the floor


class CpuMeter:
    """CPU time of a service since it was last asked, the worker's and the Redis server's."""

    def __init__(self, workers: Sequence[psutil.Process], store: psutil.Process) -> None:
        self._workers = workers
        self._store = store
        self.lap()

    def lap(self) -> tuple[float, float]:
        """Give seconds of CPU since the last lap: (worker, Redis server)."""
        now = sum(map(_cpu_seconds, self._workers)), _cpu_seconds(self._store)
        before = getattr(self, "_before", now)
        self._before = now
        return now[0] - before[0], now[1] - before[1]


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def request_lists(url: str, clients: int, requests: int) -> tuple[list[float], int]:
    """Ask for ``requests`` lists, ``clients`` at a time; give latencies in ms, and failures."""
    client, traffic = HttpClient(url), Traffic(seed=clients)
    latencies: list[float] = []
    left = iter(range(requests))

    async def visitor() -> None:
        for _ in left:
            began = time.perf_counter()
            reply = await client.send(traffic.next_trained_user())
            if reply.status == HTTP_OK:
                latencies.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(visitor() for _ in range(clients)))
    client.close()
    return latencies, requests - len(latencies)


class RequestBench:
    """Takes turns between the floor and the service, and collects what they cost."""

    def __init__(self, own: ServiceProcess, spent: CpuMeter, cores: Cores, requests: int) -> None:
        self._own = own
        self._spent = spent
        self._cores = cores
        self._requests = requests
        self._floors: list[KernelCosts] = []
        self._cpu: dict[int, list[tuple[float, float]]] = {clients: [] for clients in CLIENTS}
        self._latencies: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
        self._failures = dict.fromkeys(CLIENTS, 0)

    async def run(self, floor: KernelTimer) -> None:
        """Do all the rounds."""
        with pin_to_cores([self._cores.client]):
            await request_lists(self._own.url, 1, self._requests // 4)
        for _ in range(ROUNDS):
            with pin_to_cores([self._cores.measured]):
                self._floors.append(await floor.measure(KERNEL_REPEATS))
            with pin_to_cores([self._cores.client]):
                for clients in CLIENTS:
                    await self._turn(clients)

    def result(self, bundle: Bundle) -> BenchResult:
        """Sum up."""
        floor = {
            name: float(np.median([each[name] for each in self._floors])) * 1000
            for name in self._floors[0]
        }
        turns = [self._summed(clients) for clients in CLIENTS]
        total = sum(floor.values())
        return BenchResult(_machine(), bundle.version, floor, total, turns, turns[0].cpu_ms / total)

    async def _turn(self, clients: int) -> None:
        self._spent.lap()
        latencies, failures = await request_lists(self._own.url, clients, self._requests)
        self._cpu[clients].append(self._spent.lap())
        self._latencies[clients] += latencies
        self._failures[clients] += failures

    def _summed(self, clients: int) -> ServiceCost:
        worker, store = np.median(self._cpu[clients], axis=0) / self._requests * 1000
        p50, p99 = np.quantile(self._latencies[clients] or [np.nan], [0.5, 0.99]).tolist()
        return ServiceCost(clients, float(worker), float(store), p50, p99, self._failures[clients])


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{models[0] if models else 'unknown CPU'}, {os.cpu_count()} cores"


def show(result: BenchResult, console: Console) -> None:
    """Print the floor, the service and their ratio."""
    floor = Table(title=f"The floor, ms of CPU ({result.machine})")
    floor.add_column("kernel")
    floor.add_column("one request", justify="right")
    for name, cost in result.kernels_ms.items():
        floor.add_row(name, f"{cost:.3f}")
    floor.add_section()
    floor.add_row("all", f"{result.kernels_total_ms:.3f}")
    console.print(floor)
    service = Table(title="The service over HTTP, one worker on one core, ms")
    headings = ("clients", "CPU a request", "Redis' CPU", "p50", "p99", "p99 wanted", "failed")
    for heading in headings:
        service.add_column(heading, justify="right")
    for turn in result.service:
        times = (turn.cpu_ms, turn.store_cpu_ms, turn.p50, turn.p99, TARGET_P99[turn.clients])
        row = [f"{value:.2f}" for value in times]
        service.add_row(str(turn.clients), *row, str(turn.failures))
    console.print(service)
    console.print(
        f"ratio of CPU: {result.ratio:.2f} x the floor (wanted: {TARGET_RATIO:g} at most)"
    )


def measure(out: Path, requests: int) -> BenchResult:
    """Start a Redis and a service of our own, and measure."""
    bundle, cores = load_bundle(find_current_bundle(out)), Cores.of_this_machine()
    names = bundle.models.users.ids
    users = names.names(np.linspace(0, len(names) - 1, SAMPLED_USERS, dtype=np.int64))
    with run_service(out, [cores.measured]) as own:
        bench = RequestBench(own, _spent(own), cores, requests)
        uvloop.run(with_kernel_timer(bundle, own.redis_url, users, bench.run))
    return bench.result(bundle)


def _spent(own: ServiceProcess) -> CpuMeter:
    worker = psutil.Process(own.process)
    store = next(
        child for child in psutil.Process().children() if child.name().startswith("valkey")
    )
    return CpuMeter([worker, *worker.children(recursive=True)], store)


def main(
    out: Annotated[Path, typer.Option(help="Where the bundle is.")] = Path("out"),
    requests: Annotated[int, typer.Option(help="Requests in each turn.", min=8)] = 300,
    result: Annotated[Path, typer.Option(help="Where to write the figures.")] = Path(
        "out/bench.json"
    ),
) -> None:
    """Print a request's cost, the floor's, and their ratio."""
    measured = measure(out, requests)
    show(measured, Console())
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_bytes(orjson.dumps(asdict(measured), option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    typer.run(main)
