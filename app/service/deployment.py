"""One bundle in service: its funnel, and the live state that follows the event stream."""

import asyncio
import logging
import zlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from time import monotonic, time
from typing import Any, TypeAlias

import numpy as np

from app.build import LiveState, with_policies
from app.bundle.bundle import Bundle
from app.contracts import Request, Rows, StageError
from app.cpu import Cpu, cancel
from app.deadline import StageRunner, Turn
from app.funnel import Funnel, FunnelRun
from app.live_catalogue.live_items import LiveItems
from app.observe.drift import DriftCounter
from app.recall.onboarding import select_items
from app.rerank.rules import ScenePolicies
from app.service.serving_bundle import ServingBundle
from app.settings import Settings
from app.stages import RemoteTables, Tables
from app.state.counters import PopularityCounters
from app.state.double_buffer import DoubleBuffer, Replica
from app.state.histories import RedisHistories
from app.state.shared_exclusions import SharedExclusions
from app.state.store import Store
from app.state.stream_consumer import StreamConsumer
from app.state.table_readers import MappedTables, RedisTables
from app.state.tables import are_loaded, keep_loaded

log = logging.getLogger(__name__)

WARM_UP_REQUESTS = 20  # enough for every lazy import, page fault and connection on the path
WARM_UP_ROUNDS = 5  # at most; the first one finds cold caches, so that a stage can be late
POLL_INTERVAL = 0.05  # seconds between two checks of whether the tables are in Redis

Explain: TypeAlias = Callable[[Funnel, FunnelRun], dict[str, Any]]
StartTask: TypeAlias = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]


@dataclass(frozen=True, slots=True, eq=False)
class Deployment:
    """One bundle in service. Requests in flight finish on the deployment they began with."""

    bundle: Bundle
    state: DoubleBuffer[Funnel]
    live_items: LiveItems
    consumer: StreamConsumer
    onboarding: Rows  # items to ask new users about, the most informative first
    drift: DriftCounter
    settings: Settings
    store: Store
    cpu: Cpu
    tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    preview_turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)  # one at a time

    @classmethod
    def build(  # noqa: PLR0913, PLR0917 - the parts of a worker
        cls,
        bundle: Bundle,
        settings: Settings,
        store: Store,
        cpu: Cpu,
        exclusions: SharedExclusions,
        min_spare: int = 0,
    ) -> "Deployment":
        """Build the deployment of a bundle. Call it in a thread: many items take long.

        ``min_spare`` is the least number of rows for items that the bundle lacks.
        """
        serving = ServingBundle.of(bundle, settings, time(), min_spare)
        one, other = (_build_replica(serving, store, cpu, exclusions) for _ in range(2))
        state = DoubleBuffer(one, other, cpu)
        return cls(
            serving.bundle,
            state,
            serving.build_live_items(state),
            serving.build_stream_consumer(store, state),
            select_items(serving.bundle.models),
            DriftCounter(bundle.drift),
            settings,
            store,
            cpu,
        )

    @property
    def funnel(self) -> Funnel:
        """The funnel that the next request uses."""
        return self.state.current.reader

    @property
    def counters(self) -> PopularityCounters:
        return self.state.current.counters

    @property
    def is_current(self) -> bool:
        """Whether the counters have once included the whole stream of events."""
        return self.consumer.caught_up.is_set()

    def start(self, start_task: StartTask) -> None:
        """Start the tasks that follow the event stream and keep the bundle's tables in Redis."""
        work = [self.consumer.run(), self.state.run()]
        if self.settings.tables != "mapped":
            prefix, version = self.settings.key_prefix, self.bundle.version
            work.append(keep_loaded(self.store, prefix, version, self.bundle.models.tables))
        self.tasks.extend(map(start_task, work))

    async def stop(self) -> None:
        await cancel(*self.tasks)

    async def wait_until_current(self) -> None:
        """Wait until the counters include the stream so far, and the tables can be read."""
        if self.settings.tables == "remote":
            await self._wait_for_tables()
        await self.consumer.caught_up.wait()
        await self.state.wait_settled()

    async def warm_up(self) -> None:
        """Answer requests of real users until no stage fails, so that the first list is whole.

        A stage that goes on failing is logged. The service then starts without it.
        """
        failed: set[tuple[str, str]] = set()
        for _ in range(WARM_UP_ROUNDS):
            failed = await self._send_warm_up_requests()
            if not failed:
                return
            await asyncio.sleep(POLL_INTERVAL)
        stages = ", ".join(f"{stage} ({outcome})" for stage, outcome in sorted(failed))
        log.warning("these stages still fail after the warm-up: %s", stages)

    async def _send_warm_up_requests(self) -> set[tuple[str, str]]:
        """Send requests through the funnel; return the stages that failed, and how."""
        ids = self.bundle.models.users.ids
        rows = np.linspace(0, max(len(ids) - 1, 0), WARM_UP_REQUESTS, dtype=np.int64)
        users = ids.names(np.unique(rows)[: len(ids)])
        failed: set[tuple[str, str]] = set()
        for user in [*users, "warm-up of a stranger"]:
            request = Request(user, 10, zlib.crc32(user.encode()), arrived=monotonic())
            run, _ = await self.recommend(request)
            failed |= {(done.stage, done.outcome) for done in run.results if done.outcome != "ok"}
        return failed

    async def recommend(
        self,
        request: Request,
        explain: Explain | None = None,
        turn: Turn | None = None,
        turn_in: float = 0.0,
    ) -> tuple[FunnelRun, dict[str, Any]]:
        """Run the funnel, and explain the slate if ``explain`` is given.

        If the funnel fails, the slate holds the proposals so far and popular items. The counters do
        not change in between, so the explanation describes the state that made the slate. ``turn``
        waits for the turn of the request, which is expected in ``turn_in`` seconds.

        Raises:
            OverloadError: ``turn`` refuses the request.
        """
        runner = StageRunner(request.arrived, turn=turn, turn_in=turn_in)
        with self.state.reading() as replica:
            funnel = replica.reader
            work = partial(funnel.recommend, request, runner)
            run = await runner.run_async("funnel", inf, work, None)
            run = run or funnel.recommend_fallback(request, runner)
            return run, await self.cpu(explain, funnel, run) if explain else {}

    def apply_policies(self, policies: ScenePolicies) -> None:
        """Answer the next requests with these policies of scenes."""
        shown = self.settings.with_policies(policies).shown_memory()

        def change(funnel: Funnel) -> Funnel:
            changed, histories = with_policies(funnel, policies), funnel.histories
            if isinstance(histories, RedisHistories):
                histories = replace(histories, shown_limit=shown)
            return replace(changed, histories=histories)

        self.state.replace_readers(change)

    async def _wait_for_tables(self) -> None:
        while True:
            with suppress(StageError):
                if await are_loaded(self.store, self.settings.key_prefix, self.bundle.version):
                    return
            await asyncio.sleep(POLL_INTERVAL)


def _build_replica(
    serving: ServingBundle, store: Store, cpu: Cpu, exclusions: SharedExclusions
) -> Replica[Funnel]:
    """Build one copy of the live state, and the funnel that reads it."""
    counters, histories = serving.build_counters(), serving.build_histories(store, exclusions)
    bundle, settings = serving.bundle, serving.settings
    tables: Tables | RemoteTables = MappedTables(bundle.models.tables)
    if settings.tables == "remote":
        tables = RedisTables(store, settings.key_prefix, bundle.version)
    state = LiveState(counters, histories, tables, histories)
    return Replica(counters, serving.build_funnel(state, cpu))
