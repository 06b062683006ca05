"""Serve a bundle of any size, and measure its speed under load and its memory."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import uvloop
from typing_extensions import override

from app.build import FunnelConfig, LiveState, build_funnel
from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from app.contracts import Request
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.state.counters import PopularityCounters
from app.state.histories import MemoryHistories
from app.state.table_readers import MappedTables
from benchmarks.load import LoadFigures, closed_loop, open_loop
from loadtest.service import ServiceProcess, Timeouts, run_service
from loadtest.traffic import HttpCall, Traffic

WORKERS = 2
SAMPLED_USERS = 2_000
RECALLS = 400  # requests whose recall is timed
CLIENTS = (4, 8, 16)
HEADLINE = "ndcg@10"
START_SECONDS = 600.0  # for the verification of the files
SETTINGS = {"RECFUNNEL_TABLES": "mapped"}


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """How long each loop runs, and what the service is set to."""

    seconds: float = 5.0
    half_load_seconds: float = 20.0
    budget_ms: float = 100.0  # of the service, and within which a list counts as whole
    settings: Mapping[str, str] = field(default_factory=dict)  # environment of the service


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """The memory of one worker, in bytes."""

    resident: int
    private: int  # that it shares with no other process


@dataclass(frozen=True, slots=True)
class Serving:
    """What serving one bundle took."""

    items: int
    ndcg: float | None  # NDCG@10 of the test; None: not trained
    index_recall: float  # at 300, of the factorisation's vectors
    start_seconds: float  # until the service is ready, with the verification of the files
    whole_rate: float  # whole lists a second, the best of the closed loops
    p50: float  # ms, at half of that rate
    p99: float
    failures: int  # requests at that rate without a whole list in time
    recall_p50: float  # ms, all channels of a request together
    recall_p99: float
    cpu_ms: float  # of the workers, a request
    workers: list[WorkerMemory]
    other_private: int  # bytes of the parent process and the store
    bundle_bytes: int

    @property
    def further_share(self) -> float:
        """The private memory of a further worker, as a share of all memory of the first."""
        return min(one.private for one in self.workers) / max(one.resident for one in self.workers)


class BundleTraffic(Traffic):
    """Requests for lists of users of a bundle."""

    def __init__(self, seed: int, names: list[str]) -> None:
        super().__init__(seed)
        self._names = names

    @override
    def next_trained_user(self) -> HttpCall:
        user = self._random.choice(self._names)
        return HttpCall("trained", "GET", f"/recommend?user_id={user}&k=10", user=user)


def measure_serving(out: Path, plan: ServingPlan) -> Serving:
    """Serve the current bundle of ``out`` by two workers, and measure."""
    folder = find_current_bundle(out)
    bundle = load_bundle(folder)
    names = _sample_users(bundle)
    recall = uvloop.run(time_recall(bundle, names[:RECALLS]))
    began = time.monotonic()
    timeouts = Timeouts(START_SECONDS, 30.0)
    budget = {"RECFUNNEL_BUDGET_MS": str(plan.budget_ms)}
    settings = {**SETTINGS, **budget, **plan.settings}
    with run_service(out, workers=WORKERS, timeouts=timeouts, settings=settings) as service:
        start_seconds = time.monotonic() - began
        rate, half, cpu_ms = uvloop.run(_load(service, names, plan))
        workers, others = _processes(service)
        memory = [_memory_of(worker) for worker in workers]
        other_private = sum(_memory_of(process).private for process in others)
    indexes = bundle.manifest.indexes
    return Serving(
        items=len(bundle.models.catalogue),
        ndcg=bundle.manifest.metrics.get(HEADLINE, {}).get("funnel", {}).get("mean"),
        index_recall=indexes["factors"].recall if indexes else 1.0,
        start_seconds=start_seconds,
        whole_rate=rate,
        p50=half.p50,
        p99=half.p99,
        failures=half.failures + half.late + half.degraded + half.refused,
        recall_p50=float(np.quantile(recall, 0.5)),
        recall_p99=float(np.quantile(recall, 0.99)),
        cpu_ms=cpu_ms,
        workers=memory,
        other_private=other_private,
        bundle_bytes=sum(record.bytes for record in bundle.manifest.files.values()),
    )


def _sample_users(bundle: Bundle) -> list[str]:
    users = bundle.models.users
    active = np.flatnonzero(np.diff(users.indptr))
    random = np.random.default_rng(0)
    return users.ids.names(random.permutation(active)[:SAMPLED_USERS])


async def time_recall(bundle: Bundle, names: list[str]) -> list[float]:
    """Return the time of all channels of each user's request together, in ms."""
    models = bundle.models
    with closing(Cpu(threads=1)) as cpu:
        histories = MemoryHistories(models.catalogue.ids, bundle.manifest.event_weights())
        state = LiveState(PopularityCounters.of(models), histories, MappedTables(models.tables))
        config = FunnelConfig(cpu, NO_CHECKPOINTS, bundle.sizes)
        funnel = build_funnel(models, bundle.indexes, bundle.rankers, state, config)
        times = []
        for user in names:
            run = await funnel.recommend(Request(user, 10, 7, arrived=time.monotonic()))
            parts = [one.seconds for one in run.results if one.stage.startswith("recall.")]
            times.append(1_000.0 * sum(parts))
    return times[len(times) // 4 :]  # the first ones read pages of the files


async def _load(
    service: ServiceProcess, names: list[str], plan: ServingPlan
) -> tuple[float, LoadFigures, float]:
    """Return the best rate, the figures at half of it, and the CPU of a request in ms."""
    url, budget = service.url, plan.budget_ms
    await closed_loop(url, 4, plan.seconds, budget, BundleTraffic(99, names))
    best, cpu_ms = 0.0, 0.0
    for clients in CLIENTS:
        before = _cpu_seconds(service)
        counts = await closed_loop(url, clients, plan.seconds, budget, BundleTraffic(1, names))
        rate = counts.summarise("").whole_rate
        if rate > best:
            best = rate
            answered = len(counts.whole) + len(counts.late) + len(counts.degraded)
            cpu_ms = 1_000.0 * (_cpu_seconds(service) - before) / max(answered, 1)
    half = await open_loop(
        url, max(best / 2, 1.0), plan.half_load_seconds, budget, BundleTraffic(2, names)
    )
    return best, half.summarise("0.5 x"), cpu_ms


def _cpu_seconds(service: ServiceProcess) -> float:
    times = [one.cpu_times() for one in _processes(service)[0]]
    return float(sum(one.user + one.system for one in times))


def _processes(service: ServiceProcess) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Return the workers, which are those with the most memory, and the other processes."""
    parent = psutil.Process(service.process)
    children = sorted(parent.children(recursive=True), key=lambda one: -one.memory_info().rss)
    stores = [one for one in psutil.Process().children() if one.name().startswith("valkey")]
    return children[:WORKERS], [parent, *children[WORKERS:], *stores]


def _memory_of(process: psutil.Process) -> WorkerMemory:
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: 1_024 * int(rest.split()[0]) for name, _, rest in map(_split, lines)}
    return WorkerMemory(sizes["Rss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
