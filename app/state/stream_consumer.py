"""Update the counters of this worker from the streams of events and impressions."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from app.catalogue.ids import IdIndex
from app.contracts import Rows, Scores, StageError, Times
from app.event_weights import EventWeights
from app.state.event_codec import (
    EventEntry,
    decode_entries,
    decode_event,
    decode_impression,
    events_key,
    impressions_key,
)
from app.state.event_interpreter import EventInterpreter
from app.state.group_counts import SegmentRows
from app.state.new_user_surges import NewUserSurges
from app.state.recent_keys import RecentKeys
from app.state.repeat_cap import RepeatCap
from app.state.store import Store
from app.state.streams import (
    BLOCK_MS,
    MAX_READ,
    StreamEntry,
    follow_streams,
    next_id,
    seconds_of,
)
from app.state.trained_events import TrainedEvents

log = logging.getLogger(__name__)

Attributes: TypeAlias = Mapping[str, str]  # attributes of a user when the event was written
SegmentsOf: TypeAlias = Callable[[Sequence[str], Sequence[Attributes]], SegmentRows]  # from ids
T = TypeVar("T")

STREAMS = EVENTS, IMPRESSIONS = "events", "shown"  # names in offsets, logs and the archive
READ_TIMEOUT = 3.0  # seconds for one read, the time that the server holds it included
MIN_READ_INTERVAL = 0.1  # seconds between small reads: each costs as much as a tenth of a list
MAX_PAUSE = 2.0  # seconds between two attempts while the server fails


class CounterUpdates(Protocol):
    """The counters that events change: ``PopularityCounters``, or a double buffer of two."""

    def apply(
        self, rows: Rows, weights: Scores, times: Times, segment_rows: SegmentRows | None = None
    ) -> None: ...
    def count_impressions(self, rows: Rows, scene: str = "") -> None: ...
    def count_scene_successes(self, rows: Rows, scene: str) -> None: ...
    def set_offsets(self, stream: str, first: str, last: str) -> None: ...


@dataclass(slots=True, eq=False)
class StreamConsumer:
    """Reads both streams as they grow and updates the counters. ``run`` it as a task.

    It starts after the entry that ``after`` names for a stream, or else at the time ``since``. An
    entry that repeats is counted once. The numbers are for metrics.
    """

    store: Store
    prefix: str
    counters: CounterUpdates
    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    since: int = 0  # milliseconds by the wall clock; the bundle contains what was earlier
    after: Mapping[str, str] = field(default_factory=dict)  # stream: newest entry in the bundle
    segments: SegmentsOf | None = None  # segments of users; None: no counts by segment
    trained: TrainedEvents | None = None  # events that the counters hold from the start
    surges: NewUserSurges | None = None  # None: new users are not looked at
    read_timeout: float = READ_TIMEOUT
    block_ms: int = BLOCK_MS

    applied: int = field(default=0, init=False)  # events that changed the counters; see repeat_cap
    repeated: int = field(default=0, init=False)  # entries whose id was seen before
    in_bundle: int = field(default=0, init=False)  # events that the bundle was trained on
    unreadable: int = field(default=0, init=False)  # foreign or damaged entries
    failures: int = field(default=0, init=False)  # reads that the server did not answer
    lag: float = field(default=0.0, init=False)  # seconds since the newest entry read was written
    caught_up: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    repeat_cap: RepeatCap = field(init=False)
    offsets: dict[bytes, bytes] = field(init=False)  # key of each stream: newest entry read
    _event_ids: RecentKeys = field(default_factory=RecentKeys, init=False)
    _lists: RecentKeys = field(default_factory=RecentKeys, init=False)  # request id: its scene

    def __post_init__(self) -> None:
        self.repeat_cap = RepeatCap(self.trained)
        before = f"{self.since - 1}-{2**64 - 1}" if self.since else "0-0"
        keys = (events_key(self.prefix), impressions_key(self.prefix))
        self.offsets = {
            key.encode(): self.after.get(stream, before).encode()
            for key, stream in zip(keys, STREAMS, strict=True)
        }

    def first_id(self, stream: str) -> str:
        """Return the lowest id that an entry of this stream must have to be read."""
        return next_id(self.after[stream]) if stream in self.after else f"{self.since}-0"

    def scene_of(self, request_id: str) -> str | None:
        """Return the scene of a recent list, "" for none; None: no recent list has this id."""
        return self._lists.text_of(request_id)

    async def run(self) -> None:
        """Follow the streams until cancelled, whatever the server does."""
        await follow_streams(
            self.store,
            self,
            read_timeout=self.read_timeout,
            max_pause=MAX_PAUSE,
            block_ms=self.block_ms,
        )

    async def prepare(self, _connection: Store) -> None:
        """Keep the offsets: they say where to continue. See ``StreamHandler``."""

    def apply_stream(self, key: bytes, entries: Sequence[StreamEntry]) -> None:
        self.apply_entries(EVENTS if key == next(iter(self.offsets)) else IMPRESSIONS, entries)

    def apply_entries(self, stream: str, entries: Sequence[StreamEntry]) -> None:
        """Update the counters by these entries of a stream, in their order."""
        count = self._count_events if stream == EVENTS else self._count_impressions
        count(entries)
        self.counters.set_offsets(stream, entries[0][0].decode(), entries[-1][0].decode())

    async def after_read(self, _connection: Store, longest: int) -> None:
        """Record whether the end of the streams is reached, and wait for more entries to come."""
        if longest < MAX_READ:
            self.caught_up.set()
            if longest:  # the server answers at the first new entry: read the next ones together
                await asyncio.sleep(MIN_READ_INTERVAL)
        if not longest:
            self.lag = 0.0

    def record_failure(self, error: StageError) -> None:
        self.failures += 1
        log.warning("the events cannot be followed now: %s", error)

    def _count_events(self, entries: Sequence[StreamEntry]) -> None:
        new = [
            (arrival, event)
            for arrival, event in self._decode(entries, decode_event)
            if self._add(self._event_ids, (event.user, event.event_id))
        ]
        new = self._without_trained(new)
        if not new:
            return
        arrivals, events = zip(*new, strict=True)
        _, users, items, types, values, timestamps, requests, *_ = zip(*events, strict=True)
        # A clock that runs ahead must not age everybody else's events.
        times = np.minimum(np.array(timestamps), np.array(arrivals))
        interpreter = EventInterpreter(self.ids, self.event_weights, self.time_shift)
        read, positions = interpreter.read_with_positions(items, types, values, times)
        arrived = np.array(arrivals)
        counted = self.repeat_cap.keep_first(
            [users[at] for at in positions],
            [items[at] for at in positions],
            read.types,
            read.times,
            arrived[positions] - self.time_shift,
        ).nonzero()[0]
        read, positions = read.take(counted), positions[counted]
        names = [users[at] for at in positions]
        segments = None
        if self.segments:
            segments = self.segments(names, [events[at].attributes for at in positions])
        self.counters.apply(read.rows, read.weights, read.times, segments)
        self._count_successes([requests[at] for at in positions], read.rows, read.weights)
        if self.surges and names:
            self.surges.record("item", [items[at] for at in positions], names, arrivals[-1])
        self.applied += len(read)

    def _without_trained(
        self, new: list[tuple[float, EventEntry]]
    ) -> list[tuple[float, EventEntry]]:
        if self.trained is None or not new:
            return new
        events = [(event.user, event.item, event.type, event.timestamp) for _, event in new]
        is_trained = self.trained.contain(events).tolist()
        self.in_bundle += sum(is_trained)
        return [one for one, is_old in zip(new, is_trained, strict=True) if not is_old]

    def _count_impressions(self, entries: Sequence[StreamEntry]) -> None:
        by_scene: dict[str, list[str]] = {}
        in_scenes: list[tuple[str, str]] = []  # scene and user
        for _, shown in self._decode(entries, decode_impression):
            if self._add(self._lists, shown.request_id, shown.scene):
                by_scene.setdefault(shown.scene, []).extend(shown.items)
                if shown.scene:
                    in_scenes.append((shown.scene, shown.user))
        if self.surges and in_scenes:
            scenes, users = zip(*in_scenes, strict=True)
            self.surges.record("scene", scenes, users, seconds_of(entries[-1][0]))
        for scene, items in by_scene.items():
            rows = self.ids.rows(items)
            self.counters.count_impressions(rows[rows >= 0], scene)

    def _count_successes(self, requests: Sequence[str | None], rows: Rows, weights: Scores) -> None:
        """Count liked items for the scenes of the lists that the events name."""
        by_scene: dict[str, list[int]] = {}
        for at, request in enumerate(requests):
            scene = self._lists.text_of(request) if request else None
            if scene and weights[at] > 0:
                by_scene.setdefault(scene, []).append(at)
        for scene, positions in by_scene.items():
            self.counters.count_scene_successes(rows[positions], scene)

    def _add(self, recent: RecentKeys, key: Hashable, text: str = "") -> bool:
        """Remember a key, or count a repeat. Return whether the key was new."""
        is_new = recent.add(key, text)
        self.repeated += not is_new
        return is_new

    def _decode(
        self, entries: Sequence[StreamEntry], decode: Callable[[object], T | None]
    ) -> list[tuple[float, T]]:
        """Return when each readable entry was written, and its content; count the others."""
        arrivals = [seconds_of(name) for name, _ in entries]
        contents = decode_entries([fields[-1] for _, fields in entries], decode)
        read = [
            (arrival, content)
            for arrival, content in zip(arrivals, contents, strict=True)
            if content is not None
        ]
        self.unreadable += len(entries) - len(read)
        self.lag = max(0.0, time.time() - arrivals[-1])
        return read
