"""The least CPU time of a request: its compiled kernels, its searches, one read and HTTP alone.

Real requests run once while every call of a kernel, every search of FAISS and every command to
Redis is recorded. Then the recorded calls run in a loop, without anything around them. A request
cannot take less than these and a server that answers with ready bytes.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import patch

import faiss
from typing_extensions import override

from app.build import FunnelConfig, LiveState, build_funnel
from app.bundle.bundle import Bundle
from app.contracts import Request
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel
from app.kernels.compiled import Kernel, compile_kernels
from app.state.counters import PopularityCounters
from app.state.histories import RedisHistories
from app.state.store import CommandPart, Store
from app.state.table_readers import MappedTables

PREFIX = "recfunnel"
K = 10
Costs: TypeAlias = dict[str, float]  # part of the minimum -> CPU seconds, one request
Call: TypeAlias = Callable[[], object]


class RecordingStore(Store):
    """A store that records the commands it sends together."""

    sent: list[tuple[str, list[tuple[CommandPart, ...]]]]

    @override
    async def pipeline(self, name: str, commands: Sequence[tuple[CommandPart, ...]]) -> list[Any]:
        self.sent.append((name, list(commands)))
        return await super().pipeline(name, commands)


@dataclass(slots=True)
class RecordedCalls:
    """What the sampled requests called."""

    kernels: list[Call] = field(default_factory=list)
    searches: list[Call] = field(default_factory=list)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record every call of a kernel and of an index in the block."""
        run, search = Kernel.__call__, faiss.IndexFlat.search

        def run_recorded(kernel: Kernel[..., Any], *args: Any) -> Any:
            self.kernels.append(partial(run, kernel, *args))
            return run(kernel, *args)

        def search_recorded(index: faiss.IndexFlat, *args: Any) -> Any:
            self.searches.append(partial(search, index, *args))
            return search(index, *args)

        with (
            patch.object(Kernel, "__call__", run_recorded),
            patch.object(faiss.IndexFlat, "search", search_recorded),
        ):
            yield


class MinimumCost:
    """Times the recorded calls and reads of some real requests."""

    def __init__(self, calls: RecordedCalls, store: RecordingStore, n_requests: int) -> None:
        self._calls = calls
        self._store = store
        self._n_requests = n_requests

    async def measure(self, repeats: int) -> Costs:
        """Run everything ``repeats`` times; return the mean of one request."""
        return {
            "compiled kernels": self._timed(self._calls.kernels, repeats),
            "FAISS searches": self._timed(self._calls.searches, repeats),
            "history read": await self._timed_reads(repeats),
        }

    def _timed(self, calls: Sequence[Call], repeats: int) -> float:
        began = time.process_time()
        for _ in range(repeats):
            for call in calls:
                call()
        return (time.process_time() - began) / (repeats * self._n_requests)

    async def _timed_reads(self, repeats: int) -> float:
        reads = list(self._store.sent)
        began = time.process_time()
        for _ in range(repeats):
            for name, commands in reads:
                await self._store.pipeline(name, commands)
        return (time.process_time() - began) / (repeats * self._n_requests)


async def with_minimum_cost(
    bundle: Bundle, url: str, users: Sequence[str], use: Callable[[MinimumCost], Awaitable[None]]
) -> None:
    """Run a request of each user and record its calls, then pass the minimum to ``use``."""
    compile_kernels()
    cpu, calls = Cpu(1), RecordedCalls()
    async with RecordingStore.connect(url) as store:
        assert isinstance(store, RecordingStore)  # noqa: S101 - connect is a class method
        store.sent = []
        funnel = _funnel(bundle, store, cpu)
        with calls.recording():
            for user in users:
                await funnel.recommend(Request(user, K, seed=1, arrived=time.monotonic()))
        await use(MinimumCost(calls, store, len(users)))
    cpu.close()


def _funnel(bundle: Bundle, store: Store, cpu: Cpu) -> Funnel:
    """Build the funnel as the service does, without its clock."""
    ids, manifest = bundle.models.catalogue.ids, bundle.manifest
    weights, shift = manifest.event_weights(), manifest.time_shift
    histories = RedisHistories(store, PREFIX, ids, weights, shift)
    tables = MappedTables(bundle.models.tables)
    state = LiveState(PopularityCounters.of(bundle.models), histories, tables)
    config = FunnelConfig(cpu, NO_CHECKPOINTS, bundle.sizes)
    return build_funnel(bundle.models, bundle.indexes, bundle.rankers, state, config)
