"""An answer to a request, and what happens after it: metrics, impressions, drift, request log.

An answer becomes JSON in ``app.api``. The effects after it never change it and never fail it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, time
from typing import Any
from uuid import uuid4

from app.deadline import StageRunner
from app.funnel import FunnelRun
from app.live_catalogue.item_store import ItemStore
from app.observe.metrics import Metrics
from app.observe.request_trace import RequestTrace
from app.observe.scene_labels import SceneLabels
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from app.request_log.answer_record import AnswerRecord, LoggedRun
from app.request_log.request_record import RequestRecord
from app.request_log.writer import RequestLog
from app.rerank.policy_settings import PolicySettings
from app.rerank.rules import ScenePolicies
from app.service.deployment import Deployment
from app.settings import Settings
from app.slate_settings import extract_slate_settings
from app.state.write_queue import ImpressionWriter

UNTRAINED = ("models", "untrained")  # degrades each answer of a starter bundle
UNKNOWN_RULES = ("rules", "unknown")  # degrades each answer until the rules are known
CONTROL = "control"  # the variant where there is no experiment
PERSONAL_COLUMNS = [CHANNELS.index(name) for name in PERSONAL_CHANNELS]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One answer: the slate, what was asked for, and the bundle that served it."""

    request_id: str
    record: RequestRecord
    deployment: Deployment
    run: FunnelRun  # without items that became unavailable while the list was made
    item_ids: Sequence[str]  # public ids, best first
    degraded: list[tuple[str, str]]  # (stage, outcome) of each stage that failed
    explanation: Mapping[str, Any]  # why an item is not in the list; empty: not asked for

    @classmethod
    def of(
        cls,
        request_id: str,
        record: RequestRecord,
        deployment: Deployment,
        run: FunnelRun,
        explanation: Mapping[str, Any],
    ) -> "Answer":
        """Build the answer from a slate, without the items that were deleted meanwhile."""
        catalogue = deployment.live_items.catalogue
        is_available = catalogue.available.take(run.slate.pool.rows)
        if not is_available.all():  # items were deleted while the list was made
            run = replace(run, slate=run.slate.take(is_available.nonzero()[0]))
        ids = catalogue.ids.names(run.slate.pool.rows)
        failed = degraded(run)
        if deployment.bundle.manifest.is_starter:
            failed.append(UNTRAINED)
        return cls(request_id, record, deployment, run, ids, failed, explanation)

    @property
    def policy(self) -> PolicySettings:
        """The settings that made the list, whatever rules were saved since."""
        policies, scene = self.run.policies, self.record.scene
        if policies is None:
            return self.deployment.funnel.query_builder.settings_for(scene)
        return policies.of_scene(scene)


def degraded(run: FunnelRun) -> list[tuple[str, str]]:
    """Return (stage, outcome) of each failed stage, and ("slate", "short") for a short list."""
    stages = [(done.stage, str(done.outcome)) for done in run.results if done.outcome != "ok"]
    if len(run.slate) < run.query.k:
        stages.append(("slate", "short"))
    return stages


def fallback(run: FunnelRun) -> str | None:
    """Return which fallback the slate is, if any.

    Returns:
        "popular" if the whole funnel failed, "impersonal" if no personal channel proposed
        anything, else None.
    """
    if any(done.stage == "funnel" for done in run.results):
        return "popular"
    is_personal = any(len(run.proposals[column]) for column in PERSONAL_COLUMNS)
    return None if is_personal else "impersonal"


@dataclass(frozen=True, slots=True)
class SideEffect:
    """Work that follows from an answer, such as a metric or a log entry.

    It runs on the event loop, so it must be quick: it only counts or queues. What it queues is
    written later.
    """

    name: str  # in logs and metrics
    run: Callable[[Answer], None]


def run_side_effects(effects: Sequence[SideEffect], answer: Answer, metrics: Metrics) -> None:
    """Run all effects. An effect that fails is logged and counted; the others still run."""
    runner = StageRunner(monotonic())
    for effect in effects:
        runner.run(f"after.{effect.name}", math.inf, partial(effect.run, answer), None)
    for done in runner.results:
        if done.outcome != "ok":
            metrics.count("side_effects_failed", done.stage.removeprefix("after."))


def record_metrics(metrics: Metrics, scenes: SceneLabels, answer: Answer) -> None:
    """Record the result of each stage, what degraded the answer, and how much its scene shows."""
    metrics.record_stages(answer.run.results)
    scene = scenes.label(answer.record.scene)
    metrics.count("lists_shown", scene)
    metrics.count("items_shown", scene, n=len(answer.item_ids))
    metrics.record_answer(answer.degraded, fallback(answer.run))


def describe_trace(trace: RequestTrace, answer: Answer) -> None:
    """Record what the funnel did in the trace of the request. It may run twice for one request."""
    record = answer.record
    trace.user = record.user
    trace.stages = (*trace.stages, *answer.run.results)
    trace.facts |= {
        "recfunnel.request_id": answer.request_id,
        "recfunnel.scene": record.scene,
        "recfunnel.k": record.k,
        "recfunnel.items": len(answer.item_ids),
        "recfunnel.bundle": answer.deployment.bundle.version,
        "recfunnel.variant": CONTROL,
        "recfunnel.degraded": [f"{stage}: {outcome}" for stage, outcome in answer.degraded],
        "recfunnel.candidate_share": record.candidate_share,
    }


def write_impressions(impressions: ImpressionWriter, answer: Answer) -> None:
    """Queue the list, to be written to the store as impressions."""
    record = answer.record
    impressions.add_list(answer.request_id, record.user, answer.item_ids, record.scene)


def count_drift(answer: Answer) -> None:
    """Queue the list, to be compared with the drift reference of the bundle.

    A list of candidates that the caller chose differs from it for other reasons.
    """
    if not answer.record.candidates:
        answer.deployment.drift.add(answer.run.slate)


class AnswerLogger:
    """Queues a sample of the answers for the request log, which replay and training read."""

    def __init__(self, request_log: RequestLog, item_store: ItemStore, settings: Settings) -> None:
        self._request_log = request_log
        self._item_store = item_store
        self._settings = settings
        self._policies: ScenePolicies | None = None  # those of ``_slate_settings``
        self._slate_settings = extract_slate_settings(settings)
        self._worker = uuid4().hex[:12]

    def __call__(self, answer: Answer) -> None:
        """Queue the answer if it is in the sample."""
        if not self._request_log.is_sampled(answer.record.seed):
            return
        policies = answer.run.policies
        entry = AnswerRecord(
            answer.request_id,
            time(),
            answer.deployment.bundle.version,
            CONTROL,
            answer.record,
            answer.item_ids,
            LoggedRun.of(answer.run),
            self._settings_of(policies),
            self._worker,
            self._item_store.position,
            self._item_store.change_count,
            policies.version if policies else 0,
        )
        self._request_log.add_answer(entry)

    def _settings_of(self, policies: ScenePolicies | None) -> Mapping[str, Any]:
        """Return the settings that decided what was shown, the rules in force included."""
        if policies is not self._policies:
            settings = self._settings
            if policies is not None and policies.version:
                settings = settings.with_policies(policies)
            self._policies, self._slate_settings = policies, extract_slate_settings(settings)
        return self._slate_settings
