"""One worker's service: its connections, queues and tasks, and the answers to requests.

``rollout`` decides which bundle is in service; ``answering`` has the side effects of an answer.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import time

from app.contracts import StageError
from app.cpu import BackgroundTasks, Cpu, SingleThread
from app.live_catalogue.deleted_items import (
    deleted_items_path,
    keep_deleted_items_written,
    read_deleted_items,
)
from app.live_catalogue.item_store import ItemStore
from app.observe.activity import ActivityRecorder
from app.observe.drift_monitor import HOUR, DriftBounds, DriftMonitor
from app.observe.metrics import Metrics
from app.observe.process_metrics import ProcessMetrics, report_build
from app.observe.request_trace import CURRENT
from app.observe.scene_labels import SceneLabels
from app.request_log.request_record import RequestRecord
from app.request_log.writer import RequestLog, request_log_key
from app.rerank.rules import ScenePolicies
from app.rules.rule_store import RuleStore, rules_path
from app.service.admission import Admission
from app.service.answering import (
    UNKNOWN_RULES,
    Answer,
    AnswerLogger,
    SideEffect,
    count_drift,
    describe_trace,
    record_metrics,
    run_side_effects,
    write_impressions,
)
from app.service.deployment import Deployment, Explain
from app.service.erasure_runner import ErasureRunner
from app.service.rollout import DEFAULT_TIMING, Rollout, RolloutTiming
from app.service.store_health import StoreHealth
from app.settings import HOME, Settings
from app.state.archiver_status import UNLIMITED, is_archiver_in_use, read_archiver_lag
from app.state.erasure_journal import ErasureJournal
from app.state.event_codec import events_key, impressions_key
from app.state.shared_exclusions import SharedExclusions, exclusions_path
from app.state.store import Store
from app.state.write_queue import ImpressionWriter
from app.trainings.training_folder import TrainingFolder
from app.trainings.training_metrics import TrainingMetrics

log = logging.getLogger(__name__)

WRITE_TIMEOUT = 2.0  # seconds for an event or a change to be stored
MAX_WAITING_CONTRIBUTIONS = 4  # requests that wait for the one whose contributions are computed
CONFIRM_TIMEOUT = 2.0  # seconds for all workers to confirm the change of an item


class Service:
    """Built when a worker starts; owns its connections, threads and tasks."""

    def __init__(
        self, settings: Settings, metrics: Metrics, timing: RolloutTiming = DEFAULT_TIMING
    ) -> None:
        if settings.redis_url is None:
            raise ValueError("REDIS_URL is not set: start the service with `recfunnel serve`")
        self.settings = settings
        self.metrics = metrics
        self.scenes = SceneLabels(settings.scenes, HOME)
        self._redis_url, prefix = settings.redis_url, settings.key_prefix
        observe, timeout = metrics.record_round_trip, settings.redis_timeout_ms / 1000
        self.store = Store.connect(self._redis_url, timeout=timeout, on_round_trip=observe)
        # Writes have a longer timeout than reads. They go on when the reading store gives up.
        self.writer = Store.connect(
            settings.redis_url, timeout=WRITE_TIMEOUT, on_round_trip=observe
        )
        self.item_store = ItemStore(self.writer, prefix)
        self.exclusions = SharedExclusions(self.writer, prefix)
        self.rules = RuleStore(self.writer, prefix, settings.scene_policies)
        self.erasure_journal = ErasureJournal(settings.state_folder, prefix)
        self.erasures = ErasureRunner(self.writer, prefix, self.erasure_journal, self.exclusions)
        self.store_health = StoreHealth(self.writer, prefix, self.exclusions, metrics)
        self.activity = ActivityRecorder(self.writer, prefix, metrics)
        self.impressions = ImpressionWriter(self.writer, prefix)
        self.impressions.limit = settings.stream_limit
        # Events are not trimmed until it is known that no archiver still needs them.
        self.request_log = RequestLog(
            self.writer, prefix, settings.served_log, settings.request_log_limit
        )
        self.stream_limit = UNLIMITED
        self.cpu = Cpu(settings.cpu_threads)
        self.contributions = SingleThread("contributions", MAX_WAITING_CONTRIBUTIONS)
        self.tasks = BackgroundTasks()
        self.rollout = Rollout(
            settings,
            metrics,
            self.store,
            self.item_store,
            self.exclusions,
            self.rules,
            self.cpu,
            self.tasks,
            timing,
        )
        self.drift_monitor = DriftMonitor(
            DriftBounds(settings.drift_bound, settings.bundle_age_bound_hours * HOUR),
            metrics,
            self.cpu,
        )
        self.after_answer: Sequence[SideEffect] = (
            SideEffect("metrics", partial(record_metrics, metrics, self.scenes)),
            SideEffect("impressions", partial(write_impressions, self.impressions)),
            SideEffect("drift", count_drift),
            SideEffect("request_log", AnswerLogger(self.request_log, self.item_store, settings)),
        )
        self.confirm_timeout = CONFIRM_TIMEOUT
        self.admission = Admission(settings.budget_ms / 1000, settings.max_in_flight)
        self._reload = asyncio.Event()  # set to look for a new bundle at once
        self.first_attempt = asyncio.Event()  # set once the first bundle is served or refused

    @property
    def deployment(self) -> Deployment | None:
        """The bundle in service; None until the first warm-up has ended."""
        return self.rollout.deployment

    @property
    def scene_names(self) -> list[str]:
        """The scenes of the settings and of the rules, and the default one, in order."""
        return sorted({HOME, *self.rules.policies.scenes})

    def accepts_scene(self, scene: str) -> bool:
        """Return whether lists may be asked for in a scene; any, if the settings name none."""
        is_named = scene in self.rules.policies.scenes or scene == HOME
        return is_named or not self.settings.scenes

    @property
    def trainings(self) -> TrainingFolder:
        """The trainings of this service."""
        return TrainingFolder(self.settings.trainings_folder)

    @property
    def refusal(self) -> str | None:
        """The reason why the bundle that ``current`` names is not served; None when it is."""
        return self.rollout.refusal

    @property
    def is_fallback(self) -> bool:
        """True if the last good bundle is in service instead of the one that ``current`` names."""
        return self.rollout.is_fallback

    def start(self) -> None:
        """Start the tasks that serve the current bundle and follow its changes."""
        place = self.settings.state_folder, self.settings.key_prefix, self._redis_url
        exclusions, deleted_items = exclusions_path(*place), deleted_items_path(*place)
        rules = rules_path(*place)
        self.erasures.load()
        self.exclusions.preload(exclusions)
        self.item_store.preload(read_deleted_items(deleted_items))
        self.rules.preload(rules)
        self.rules.subscribe(self._apply_policies)
        for work in (
            self.impressions.run(),
            self.request_log.run(),
            self.item_store.run(),
            keep_deleted_items_written(self.item_store, deleted_items),
            self.exclusions.run(),
            self.erasures.run(),
            self.exclusions.keep_written(exclusions),
            self.rules.run(),
            self.rules.keep_written(rules),
            self.metrics.keep_shared(),
            self.activity.run(),
            self._watch(),
        ):
            self.tasks.start(work)

    def reload(self) -> None:
        """Look for a new bundle now."""
        log.info("looking for a new bundle and new keys")
        self._reload.set()

    def add_spare_rows_soon(self) -> None:
        """Look at once whether new items need more rows."""
        self._reload.set()

    async def stop(self) -> None:
        """End all tasks, write the queued records, and close the connections."""
        await self.tasks.stop()
        await self.item_store.workers.deregister()
        await self.exclusions.workers.deregister()
        await self.rules.workers.deregister()
        await self.impressions.close()
        await self.request_log.close()
        with suppress(StageError):
            await self.activity.write()
        self.metrics.share()
        self.contributions.close()
        self.cpu.close()
        await self.store.close()
        await self.writer.close()

    async def recommend(
        self, request_id: str, record: RequestRecord, arrived: float, explain: Explain | None = None
    ) -> Answer:
        """Answer a request. The caller runs the side effects if the list is shown to anyone.

        Raises:
            RuntimeError: no bundle is in service.
            OverloadError: the budget passed while the request waited for its turn.
        """
        deployment = self.deployment
        if deployment is None:
            raise RuntimeError("no bundle is in service: check Service.deployment first")
        request = record.to_request(deployment.bundle, arrived)
        run, explanation = await deployment.recommend(
            request, explain, self.admission.wait_for_turn, self.admission.turn_in
        )
        answer = Answer.of(request_id, record, deployment, run, explanation)
        if not self.rules.is_known:
            answer.degraded.append(UNKNOWN_RULES)
        if (trace := CURRENT.get()) is not None:
            describe_trace(trace, answer)
        return answer

    def _apply_policies(self, policies: ScenePolicies) -> None:
        """Name the scenes in metrics, and remember shown items if one of them needs it."""
        effective = self.settings.with_policies(policies)
        self.impressions.recently_shown_limit = effective.shown_memory()
        self.scenes.name(policies.scenes)

    def run_side_effects(self, answer: Answer) -> None:
        """Record an answer that is shown: metrics, impressions, drift, request log."""
        run_side_effects(self.after_answer, answer, self.metrics)

    async def follow_archiver(self) -> None:
        """Leave the trimming of events to the archiver, if one is in use, and report its lag.

        Acknowledged events are then kept until they are archived, and the request log is longer.
        """
        settings = self.settings
        with suppress(StageError):
            has_archiver = await is_archiver_in_use(self.writer, settings.key_prefix)
            self.stream_limit = UNLIMITED if has_archiver else settings.stream_limit
            self.request_log.limit = (
                settings.request_log_limit if has_archiver else settings.served_limit
            )
            streams = {"events": events_key, "shown": impressions_key, "served": request_log_key}
            keys = {name: key(settings.key_prefix) for name, key in streams.items()}
            for name, lag in (await read_archiver_lag(self.writer, keys)).items():
                self.metrics.set("archive_waiting", lag.waiting, name)
                self.metrics.set("archive_lost", lag.lost, name)

    async def _watch(self) -> None:
        """Look for a new bundle regularly, and report dropped records and other metrics."""
        dropped_impressions = dropped_log_entries = 0
        trainings = TrainingMetrics(self.trainings, self.metrics)
        process = ProcessMetrics(self.metrics)
        report_build(self.metrics)
        self.metrics.set("budget_seconds", self.settings.budget_ms / 1000)
        while True:
            self._reload.clear()
            try:
                await self.rollout.refresh()
            finally:
                self.first_attempt.set()
            await self.rollout.add_spare_rows()
            self.metrics.count(
                "impressions_dropped", n=self.impressions.dropped - dropped_impressions
            )
            dropped_impressions = self.impressions.dropped
            self.metrics.count("served_dropped", n=self.request_log.dropped - dropped_log_entries)
            dropped_log_entries = self.request_log.dropped
            if self.deployment:
                await self._report(self.deployment)
            await self.follow_archiver()
            await asyncio.to_thread(trainings.report)
            await asyncio.to_thread(process.report)
            await self.store_health.check_writes()
            self.metrics.set("rules_version", self.rules.version.number)
            self.metrics.set("rules_refused", float(bool(self.rules.refusal)))
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.reload_seconds):
                    await self._reload.wait()

    async def _report(self, deployment: Deployment) -> None:
        consumer = deployment.consumer
        self.metrics.set("follower_lag_seconds", consumer.lag)
        self.metrics.set("events_capped", consumer.repeat_cap.capped)
        self.metrics.set("scenes_dropped", deployment.counters.scenes.replaced)
        if consumer.surges:
            self.metrics.set("new_user_events", consumer.surges.new_user_events)
            for kind, number in consumer.surges.noticed.items():
                self.metrics.set("new_user_surges", number, kind)
        items = deployment.live_items
        items.place_waiting()
        self.metrics.set("live_items", items.placed_count)
        self.metrics.set("waiting_items", len(items.waiting))
        created = deployment.bundle.manifest.created
        await self.drift_monitor.check(deployment.drift, created, time())
