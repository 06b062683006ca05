"""The bare kernels of a request, with the inputs of real requests, in CPU time of this process.

One FAISS search, the coarse product, one LightGBM prediction, MMR, and one pipelined round trip
with every command that the request sends to Redis. A request cannot take less than these.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from typing_extensions import override

from app.build import FunnelConfig, LiveState, build_funnel
from app.bundle.bundle import Bundle
from app.contracts import Matrix, Request, Scores
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel, FunnelRun
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import MatrixKind
from app.recall.vectors import MAX_EXTRA_RESULTS
from app.rerank.mmr import mmr
from app.rerank.policies import SceneSettings
from app.state.counters import PopularityCounters
from app.state.histories import RedisHistories
from app.state.store import CommandPart, Store
from app.state.streams import Command
from app.state.table_readers import MappedTables
from app.state.tables import load_tables

PREFIX = "recfunnel"
K = 10
KernelCosts: TypeAlias = dict[str, float]  # kernel -> CPU seconds, one request


class RecordingStore(Store):
    """A store that records the commands it sends."""

    sent_commands: list[Command]

    @override
    async def command(self, name: str, *arguments: CommandPart) -> Any:
        self.sent_commands.append((name, *arguments))
        return await super().command(name, *arguments)


@dataclass(frozen=True, slots=True, eq=False)
class KernelInputs:
    """The inputs of the kernels in one request."""

    user_vector: Matrix  # (1, d)
    result_count: int  # items that the index returns
    coarse: Matrix  # (n, f)
    fine: Matrix  # (n, f)
    relevance: Scores  # (n,)
    vectors: Matrix  # (n, e)
    commands: Sequence[Command]


class KernelTimer:
    """Times the kernels on the inputs of some real requests."""

    def __init__(self, bundle: Bundle, store: Store, inputs: Sequence[KernelInputs]) -> None:
        coarse = MatrixKind(Logistic).unwrap(bundle.rankers.coarse)
        fine = MatrixKind(PointwiseListwiseBlend).unwrap(bundle.rankers.fine)
        self._index = bundle.indexes.factors
        self._weights = coarse.weights
        self._boosters = [each for model in fine.models for each in model.boosters]
        self._store = store
        self._inputs = inputs

    async def measure(self, repeats: int) -> KernelCosts:
        """Time each kernel over all inputs, ``repeats`` times; return the mean of one."""
        return {
            "FAISS search": self._timed(self._search, repeats),
            "coarse product": self._timed(lambda each: each.coarse @ self._weights, repeats),
            "LightGBM predict": self._timed(self._predict, repeats),
            "MMR": self._timed(self._diversify, repeats),
            "Redis round trip": await self._timed_round_trips(repeats),
        }

    def _search(self, each: KernelInputs) -> object:
        return self._index.search(each.user_vector, each.result_count)

    def _predict(self, each: KernelInputs) -> object:
        return [booster.predict(each.fine, num_threads=1) for booster in self._boosters]

    def _diversify(self, each: KernelInputs) -> object:
        return mmr(each.relevance, each.vectors, K, SceneSettings().diversity)

    def _timed(self, kernel: Callable[[KernelInputs], object], repeats: int) -> float:
        kernel(self._inputs[0])
        began = time.process_time()
        for _ in range(repeats):
            for each in self._inputs:
                kernel(each)
        return (time.process_time() - began) / (repeats * len(self._inputs))

    async def _timed_round_trips(self, repeats: int) -> float:
        await self._store.pipeline("kernels", self._inputs[0].commands)
        began = time.process_time()
        for _ in range(repeats):
            for each in self._inputs:
                await self._store.pipeline("kernels", each.commands)
        return (time.process_time() - began) / (repeats * len(self._inputs))


async def with_kernel_timer(
    bundle: Bundle, url: str, users: Sequence[str], use: Callable[[KernelTimer], Awaitable[None]]
) -> None:
    """Run real requests of ``users`` for their inputs, and pass the timer to ``use``."""
    cpu = Cpu(1)
    async with RecordingStore.connect(url) as store:
        assert isinstance(store, RecordingStore)  # noqa: S101 - connect is a class method
        store.sent_commands = []
        await load_tables(store, PREFIX, bundle.version, bundle.models.tables)
        funnel = _funnel(bundle, store, cpu)
        inputs = [await _inputs_of(user, funnel, bundle, store) for user in users]
        await use(KernelTimer(bundle, store, inputs))
    cpu.close()


async def _inputs_of(
    user: str, funnel: Funnel, bundle: Bundle, store: RecordingStore
) -> KernelInputs:
    store.sent_commands = []
    arrived = asyncio.get_running_loop().time()
    run: FunnelRun = await funnel.recommend(Request(user=user, k=K, seed=1, arrived=arrived))
    query, pool = run.query, run.fine
    low, high = float(pool.scores.min()), float(pool.scores.max())
    searched = bundle.sizes.recall + min(int(np.count_nonzero(query.excluded)), MAX_EXTRA_RESULTS)
    return KernelInputs(
        user_vector=query.vectors.factors[None, :],
        result_count=min(searched, bundle.indexes.factors.ntotal),
        coarse=np.nan_to_num(funnel.coarse.features.build(query, run.merged)),
        fine=funnel.fine.features.build(query, run.coarse),
        relevance=((pool.scores - low) / max(high - low, 1e-9)).astype(np.float32),
        vectors=bundle.models.content.items[pool.rows],
        commands=tuple(store.sent_commands),
    )


def _funnel(bundle: Bundle, store: Store, cpu: Cpu) -> Funnel:
    """Build the funnel as the service does, without its clock."""
    manifest = bundle.manifest
    histories = RedisHistories(
        store,
        PREFIX,
        bundle.models.catalogue.ids,
        manifest.event_weights(),
        time_shift=manifest.time_shift,
    )
    tables = MappedTables(bundle.models.tables)
    state = LiveState(PopularityCounters.of(bundle.models), histories, tables)
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS, bundle.sizes)
    return build_funnel(bundle.models, bundle.indexes, bundle.rankers, state, wiring)
