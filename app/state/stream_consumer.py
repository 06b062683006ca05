"""Follows what users do and what they are shown, and moves this worker's crowd state on."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Protocol, TypeAlias

import numpy as np
import orjson

from app.catalogue.ids import IdIndex
from app.contracts import Rows, Scores, StageError, Times
from app.event_weights import EventWeights
from app.state.event_codec import EventInterpreter, events_key
from app.state.impressions import impressions_key
from app.state.scene_counts import RecentLists
from app.state.segment_counts import SegmentRows
from app.state.store import Store

log = logging.getLogger(__name__)

StreamEntry: TypeAlias = tuple[
    bytes, list[bytes]
]  # id in the stream; names and values of its fields
EntryShape: TypeAlias = tuple[type | tuple[type, ...], ...]  # of what an entry says
Attributes: TypeAlias = Mapping[str, str]  # of a user, told by the time of an event; or none
SegmentsOf: TypeAlias = Callable[
    [Sequence[str], Sequence[Attributes]], SegmentRows
]  # of users, by id

EVENT_SHAPE: EntryShape = (str, str, str, str, (float, NoneType), (float, int), (str, NoneType))
IMPRESSION_SHAPE: EntryShape = (str, str, list)
CARRIED = 9  # place of the user's attributes in the entry of an event

AT_ONCE = 1_000  # entries of each stream in one read: some 5 ms of this worker's time
BLOCK = 1_000  # milliseconds that the server holds a read until there is something to tell
ANSWER_WITHIN = 3.0  # seconds for one read, BLOCK included
PACE = 0.1  # seconds between reads of a trickle: each costs as much as a tenth of a list
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds before asking again a server that failed
REMEMBERED = 100_000  # ids that are known again when an entry repeats


STREAMS = EVENTS, IMPRESSIONS = "events", "shown"


class CounterUpdates(Protocol):
    """What learns of what everybody does: a ``Live``, or two copies of one that take turns."""

    def apply(
        self, rows: Rows, weights: Scores, times: Times, of: SegmentRows | None = None
    ) -> None: ...
    def count_impressions(self, rows: Rows, scene: str = "") -> None: ...
    def count_scene_successes(self, rows: Rows, scene: str) -> None: ...
    def set_offsets(self, stream: str, first: str, last: str) -> None: ...


class RecentIds:
    """At least the newest ``limit`` ids, at most twice as many, as hashes: no user can be read."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def add(self, name: Hashable) -> bool:
        """Say whether this id was not seen lately, and remember it."""
        mark = hash(name)
        if mark in self._newer or mark in self._older:
            return False
        self._newer.add(mark)
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, set()
        return True


