"""``make bench``: the CPU time of a request, compared with the least that it could take.

The minimum and the service are measured alternately on one core. The client has another core, if
there is one.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from benchmarks.request_cost import bare_server
from benchmarks.request_cost.minimum_cost import Costs, MinimumCost, with_minimum_cost
from loadtest.connection import HttpClient
from loadtest.service import ServiceProcess, await_ready, free_port, pin_to_cores, run_service
from loadtest.traffic import Traffic

SAMPLED_USERS = 40
REPEATS = 5
ROUNDS = 3
CLIENTS = (1, 8)
TARGET_RATIO = 1.5
TARGET_P99 = {1: 25.0, 8: 100.0}  # ms, by concurrent clients
HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of the measured code and of the client."""

    measured: int
    client: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Take the first core for the measured code, the last for the client."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[-1])


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """The cost of a request with this number of concurrent clients."""

    clients: int
    cpu_ms: float  # of the worker, user and system time of one request
    store_cpu_ms: float  # of the Redis server, for one request
    p50: float  # ms
    p99: float
    failures: int


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All measurements. CPU times are medians of the rounds, latencies are over all rounds."""

    machine: str
    bundle: str
    minimum_ms: dict[str, float]
    minimum_total_ms: float
    service: list[ServiceCost]
    ratio: float  # CPU of the service with one client, over the minimum


class CpuMeter:
    """Measures the CPU time of the workers and of the Redis server between two laps."""

    def __init__(self, workers: Sequence[psutil.Process], store: psutil.Process) -> None:
        self._workers = workers
        self._store = store
        self.lap()

    def lap(self) -> tuple[float, float]:
        """Return the seconds of CPU since the last lap: (workers, Redis server)."""
        now = sum(map(_cpu_seconds, self._workers)), _cpu_seconds(self._store)
        before = getattr(self, "_before", now)
        self._before = now
        return now[0] - before[0], now[1] - before[1]


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def request_lists(url: str, clients: int, requests: int) -> tuple[list[float], int]:
    """Request lists, ``clients`` at a time; return the latencies in ms, and the failures."""
    client, traffic = HttpClient(url), Traffic(seed=clients)
    latencies: list[float] = []
    remaining = iter(range(requests))

    async def run_client() -> None:
        for _ in remaining:
            began = time.perf_counter()
            reply = await client.send(traffic.next_trained_user())
            if reply.status == HTTP_OK:
                latencies.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(run_client() for _ in range(clients)))
    client.close()
    return latencies, requests - len(latencies)


class RequestBench:
    """Alternates between the minimum and the service, and collects their costs."""

    def __init__(
        self, service: ServiceProcess, meter: CpuMeter, cores: Cores, requests: int
    ) -> None:
        self._service = service
        self._meter = meter
        self._cores = cores
        self._requests = requests
        self._minimum: list[Costs] = []
        self._cpu: dict[int, list[tuple[float, float]]] = {clients: [] for clients in CLIENTS}
        self._latencies: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
        self._failures = dict.fromkeys(CLIENTS, 0)

    async def run(self, minimum: MinimumCost) -> None:
        with pin_to_cores([self._cores.client]):
            await request_lists(self._service.url, 1, self._requests // 4)
        for _ in range(ROUNDS):
            with pin_to_cores([self._cores.measured]):
                costs = await minimum.measure(REPEATS)
            with pin_to_cores([self._cores.client]):
                costs["bare HTTP server"] = await self._measure_bare_server()
            self._minimum.append(costs)
            with pin_to_cores([self._cores.client]):
                for clients in CLIENTS:
                    await self._measure_service(clients)

    def result(self, bundle: Bundle) -> BenchResult:
        minimum = {
            name: float(np.median([each[name] for each in self._minimum])) * 1000
            for name in self._minimum[0]
        }
        costs = [self._summarise(clients) for clients in CLIENTS]
        total = sum(minimum.values())
        return BenchResult(
            _machine(), bundle.version, minimum, total, costs, costs[0].cpu_ms / total
        )

    async def _measure_bare_server(self) -> float:
        """Return the CPU seconds of one request to a server that does nothing."""
        with run_bare_server([self._cores.measured]) as (url, process):
            await request_lists(url, 1, self._requests // 4)
            before = _cpu_seconds(process)
            requests = 10 * self._requests  # CPU times are counted in steps of 10 ms
            await request_lists(url, 1, requests)
            return (_cpu_seconds(process) - before) / requests

    async def _measure_service(self, clients: int) -> None:
        self._meter.lap()
        latencies, failures = await request_lists(self._service.url, clients, self._requests)
        self._cpu[clients].append(self._meter.lap())
        self._latencies[clients] += latencies
        self._failures[clients] += failures

    def _summarise(self, clients: int) -> ServiceCost:
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
    """Print the minimum, the service and their ratio."""
    minimum = Table("part", title=f"The minimum, ms of CPU ({result.machine})")
    minimum.add_column("one request", justify="right")
    for name, ms in result.minimum_ms.items():
        minimum.add_row(name, f"{ms:.3f}")
    minimum.add_section()
    minimum.add_row("all", f"{result.minimum_total_ms:.3f}")
    console.print(minimum)
    service = Table(title="The service over HTTP, one worker on one core, ms")
    headings = ("clients", "CPU a request", "Redis' CPU", "p50", "p99", "p99 target", "failed")
    for heading in headings:
        service.add_column(heading, justify="right")
    for cost in result.service:
        times = (cost.cpu_ms, cost.store_cpu_ms, cost.p50, cost.p99, TARGET_P99[cost.clients])
        row = [f"{value:.2f}" for value in times]
        service.add_row(str(cost.clients), *row, str(cost.failures))
    console.print(service)
    console.print(
        f"CPU of the service: {result.ratio:.2f} x the minimum (target: at most {TARGET_RATIO:g})"
    )


def measure(out: Path, requests: int) -> BenchResult:
    """Start a Redis and a service of our own, and measure."""
    bundle, cores = load_bundle(find_current_bundle(out)), Cores.of_this_machine()
    names = bundle.models.users.ids
    users = names.names(np.linspace(0, len(names) - 1, SAMPLED_USERS, dtype=np.int64))
    with run_service(out, [cores.measured]) as service:
        bench = RequestBench(service, _cpu_meter(service), cores, requests)
        uvloop.run(with_minimum_cost(bundle, service.redis_url, users, bench.run))
    return bench.result(bundle)


@contextmanager
def run_bare_server(cores: Sequence[int]) -> Iterator[tuple[str, psutil.Process]]:
    """Start the server that does nothing, and yield its address and its process."""
    port = free_port()
    command = [sys.executable, "-m", bare_server.__name__, str(port)]
    with pin_to_cores(cores):
        process = subprocess.Popen(command)  # noqa: S603
    try:
        await_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _cpu_meter(service: ServiceProcess) -> CpuMeter:
    worker = psutil.Process(service.process)
    store = next(
        child for child in psutil.Process().children() if child.name().startswith("valkey")
    )
    return CpuMeter([worker, *worker.children(recursive=True)], store)


def main(
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("out"),
    requests: Annotated[int, typer.Option(help="Requests of each measurement.", min=8)] = 300,
    result: Annotated[Path, typer.Option(help="File of the result.")] = Path("out/bench.json"),
) -> None:
    """Print the CPU time of a request, of its minimum, and their ratio."""
    measured = measure(out, requests)
    show(measured, Console())
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_bytes(orjson.dumps(asdict(measured), option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    typer.run(main)
