"""Run logged requests again: the real funnel, with the data and the counters of then."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from typing_extensions import override

from app.build import LiveState
from app.bundle.bundle import Bundle, load_bundle
from app.catalogue.attributes import column_kinds
from app.contracts import NO_HISTORY, History, Proposal
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS, Outcome, StageResult, StageRunner
from app.expressions.item_filter import FilterError, parse_filter
from app.funnel import Funnel, FunnelRun
from app.live_catalogue.live_items import ItemRecord
from app.request_log.answer_record import (
    AnswerRecord,
    LogEntry,
    LoggedRun,
    offsets_of,
    reply_from_json,
    request_of,
)
from app.request_log.request_record import RequestRecord
from app.service.serving_bundle import ServingBundle
from app.settings import Settings
from app.slate_settings import apply_slate_settings
from app.state.table_readers import MappedTables
from offline.replay_log.state_rebuild import NO_STORE, RebuiltState, StateLostError
from offline.replay_log.stream_reader import StreamReader

T = TypeVar("T")
ItemOffset: TypeAlias = tuple[str, int | None]  # id of the newest change, and number of items
REQUIRED_FIELDS = ("offsets", "items_offset", "items_changed")  # fields that a log entry needs


@dataclass(slots=True)
class LoggedHistories:
    """Stands for the store of histories: returns what the store replied then."""

    decode: Callable[[Any], History]
    raw_reply: Any = ()

    async def recent(self, _user: str) -> History:
        return self.decode(self.raw_reply)

    def last_known(self, _user: str) -> History:
        return self.decode(self.raw_reply) if self.raw_reply else NO_HISTORY


@dataclass(slots=True)
class ReplayRunner(StageRunner):
    """A stage runner that makes the same stages fail, in the same way as then."""

    failed: Mapping[str, Outcome] = field(default_factory=dict)
    social: Proposal | None = None  # what the social channel returned then

    @override
    async def run_async(
        self, stage: str, by: float, work: Callable[[], Awaitable[T]], fallback: T
    ) -> T:
        if stage == "recall.social" and self.social is not None:
            work = partial(_return, cast("T", self.social))
        if stage not in self.failed:
            return await StageRunner.run_async(self, stage, by, work, fallback)
        self.results.append(StageResult(stage, 0.0, self.failed[stage], 0, 0))
        return fallback

    @override
    def run(self, stage: str, by: float, work: Callable[[], T], fallback: T, entered: int = 0) -> T:
        if stage not in self.failed:
            return StageRunner.run(self, stage, by, work, fallback, entered)
        self.results.append(StageResult(stage, 0.0, self.failed[stage], entered, 0))
        return fallback


async def _return(result: T) -> T:
    return result


@dataclass(slots=True, eq=False)
class ReplayFunnel:
    """A bundle with its settings, ready to answer again."""

    state: RebuiltState
    histories: LoggedHistories
    cpu: Cpu
    _funnels: dict[int, Funnel] = field(default_factory=dict, init=False)

    def funnel(self) -> Funnel:
        counters, serving = self.state.counters, self.state.serving
        if id(counters) not in self._funnels:
            tables = MappedTables(serving.bundle.models.tables)
            state = LiveState(counters, self.histories, tables)
            self._funnels = {id(counters): serving.build_funnel(state, self.cpu, NO_CHECKPOINTS)}
        return self._funnels[id(counters)]


@dataclass(slots=True, eq=False)
class RequestReplayer:
    """Answers logged requests again. It keeps what one answer needs for the next one."""

    settings: Settings
    reader: StreamReader
    cpu: Cpu
    _bundles: dict[str, Bundle] = field(default_factory=dict, init=False)
    _funnels: dict[tuple[str, str, float], tuple[ItemOffset, ReplayFunnel]] = field(
        default_factory=dict, init=False
    )
    _loop: asyncio.AbstractEventLoop = field(init=False)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        self._loop.close()

    def replay(
        self, entry: LogEntry, bundle: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> LogEntry:
        """Answer again, and return the entry that the request log would have.

        Args:
            entry: of the logged answer.
            bundle: the version that answers; None: the same as then.
            settings: those that decide what is shown; None: the same as then.

        Raises:
            StateLostError: something that the answer depended on is gone, or the bundle does not
                have an attribute of the filter.
            BundleError: the bundle is gone or damaged.
            SettingsError: a setting is invalid.
        """
        head = entry.head
        version = bundle or head["bundle"]
        chosen = head["settings"] if settings is None else settings
        _require_fields(entry)
        offset = (head["items_offset"], head["items_changed"])
        funnel = self._funnel(version, chosen, head["at"], offset)
        is_same_bundle = version == head["bundle"]
        funnel.state.advance_to(offsets_of(entry), is_same=is_same_bundle)
        funnel.histories.raw_reply = reply_from_json(head["raw_reply"])
        is_same = is_same_bundle and chosen == head["settings"]
        failed = {stage: outcome for stage, outcome, *_ in head["steps"] if outcome != "ok"}
        record, serving, arrived = request_of(entry), funnel.state.serving, monotonic()
        _require_filter(record, serving)
        runner = ReplayRunner(
            arrived,
            failed=failed if is_same else {},
            social=_social(head) if is_same_bundle else None,
        )
        request = record.to_request(serving.bundle, arrived)
        run: FunnelRun = self._loop.run_until_complete(funnel.funnel().recommend(request, runner))
        items = serving.bundle.models.catalogue.ids.names(run.slate.pool.rows)
        names = (head["request_id"], head["at"], version, head["variant"])
        logged = LoggedRun.of(run)
        return AnswerRecord(*names, record, items, logged, chosen, head["worker"]).log_entry()

    def _funnel(
        self, version: str, settings: Mapping[str, Any], at: float, offset: ItemOffset
    ) -> ReplayFunnel:
        """Return a bundle with its settings, and with the items that were changed until then.

        ``at`` is the time of the answer by the clock of the service, unix seconds.
        """
        bundle = self._bundle(version)
        key = (version, repr(settings), bundle.manifest.as_of(at).time_shift)
        present, funnel = self._funnels.get(key, (None, None))
        if funnel is None or present != offset:
            items = self._items(*offset)
            build = partial(
                ServingBundle.of,
                bundle,
                apply_slate_settings(self.settings, settings),
                at,
                len(items),
            )
            state = RebuiltState(build, self.reader, items)
            histories = LoggedHistories(
                lambda reply: state.serving.build_histories(NO_STORE).decode(reply)
            )
            funnel = ReplayFunnel(state, histories, self.cpu)
            self._funnels[key] = offset, funnel
        return funnel

    def _bundle(self, version: str) -> Bundle:
        if version not in self._bundles:
            self._bundles[version] = load_bundle(Path(self.settings.out) / "bundles" / version)
        return self._bundles[version]

    def _items(self, last: str, n_changed: int | None) -> list[ItemRecord]:
        items = self.reader.item_changes(last) if n_changed else []
        if n_changed is not None and len({item.item_id for item in items}) != n_changed:
            raise StateLostError(
                f"{n_changed} items had been put or deleted by then, and the log of their changes "
                "is no longer complete"
            )
        return items


def _social(head: Mapping[str, Any]) -> Proposal | None:
    if not head.get("social"):
        return None
    rows, scores = head["social"]
    return Proposal(np.array(rows, np.int64), np.array(scores, np.float32))


def _require_filter(record: RequestRecord, serving: ServingBundle) -> None:
    """Check that the bundle has the attributes of the request's filter.

    Raises:
        StateLostError: it does not have one of them.
    """
    if not record.filter:
        return
    try:
        parse_filter(record.filter, column_kinds(serving.base.attributes))
    except FilterError as error:
        raise StateLostError(
            f"{serving.bundle.version} cannot answer this request: {error}"
        ) from error


def _require_fields(entry: LogEntry) -> None:
    """Check that the log has everything that the answer depended on.

    Raises:
        StateLostError: something was not logged.
    """
    head = entry.head
    absent = [name for name in REQUIRED_FIELDS if name not in head]
    if absent:
        raise StateLostError(
            f"it was logged by an older release, which did not log {' and '.join(absent)}"
        )
    if head["offsets"] is None or any(stage == "funnel" for stage, *_ in head["steps"]):
        raise StateLostError(
            "the time ran out for this answer, and the results that it had by then are not logged"
        )
    if any(stage == "filters" for stage, *_ in head["steps"]):
        raise StateLostError("what other users had hidden by then is not logged")
    if head["items_changed"] is None:
        raise StateLostError(
            "items had been put or deleted before the worker started, and the order in which it "
            "applied these changes is not known"
        )