@dataclass(slots=True, eq=False)
class StreamConsumer:
    """Reads both streams, and then as they grow. ``run`` it as a task.

    It begins behind the entry that ``after`` names of a stream, or else with ``since``. Its counts
    are for metrics. What arrives twice is applied once.
    """

    store: Store
    prefix: str
    counters: CounterUpdates
    ids: IdIndex
    event_weights: EventWeights
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    since: int = 0  # milliseconds by the wall clock; the bundle knows what was earlier
    after: Mapping[str, str] = field(default_factory=dict)  # stream: the newest entry it knows
    segments: SegmentsOf | None = None  # of users; None: nothing is counted by segment

    applied: int = field(default=0, init=False)  # events that moved ``live``
    repeated: int = field(default=0, init=False)  # entries whose id was seen before
    unreadable: int = field(default=0, init=False)  # entries that are not ours, or damaged
    failures: int = field(default=0, init=False)  # reads that the server did not answer
    lag: float = field(default=0.0, init=False)  # seconds from the newest entry read to its arrival
    caught_up: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _keys: tuple[bytes, bytes] = field(init=False)
    _positions: list[bytes] = field(init=False)
    _events_seen: RecentIds = field(default_factory=RecentIds, init=False)
    _slates_seen: RecentIds = field(default_factory=RecentIds, init=False)
    _lists: RecentLists = field(default_factory=RecentLists, init=False)

    def __post_init__(self) -> None:
        self._keys = (events_key(self.prefix).encode(), impressions_key(self.prefix).encode())
        before = f"{self.since - 1}-{2**64 - 1}" if self.since else "0-0"
        self._positions = [self.after.get(stream, before).encode() for stream in STREAMS]

    def first_id(self, stream: str) -> str:
        """Give the lowest id that an entry of this stream may have for it to be read."""
        if stream not in self.after:
            return f"{self.since}-0"
        ms, _, number = self.after[stream].partition("-")
        return f"{ms}-{int(number) + 1}"

    async def run(self) -> None:
        """Follow until cancelled; whatever the server does."""
        pause = FIRST_PAUSE
        async with self.store.dedicated(ANSWER_WITHIN) as link:
            while True:
                try:
                    await self._advance(link)
                    pause = FIRST_PAUSE
                except StageError as error:
                    self.failures += 1
                    log.warning("following the events: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)

    async def _advance(self, link: Store) -> None:
        reply = await link.command(
            "XREAD", "COUNT", AT_ONCE, "BLOCK", BLOCK, "STREAMS", *self._keys, *self._positions
        )
        for key, entries in reply or []:
            which = self._keys.index(key)
            self._positions[which] = entries[-1][0]
            self.apply_entries(STREAMS[which], entries)
        longest = max((len(entries) for _, entries in reply or []), default=0)
        if longest < AT_ONCE:
            self.caught_up.set()
            if longest:  # the server answers at the first new entry: let more come together
                await asyncio.sleep(PACE)
        if not longest:
            self.lag = 0.0

    def apply_entries(self, stream: str, entries: Sequence[StreamEntry]) -> None:
        """Move the crowd's state on by these entries of a stream, in their order."""
        (self._apply if stream == EVENTS else self._expose)(entries)
        self.counters.set_offsets(stream, entries[0][0].decode(), entries[-1][0].decode())

    def _apply(self, entries: Sequence[StreamEntry]) -> None:
        read = self._decode(entries, EVENT_SHAPE)
        fresh = [said for said in read if self._is_new(self._events_seen, (said[1][1], said[1][0]))]
        if not fresh:
            return
        arrivals, said = zip(*fresh, strict=True)
        told = zip(*(one[: len(EVENT_SHAPE)] for one in said), strict=True)
        _, users, items, types, values, timestamps, requests = told
        # A clock that runs ahead must not age everybody else's events.
        times = np.minimum(np.array(timestamps), np.array(arrivals))
        interpreter = EventInterpreter(self.ids, self.event_weights, self.time_shift)
        known, places = interpreter.read_with_positions(items, types, values, times)
        of = None
        if self.segments:
            attributes = [entry_attributes(said[at]) for at in places]
            of = self.segments([users[at] for at in places], attributes)
        self.counters.apply(known.rows, known.weights, known.times, of)
        self._succeed([requests[at] for at in places], known.rows, known.weights)
        self.applied += len(known)

    def _expose(self, entries: Sequence[StreamEntry]) -> None:
        read = self._decode(entries, IMPRESSION_SHAPE)
        fresh = [said for _, said in read if self._is_new(self._slates_seen, said[0])]
        by_scene: dict[str, list[str]] = {}
        for request, _, items, *scene in fresh:
            name = scene[0] if scene and isinstance(scene[0], str) else ""
            by_scene.setdefault(name, []).extend(i for i in items if isinstance(i, str))
            self._lists.add(request, name)
        for name, items in by_scene.items():
            rows = self.ids.rows(items)
            self.counters.count_impressions(rows[rows >= 0], name)

    def _succeed(self, requests: Sequence[str | None], rows: Rows, weights: Scores) -> None:
        """Count what was liked for the scenes of the lists that events name."""
        by_scene: dict[str, list[int]] = {}
        for at, request in enumerate(requests):
            scene = self._lists.scene_of(request) if request else None
            if scene and weights[at] > 0:
                by_scene.setdefault(scene, []).append(at)
        for scene, places in by_scene.items():
            self.counters.count_scene_successes(rows[places], scene)

    def _is_new(self, seen: RecentIds, name: Hashable) -> bool:
        new = seen.add(name)
        self.repeated += not new
        return new

    def _decode(
        self, entries: Sequence[StreamEntry], shape: EntryShape
    ) -> list[tuple[float, list[Any]]]:
        """Give arrival and content of each entry that begins like this; count the others."""
        arrivals = [int(name.partition(b"-")[0]) / 1000.0 for name, _ in entries]
        read = [
            (arrival, said)
            for arrival, said in zip(arrivals, _parsed(entries), strict=True)
            if isinstance(said, list)
            and len(said) >= len(shape)
            and all(map(isinstance, said, shape))
        ]
        self.unreadable += len(entries) - len(read)
        self.lag = max(0.0, time.time() - arrivals[-1])
        return read


def entry_attributes(said: Sequence[Any]) -> Attributes:
    """Give what the entry of an event carries of its user's attributes."""
    carried = said[CARRIED] if len(said) > CARRIED else None
    if not isinstance(carried, dict):
        return {}
    return {name: text for name, text in carried.items() if isinstance(text, str)}


def _parsed(entries: Sequence[StreamEntry]) -> list[Any]:
    """Parse all at once, which is cheaper; one by one when something among them is damaged."""
    texts = [fields[-1] for _, fields in entries]
    with suppress(orjson.JSONDecodeError):
        together: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))
        if len(together) == len(texts):
            return together
    return [_parsed_alone(text) for text in texts]


def _parsed_alone(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
