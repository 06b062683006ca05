"""One worker's service: which bundle is served, and what lives beside the requests.

``Deployment`` is everything that belongs to one bundle; ``Service`` holds the current one and
replaces it by swapping one reference. Requests in flight finish on the one they began with.
"""

import asyncio
import gc
import logging
import zlib
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time
from typing import TypeAlias
from uuid import uuid4

import numpy as np

from app.build import LiveState
from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from app.bundle.manifest import BundleError
from app.catalogue.deleted_items import deleted_items_path, keep_deleted_items_written
from app.catalogue.deleted_items import read_deleted_items as read_withheld
from app.catalogue.item_store import ItemStore
from app.catalogue.live_items import LiveItems
from app.contracts import Request, Rows, StageError
from app.cpu import Cpu
from app.deadline import StageRunner
from app.funnel import Funnel, Slate
from app.observe.drift import DriftCounter
from app.observe.drift_monitor import HOUR, DriftBounds, DriftMonitor
from app.observe.metrics import Metrics
from app.recall.onboarding import select_items
from app.request_log.answer_record import AnswerRecord, without_unlogged
from app.request_log.request_record import RequestRecord
from app.request_log.writer import RequestLog, request_log_key
from app.serving_bundle import ServingBundle
from app.settings import Settings
from app.state.archiver_status import UNLIMITED, is_archiver_in_use, read_archiver_lag
from app.state.counters import PopularityCounters
from app.state.double_buffer import DoubleBuffer, Replica
from app.state.event_codec import events_key, impressions_key
from app.state.impressions import ImpressionWriter
from app.state.store import Store
from app.state.stream_consumer import StreamConsumer
from app.state.tables import RedisTables, are_loaded, keep_loaded, retire_tables

log = logging.getLogger(__name__)

CONTROL = "control"  # the variant where there is no experiment
WARM_UP_REQUESTS = 20  # enough for every lazy import, page fault and connection on the path
PREPARE_TIMEOUT = 10.0  # seconds to wait for Redis before serving without it
WRITE_TIMEOUT = 2.0  # seconds for what a user did to be stored
POLL_INTERVAL = 0.05  # seconds between looks at whether Redis is ready
RETIRE_DELAY = 5.0  # seconds that requests in flight have to end on a bundle that was replaced

Built: TypeAlias = tuple[ServingBundle, tuple[Replica[Funnel], Replica[Funnel]], Rows]


