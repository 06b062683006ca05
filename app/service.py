"""One worker's service: which bundle is served, and what lives beside the requests.

``Deployment`` is everything that belongs to one bundle; ``Service`` holds the current one and
replaces it by swapping one reference. Requests in flight finish on the one they began with.
"""

import asyncio
import logging
import zlib
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from app.assemble import State, Wiring, assemble
from app.bundle import Bundle, BundleError, current, load
from app.contracts import Request, StageError
from app.cpu import Cpu
from app.funnel import Funnel, Slate
from app.observe.metrics import Metrics
from app.run import Run
from app.settings import Settings
from app.state.follower import Follower
from app.state.histories import RedisHistories
from app.state.impressions import Impressions
from app.state.live import Live
from app.state.store import Store
from app.state.tables import RedisTables, are_loaded, load_tables

log = logging.getLogger(__name__)

WARM_UP_REQUESTS = 20  # enough for every lazy import, page fault and connection on the path
FINISH = 5.0  # seconds that requests in flight have to end on a bundle that was replaced


@dataclass(frozen=True, slots=True, eq=False)
class Deployment:
    """One bundle in service: its funnel, and the crowd's state that follows the event stream."""

    bundle: Bundle
    funnel: Funnel
    live: Live
    follower: Follower


class Service:
    """Built when a worker starts; owns its connections, threads and tasks."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        if settings.redis_url is None:
            raise ValueError("REDIS_URL is not set: start the service with `recfunnel serve`")
        self.settings = settings
        self.metrics = metrics
        self.store = Store.connect(
            settings.redis_url,
            timeout=settings.redis_timeout_ms / 1000,
            on_round_trip=metrics.round_trip,
        )
        self.impressions = Impressions(self.store, settings.key_prefix)
        self.cpu = Cpu(settings.cpu_threads)
        self.in_flight = 0
        self.refusal: str | None = None  # why the newest bundle is not served
        self._deployment: Deployment | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def deployment(self) -> Deployment | None:
        """What is served; None until the first warm-up has ended."""
        return self._deployment

    async def start(self) -> None:
        """Take the current bundle into service, and keep an eye on what changes."""
        self._spawn(self.impressions.run())
        await self._refresh()
        self._spawn(self._watch())

    async def stop(self) -> None:
        """End all tasks, write what is still queued, close connections."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._deployment:
            await self._deployment.follower.stop()
        with suppress(StageError):
            await self.impressions.close()
        self.cpu.close()
        await self.store.close()

    async def recommend(self, deployment: Deployment, request: Request) -> Slate:
        """Run the funnel; whatever happens in it, there is a list."""
        run = Run(request.arrived)
        slate = await run.attempt(
            "funnel",
            self.settings.budget_ms / 1000,
            lambda: deployment.funnel.recommend(request),
            None,
        )
        return slate or deployment.funnel.plain(request, tuple(run.steps))

    def quality(self) -> float:
        """Give the share of the candidates to work on: 1 up to half load, then falling to 0.3."""
        load = self.in_flight / self.settings.max_in_flight
        return 1.0 if load <= 0.5 else max(0.3, 1.0 - 1.4 * (load - 0.5))  # noqa: PLR2004

    async def _watch(self) -> None:
        """Look for a new bundle, and for a Redis that has lost the tables."""
        while True:
            await asyncio.sleep(self.settings.reload_seconds)
            await self._refresh()
            if self._deployment:
                self.metrics.follower_lag(self._deployment.follower.lag)
                await self._ensure_tables(self._deployment.bundle)

    async def _refresh(self) -> None:
        """Serve the bundle that ``current`` points to, if it is another one and is sound."""
        served = self._deployment.bundle.version if self._deployment else None
        try:
            folder = current(self.settings.out)
            if folder.name == served:
                self.refusal = None
                return
            bundle = await asyncio.to_thread(load, folder)
        except BundleError as error:
            if self.refusal != str(error):
                self.refusal = str(error)
                self.metrics.bundle_refused()
                log.error("bundle refused: %s", error)  # noqa: TRY400
            return
        await self._deploy(bundle)

    async def _deploy(self, bundle: Bundle) -> None:
        """Put a sound bundle into service: tables, followers, warm-up, then the swap."""
        await self._ensure_tables(bundle)
        deployment = await self._assemble(bundle)
        await deployment.follower.start()
        await self._warm_up(deployment)
        replaced, self._deployment = self._deployment, deployment
        self.refusal = None
        self.metrics.bundle(bundle.version, bundle.manifest.created)
        log.info("serving bundle %s", bundle.version)
        if replaced:
            await asyncio.sleep(0)
            self._spawn(self._retire(replaced))

    async def _assemble(self, bundle: Bundle) -> Deployment:
        manifest, prefix = bundle.manifest, self.settings.key_prefix
        live = Live(bundle.models.popularity)
        ids, preferences = bundle.models.catalogue.ids, manifest.preferences()
        histories = RedisHistories(
            self.store,
            prefix,
            ids,
            preferences,
            time_shift=manifest.time_shift,
            limit=self.settings.history_limit,
        )
        tables = RedisTables(self.store, prefix, bundle.version)
        funnel = assemble(
            bundle.models,
            bundle.indexes,
            bundle.rankers,
            State(live, histories, tables),
            Wiring(
                self.cpu,
                self.settings.checkpoints_ms.seconds(),
                bundle.sizes,
                self.settings.policy.policy(),
            ),
        )
        follower = Follower(
            self.store, prefix, live, ids, preferences, time_shift=manifest.time_shift
        )
        return Deployment(bundle, funnel, live, follower)

    async def _ensure_tables(self, bundle: Bundle) -> None:
        """Load the similarity tables into Redis unless they are there; Redis may be down."""
        prefix, version = self.settings.key_prefix, bundle.version
        try:
            if not await are_loaded(self.store, prefix, version):
                await load_tables(self.store, prefix, version, bundle.models.tables)
        except StageError as error:
            log.warning("tables: %s", error)

    async def _warm_up(self, deployment: Deployment) -> None:
        """Ask the real funnel for real users, so that the first caller waits for nothing."""
        ids = deployment.bundle.models.users.ids
        known = ids.names(
            np.unique(np.linspace(0, max(len(ids) - 1, 0), WARM_UP_REQUESTS, dtype=np.int64))[
                : len(ids)
            ]
        )
        clock = asyncio.get_running_loop().time
        for name in [*known, "warm-up of a stranger"]:
            request = Request(name, 10, zlib.crc32(name.encode()), arrived=clock())
            await self.recommend(deployment, request)

    async def _retire(self, deployment: Deployment) -> None:
        await asyncio.sleep(FINISH)
        await deployment.follower.stop()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
