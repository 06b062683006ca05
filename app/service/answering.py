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
from app.funnel import Slate
from app.live_catalogue.item_store import ItemStore
from app.observe.metrics import Metrics
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from app.request_log.answer_record import AnswerRecord, without_unlogged
from app.request_log.request_record import RequestRecord
from app.request_log.writer import RequestLog
from app.service.deployment import Deployment
from app.settings import Settings
from app.slate_settings import extract_slate_settings
from app.state.impressions import ImpressionWriter

CONTROL = "control"  # the variant where there is no experiment
PERSONAL_COLUMNS = [CHANNELS.index(name) for name in PERSONAL_CHANNELS]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One answer: the slate, what was asked for, and the bundle that served it."""

    request_id: str
    record: RequestRecord
    deployment: Deployment
    slate: Slate  # without items that were deleted while it was made
    item_ids: Sequence[str]  # public ids, best first
    degraded: Sequence[tuple[str, str]]  # (stage, outcome) of what is missing
    explanation: Mapping[str, Any]  # of an item that is not in the list; empty: not asked for

    @classmethod
    def of(
        cls,
        request_id: str,
        record: RequestRecord,
        deployment: Deployment,
        slate: Slate,
        explanation: Mapping[str, Any],
    ) -> "Answer":
        """Complete a slate to an answer."""
        catalogue = deployment.live_items.catalogue
        is_available = catalogue.available.take(slate.selection.pool.rows)
        if not is_available.all():  # items were deleted while the list was made
            slate = replace(slate, selection=slate.selection.take(is_available.nonzero()[0]))
        ids = catalogue.ids.names(slate.selection.pool.rows)
        return cls(request_id, record, deployment, slate, ids, degraded(slate), explanation)


def degraded(slate: Slate) -> list[tuple[str, str]]:
    """Return (stage, outcome) of stages that were late, down or buggy, and of a short list."""
    stages = [(done.stage, str(done.outcome)) for done in slate.results if done.outcome != "ok"]
    if len(slate.selection) < slate.query.k:
        stages.append(("slate", "short"))
    return stages


def fallback(slate: Slate) -> str | None:
    """Return what the slate consists of without personal channels; None when it has some.

    "popular" is the list of popular items that is ready at any time. "impersonal" is a list to
    which no personal channel contributed.
    """
    if any(done.stage == "funnel" for done in slate.results):
        return "popular"
    is_personal = any(len(slate.proposals[column]) for column in PERSONAL_COLUMNS)
    return None if is_personal else "impersonal"


@dataclass(frozen=True, slots=True)
class SideEffect:
    """Something that happens after an answer. Quick: it runs before the answer is sent."""

    name: str  # in logs and metrics
    run: Callable[[Answer], None]


def run_side_effects(effects: Sequence[SideEffect], answer: Answer, metrics: Metrics) -> None:
    """Run all effects; a failing one is logged and counted, and changes nothing else."""
    runner = StageRunner(monotonic())
    for effect in effects:
        runner.run(f"after.{effect.name}", math.inf, partial(effect.run, answer), None)
    for done in runner.results:
        if done.outcome != "ok":
            metrics.count_failed_side_effect(done.stage.removeprefix("after."))


def record_metrics(metrics: Metrics, answer: Answer) -> None:
    """Count what each stage did, and what is missing from the answer."""
    metrics.record_stages(answer.slate.results)
    metrics.record_answer(answer.degraded, fallback(answer.slate))


def write_impressions(impressions: ImpressionWriter, answer: Answer) -> None:
    """Queue the list to be written as shown."""
    record = answer.record
    impressions.add_list(answer.request_id, record.user, answer.item_ids, record.scene)


def count_drift(answer: Answer) -> None:
    """Queue the list to be compared with the bundle's reference."""
    answer.deployment.drift.add(answer.slate.selection)


class AnswerLogger:
    """Queues the share of the answers that is logged, for replay and training."""

    def __init__(self, request_log: RequestLog, item_store: ItemStore, settings: Settings) -> None:
        self._request_log = request_log
        self._item_store = item_store
        self._slate_settings = extract_slate_settings(settings)
        self._worker = uuid4().hex[:12]

    def __call__(self, answer: Answer) -> None:
        """Queue the answer if it belongs to the share."""
        if not self._request_log.is_sampled(answer.record.seed):
            return
        entry = AnswerRecord(
            answer.request_id,
            time(),
            answer.deployment.bundle.version,
            CONTROL,
            answer.record,
            answer.item_ids,
            without_unlogged(answer.slate),
            self._slate_settings,
            self._worker,
            self._item_store.position,
            self._item_store.change_count,
        )
        self._request_log.add_answer(entry)