def freeze_garbage() -> None:
    """Collect garbage, and leave what is alive now out of all later collections.

    A full one visits every object of every library: 0.1 s and more, in which nobody is answered.
    So there is one before the first request, and one for each bundle that is replaced.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True, eq=False)
class Deployment:
    """One bundle in service: its funnel, and the crowd's state that follows the event stream."""

    bundle: Bundle
    state: DoubleBuffer[Funnel]
    live_items: LiveItems
    onboarding: Rows  # items to ask new users about, the most telling first
    drift: DriftCounter
    consumer: StreamConsumer
    tasks: tuple[asyncio.Task[None], ...]  # follow the stream, keep the tables in Redis

    @property
    def funnel(self) -> Funnel:
        """The funnel that the next request goes through."""
        return self.state.current.reader

    @property
    def counters(self) -> PopularityCounters:
        """The crowd's state that the next request reads."""
        return self.state.current.counters

    async def stop(self) -> None:
        """End the tasks."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


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
            on_round_trip=metrics.record_round_trip,
        )
        # Writing waits longer than a list can, and must not suffer when reads are given up.
        self.writer = Store.connect(
            settings.redis_url, timeout=WRITE_TIMEOUT, on_round_trip=metrics.record_round_trip
        )
        self.item_store = ItemStore(self.writer, settings.key_prefix)
        self._withheld = deleted_items_path(settings.out, settings.key_prefix)
        self.impressions = ImpressionWriter(self.writer, settings.key_prefix)
        self.impressions.limit = settings.stream_limit
        self.impressions.recently_shown_limit = settings.shown_memory()
        # Until it is known that there is no archiver, nothing is trimmed that one may still want.
        share, limit = settings.served_log, settings.request_log_limit
        self.request_log = RequestLog(self.writer, settings.key_prefix, share, limit)
        self.cpu = Cpu(settings.cpu_threads)
        bounds = DriftBounds(settings.drift_bound, settings.bundle_age_bound_hours * HOUR)
        self.drift_monitor = DriftMonitor(bounds, metrics, self.cpu)
        self.in_flight = 0
        self.stream_limit = UNLIMITED
        self.first_attempt = asyncio.Event()  # set once the first bundle was served or refused
        self.refusal: str | None = None  # why the newest bundle is not served
        self._name = uuid4().hex[:12]  # of this worker
        self._deciding = settings.slate_settings()
        self._deployment: Deployment | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def deployment(self) -> Deployment | None:
        """What is served; None until the first warm-up has ended."""
        return self._deployment

    def start(self) -> None:
        """Take the current bundle into service, and keep an eye on what changes."""
        self._spawn(self.impressions.run())
        self._spawn(self.request_log.run())
        self._spawn(self.item_store.run())
        self._spawn(keep_deleted_items_written(self.item_store, self._withheld))
        self._spawn(self._watch())

    async def stop(self) -> None:
        """End all tasks, write what is still queued, close connections."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._deployment:
            await self._deployment.stop()
        await self.item_store.workers.deregister()
        await self.impressions.close()
        await self.request_log.close()
        self.cpu.close()
        await self.store.close()
        await self.writer.close()

    async def recommend(self, deployment: Deployment, request: Request) -> Slate:
        """Run the funnel; whatever happens in it, there is a list."""
        run = StageRunner(request.arrived)
        with deployment.state.reading() as side:
            funnel = side.reader
            slate = await run.run_async(
                "funnel",
                self.settings.budget_ms / 1000,
                lambda: funnel.recommend(request, run),
                None,
            )
            return slate or funnel.recommend_fallback(request, run)

    def log_answer(
        self,
        deployment: Deployment,
        asked: RequestRecord,
        request_id: str,
        items: list[str],
        slate: Slate,
    ) -> None:
        """Take note of an answer, should it belong to the share that is logged."""
        if self.request_log.is_sampled(asked.seed):
            version, kept = deployment.bundle.version, without_unlogged(slate)
            worker = (
                self._deciding,
                self._name,
                self.item_store.position,
                self.item_store.change_count,
            )
            self.request_log.add_answer(
                AnswerRecord(request_id, time(), version, CONTROL, asked, items, kept, *worker)
            )

    def quality_factor(self) -> float:
        """Give the share of the candidates to work on: 1 up to half load, then falling to 0.3."""
        load = self.in_flight / self.settings.max_in_flight
        return 1.0 if load <= 0.5 else max(0.3, 1.0 - 1.4 * (load - 0.5))  # noqa: PLR2004

    async def _watch(self) -> None:
        """Look for a new bundle, and tell the metrics what nobody else does."""
        dropped, unlogged = 0, 0
        while True:
            try:
                await self._refresh()
            finally:
                self.first_attempt.set()
            self.metrics.count_dropped_impressions(self.impressions.dropped - dropped)
            dropped = self.impressions.dropped
            self.metrics.count_dropped_log_entries(self.request_log.dropped - unlogged)
            unlogged = self.request_log.dropped
            if self._deployment:
                self.metrics.set_consumer_lag(self._deployment.consumer.lag)
                stock = self._deployment.live_items
                stock.place_waiting()
                self.metrics.set_live_items(stock.placed_count, len(stock.waiting))
                created = self._deployment.bundle.manifest.created
                await self.drift_monitor.check(self._deployment.drift, created, time())
            await self._look_for_archiver()
            await asyncio.sleep(self.settings.reload_seconds)

    async def _look_for_archiver(self) -> None:
        """Leave trimming to the archiver, where there is one: events were promised to be kept."""
        with suppress(StageError):
            archived = await is_archiver_in_use(self.writer, self.settings.key_prefix)
            settings = self.settings
            self.stream_limit = UNLIMITED if archived else settings.stream_limit
            self.request_log.limit = (
                settings.request_log_limit if archived else settings.served_limit
            )
            streams = {"events": events_key, "shown": impressions_key, "served": request_log_key}
            keys = {name: key(settings.key_prefix) for name, key in streams.items()}
            for name, far in (await read_archiver_lag(self.writer, keys)).items():
                self.metrics.set_archive_lag(name, *far)

    async def _refresh(self) -> None:
        """Serve the bundle that ``current`` points to, if it is another one and is sound."""
        served = self._deployment.bundle.version if self._deployment else None
        try:
            folder = find_current_bundle(self.settings.out)
            if folder.name == served:
                self.refusal = None
                return
            bundle = await asyncio.to_thread(load_bundle, folder)
        except BundleError as error:
            if self.refusal != str(error):
                self.refusal = str(error)
                self.metrics.count_refused_bundle()
                log.error("bundle refused: %s", error)  # noqa: TRY400
            return
        await self._deploy(bundle)

    async def _deploy(self, bundle: Bundle) -> None:
        """Put a sound bundle into service: tables, the crowd's state, warm-up, then the swap."""
        deployment = self._begun(*await asyncio.to_thread(self._built, bundle))
        try:
            await self._prepare(deployment)
        except BaseException:  # told to end meanwhile, or a bug: its tasks must not live on
            await self._end(deployment)
            raise
        replaced, self._deployment = self._deployment, deployment
        self.refusal = None
        self.metrics.set_bundle(bundle.version, bundle.manifest.created)
        log.info("serving bundle %s", bundle.version)
        if replaced:
            self._spawn(self._retire(replaced))

    async def _prepare(self, deployment: Deployment) -> None:
        """Wait for Redis, as far as that makes sense, and warm up."""
        with suppress(TimeoutError):  # without Redis there is nothing to wait for
            async with asyncio.timeout(PREPARE_TIMEOUT):
                await self.item_store.loaded.wait()
                await self._loaded(deployment.bundle)
                await deployment.consumer.caught_up.wait()
                await deployment.state.wait_settled()
        await self._withhold()
        await self._warm_up(deployment)
        if self._deployment is None:  # else once the bundle before is gone, see ``_retire``
            freeze_garbage()

    async def _withhold(self) -> None:
        """Leave out what was deleted as far as a file says, where Redis did not."""
        if not self.item_store.loaded.is_set():
            gone = await asyncio.to_thread(read_withheld, self._withheld)
            if not self.item_store.loaded.is_set():
                self.item_store.preload(gone)

    def _built(self, bundle: Bundle) -> Built:
        """Make what takes long for many items; not on the event loop."""
        deployed = ServingBundle.of(bundle, self.settings)
        sides = self._side(deployed), self._side(deployed)
        return deployed, sides, select_items(deployed.bundle.models)

    def _begun(
        self, deployed: ServingBundle, sides: tuple[Replica[Funnel], Replica[Funnel]], asked: Rows
    ) -> Deployment:
        """Begin to follow what changes."""
        bundle, prefix = deployed.bundle, self.settings.key_prefix
        crowd = DoubleBuffer(*sides, self.cpu)
        stock = deployed.build_live_items(crowd)
        self.item_store.subscribe(stock.put)
        follower = deployed.build_stream_consumer(self.store, crowd)
        keep = keep_loaded(self.store, prefix, bundle.version, bundle.models.tables)
        tasks = (self._spawn(follower.run()), self._spawn(crowd.run()), self._spawn(keep))
        drift = DriftCounter(bundle.drift)
        return Deployment(bundle, crowd, stock, asked, drift, follower, tasks)

    def _side(self, deployed: ServingBundle) -> Replica[Funnel]:
        """Make a copy of the crowd's state, and the funnel that reads it."""
        live, bundle = deployed.build_counters(), deployed.bundle
        tables = RedisTables(self.store, self.settings.key_prefix, bundle.version)
        histories = deployed.build_histories(self.store)
        state = LiveState(live, histories, tables, histories)
        return Replica(live, deployed.build_funnel(state, self.cpu))

    async def _loaded(self, bundle: Bundle) -> None:
        """Wait until the tables are in Redis."""
        while True:
            with suppress(StageError):
                if await are_loaded(self.store, self.settings.key_prefix, bundle.version):
                    return
            await asyncio.sleep(POLL_INTERVAL)

    async def _warm_up(self, deployment: Deployment) -> None:
        """Ask the real funnel for real users, so that the first caller waits for nothing."""
        ids = deployment.bundle.models.users.ids
        known = ids.names(
            np.unique(np.linspace(0, max(len(ids) - 1, 0), WARM_UP_REQUESTS, dtype=np.int64))[
                : len(ids)
            ]
        )
        for name in [*known, "warm-up of a stranger"]:
            request = Request(name, 10, zlib.crc32(name.encode()), arrived=monotonic())
            await self.recommend(deployment, request)

    async def _retire(self, deployment: Deployment) -> None:
        """Let requests in flight finish, then let go of what belonged to the old bundle."""
        await asyncio.sleep(RETIRE_DELAY)
        await self._end(deployment)
        del deployment
        freeze_garbage()
        keep = [self._deployment.bundle.version] if self._deployment else []
        with suppress(StageError):
            await retire_tables(self.store, self.settings.key_prefix, keep)

    async def _end(self, deployment: Deployment) -> None:
        """Let go of a deployment that answers nobody."""
        self.item_store.unsubscribe(deployment.live_items.put)
        await deployment.stop()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say so when a task ends by a bug: nobody awaits it."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task of the service ended", exc_info=error)
