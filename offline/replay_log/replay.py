"""Runs a logged request again: the real funnel, over what it had read and the state it had seen."""

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
from app.catalogue.live_items import ItemRecord
from app.contracts import History, Proposal
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS, Outcome, StageResult, StageRunner
from app.expressions.item_filter import FilterError, parse_filter
from app.funnel import Funnel, Slate
from app.request_log.answer_record import AnswerRecord, offsets_of, reply_from_json, request_of
from app.request_log.entry_codec import LogEntry
from app.request_log.request_record import RequestRecord
from app.serving_bundle import ServingBundle
from app.settings import Settings
from app.state.in_memory import MemoryTables
from offline.replay_log.state_rebuild import NOWHERE, RebuiltState, StateLostError
from offline.replay_log.stream_reader import StreamReader

T = TypeVar("T")
ItemOffset: TypeAlias = tuple[str, int | None]  # the last change of an item, and how many items


@dataclass(slots=True)
class ReplayedHistories:
    """Stands for the store of histories: says what was said then."""

    read: Callable[[Any], History]
    words: Any = ()

    async def recent(self, _user: str) -> History:
        """Give what the funnel was given."""
        return self.read(self.words)


@dataclass(slots=True)
class ReplayRunner(StageRunner):
    """A request's clock that lets the same stages fail, in the same way."""

    failed: Mapping[str, Outcome] = field(default_factory=dict)
    social: Proposal | None = None  # what friends' live events came to then

    @override
    async def run_async(
        self, stage: str, by: float, work: Callable[[], Awaitable[T]], fallback: T
    ) -> T:
        if stage == "recall.social" and self.social is not None:
            work = partial(_given, cast("T", self.social))
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


async def _given(found: T) -> T:
    return found


def _social(told: Mapping[str, Any]) -> Proposal | None:
    if not told.get("social"):
        return None
    rows, scores = told["social"]
    return Proposal(np.array(rows, np.int64), np.array(scores, np.float32))


@dataclass(slots=True, eq=False)
class ReplayFunnel:
    """A bundle with its settings, set up to answer again."""

    state: RebuiltState
    said: ReplayedHistories
    cpu: Cpu
    _funnels: dict[int, Funnel] = field(default_factory=dict, init=False)

    def funnel(self) -> Funnel:
        """Give the funnel over the state as it is."""
        live, deployed = self.state.live, self.state.deployed
        if id(live) not in self._funnels:
            tables = MemoryTables(deployed.bundle.models.tables)
            built = deployed.build_funnel(
                LiveState(live, self.said, tables), self.cpu, NO_CHECKPOINTS
            )
            self._funnels = {id(live): built}
        return self._funnels[id(live)]


@dataclass(slots=True, eq=False)
class RequestReplayer:
    """Answers logged requests again; keeps what one answer needs for the next."""

    settings: Settings
    tape: StreamReader
    cpu: Cpu
    _bundles: dict[str, Bundle] = field(default_factory=dict, init=False)
    _stages: dict[tuple[str, str], tuple[ItemOffset, ReplayFunnel]] = field(
        default_factory=dict, init=False
    )
    _loop: asyncio.AbstractEventLoop = field(init=False)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Let go of the event loop."""
        self._loop.close()

    def run(
        self, entry: LogEntry, bundle: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> LogEntry:
        """Answer again, and give the entry that the served log would have.

        Args:
            entry: of the answer that was given.
            bundle: the version to ask; None: the same.
            settings: that decide what is shown; None: the same.

        Raises:
            LostError: what the answer rested on is gone, or the filter is none for this bundle.
            BundleError: the bundle is gone, or not sound.
            SettingsError: a setting makes no sense.
        """
        told = entry.head
        version = bundle or told["bundle"]
        deciding = told["settings"] if settings is None else settings
        _refuse(entry)
        stage = self._stage(version, deciding, (told["shelf"], told["changed"]))
        stage.state.at(offsets_of(entry), is_same=version == told["bundle"])
        stage.said.words = reply_from_json(told["said"])
        is_same = version == told["bundle"] and deciding == told["settings"]
        failed = {name: how for name, how, *_ in told["steps"] if how != "ok"} if is_same else {}
        asked, arrived = request_of(entry), monotonic()
        deployed = stage.state.deployed
        _require_filter(asked, deployed)
        request = asked.to_request(deployed.bundle, arrived)
        social = _social(told) if version == told["bundle"] else None
        run = ReplayRunner(arrived, failed=failed, social=social)
        slate: Slate = self._loop.run_until_complete(stage.funnel().recommend(request, run))
        ids = deployed.bundle.models.catalogue.ids.names(slate.selection.pool.rows)
        known = (told["request_id"], told["at"], version, told["variant"])
        return AnswerRecord(*known, asked, ids, slate, deciding, told["worker"]).log_entry()

    def _stage(
        self, version: str, deciding: Mapping[str, Any], shelf: tuple[str, int | None]
    ) -> ReplayFunnel:
        """Set up a bundle with its settings, and the items that callers had put by then."""
        key = (version, repr(deciding))
        known, stage = self._stages.get(key, (None, None))
        if stage is None or known != shelf:
            made = partial(
                ServingBundle.of, self._bundle(version), self.settings.with_slate_settings(deciding)
            )
            state = RebuiltState(made, self.tape, self._items(*shelf))
            said = ReplayedHistories(
                lambda words: state.deployed.build_histories(NOWHERE).decode(words)
            )
            stage = ReplayFunnel(state, said, self.cpu)
            self._stages[key] = shelf, stage
        return stage

    def _bundle(self, version: str) -> Bundle:
        if version not in self._bundles:
            self._bundles[version] = load_bundle(Path(self.settings.out) / "bundles" / version)
        return self._bundles[version]

    def _items(self, last: str, changed: int | None) -> list[ItemRecord]:
        found = self.tape.items(last) if changed else []
        if changed is not None and len({item.item_id for item in found}) != changed:
            raise StateLostError(
                f"{changed} items had been put or deleted by then, and not all that was told of "
                "them is kept"
            )
        return found


def _require_filter(asked: RequestRecord, deployed: ServingBundle) -> None:
    """Refuse a filter over attributes that another bundle does not have.

    Raises:
        LostError: it says which.
    """
    if not asked.filter:
        return
    try:
        parse_filter(asked.filter, column_kinds(deployed.base.attributes))
    except FilterError as error:
        raise StateLostError(f"{deployed.bundle.version} cannot be asked so: {error}") from error


def _refuse(entry: LogEntry) -> None:
    """Refuse what was made of more than is logged.

    Raises:
        LostError: it says of what.
    """
    told = entry.head
    absent = [name for name in ("standing", "shelf", "changed") if name not in told]
    if absent:
        raise StateLostError(
            f"it was logged by an older release, which did not keep {' and '.join(absent)}"
        )
    if told["standing"] is None or any(stage == "funnel" for stage, *_ in told["steps"]):
        raise StateLostError("the clock cut this answer off; what was in hand then is not logged")
    if told["changed"] is None:
        raise StateLostError(
            "items had been put or deleted before the worker began, and in what order it learnt of "
            "them is not known"
        )
