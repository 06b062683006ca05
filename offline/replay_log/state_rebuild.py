"""Rebuild the counters that a worker had when it answered, from the streams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from app.contracts import StreamOffsets
from app.live_catalogue.live_items import ItemRecord, LiveItems
from app.service.serving_bundle import ServingBundle
from app.state.counters import PopularityCounters
from app.state.store import Store
from app.state.stream_consumer import StreamConsumer
from app.state.streams import parse_id
from offline.replay_log.stream_reader import StreamReader

Spans: TypeAlias = Mapping[str, tuple[str, str]]  # ids of the first and last entry, by stream

ITEMS = "items"  # not a stream: it counts the rows that were given to new items
BATCH_SIZE = 1_000  # entries applied together
NO_STORE = Store.connect("unix:///nowhere")  # never used: the entries are handed to the consumer


class StateLostError(Exception):
    """The state cannot be rebuilt. The text says why."""


@dataclass(slots=True, eq=False)
class RebuiltState:
    """Counters that advance from answer to answer. They start again when they must go back."""

    build: Callable[[], ServingBundle]
    reader: StreamReader
    items: Sequence[ItemRecord] = ()  # put and deleted, in this order
    serving: ServingBundle = field(init=False)
    counters: PopularityCounters = field(init=False)
    _consumer: StreamConsumer = field(init=False)
    _live_items: LiveItems = field(init=False)
    _applied_items: int = field(init=False)  # number of ``items`` applied
    _starts: dict[str, str] = field(init=False)  # id of the first entry, by stream

    def __post_init__(self) -> None:
        self._restart()

    def advance_to(self, offsets: StreamOffsets, *, is_same: bool = True) -> None:
        """Bring the counters to where the streams were applied when the worker answered.

        Args:
            offsets: of the worker that answered.
            is_same: whether it had this bundle. If not, the counters are brought to where they
                would have been with this bundle.

        Raises:
            StateLostError: the streams no longer have all entries that the counters depend on.
        """
        first_id = self._consumer.first_id  # a worker starts there, or at the oldest entry left
        spans = offsets.applied.items()
        starts = {name: span[0] if is_same else first_id(name) for name, span in spans}
        if not self._can_advance(offsets, starts):
            self._restart()
        self._starts |= starts
        if _last_ids(offsets.sorted_lists) != _last_ids(self.counters.sorted_offsets):
            self._apply_until(offsets.sorted_lists)
            self.counters.refresh()
        self._apply_until(offsets.applied)
        self._put_items(len(self.items))
        if is_same:
            self._check(offsets)

    def _restart(self) -> None:
        self.serving = self.build()
        self.counters = self.serving.build_counters()
        self._consumer = self.serving.build_stream_consumer(NO_STORE, self.counters)
        self._starts = {}
        self._live_items, self._applied_items = self.serving.build_live_items(self.counters), 0

    def _can_advance(self, offsets: StreamOffsets, starts: Mapping[str, str]) -> bool:
        """Return whether the worker had applied all that is applied here, in its lists too."""
        if any(starts.get(stream) != first for stream, first in self._starts.items()):
            return False
        is_sorted = _last_ids(offsets.sorted_lists) == _last_ids(self.counters.sorted_offsets)
        bounds = (offsets.applied, *(() if is_sorted else (offsets.sorted_lists,)))
        return not any(
            stream not in bound or _is_after(last, bound[stream][1])
            for stream, (_, last) in self.counters.applied_offsets.items()
            for bound in bounds
        )

    def _apply_until(self, spans: Spans) -> None:
        """Apply items first: an event on an item, or its impression, comes after the item."""
        if ITEMS in spans:
            self._open_rows(_count(spans[ITEMS]))
        for stream, (_, last) in spans.items():
            if stream == ITEMS:
                continue
            applied = self.counters.applied_offsets.get(stream)
            after = applied[1] if applied else None
            if after and not _is_after(last, after):
                continue
            entries = self.reader.between(stream, self._starts[stream], last, after)
            for start in range(0, len(entries), BATCH_SIZE):
                self._consumer.apply_entries(stream, entries[start : start + BATCH_SIZE])

    def _open_rows(self, number: int) -> None:
        """Put items until this many rows were opened; see ``PopularityCounters.open_row``."""
        while (
            self._applied_items < len(self.items)
            and _count(self.counters.applied_offsets.get(ITEMS)) < number
        ):
            self._put_items(self._applied_items + 1)

    def _put_items(self, number: int) -> None:
        """Put items until this many are applied."""
        for item in self.items[self._applied_items : number]:
            self._live_items.put(item)
        self._applied_items = number

    def _check(self, offsets: StreamOffsets) -> None:
        for stream, span in offsets.applied.items():
            applied = self.counters.applied_offsets.get(stream)
            if applied != span:
                raise StateLostError(
                    f"the counters rested on the entries {span[0]} to {span[1]} of {stream}, but "
                    f"the entries left are {' to '.join(applied) if applied else 'none'}: the "
                    "stream was trimmed before it was archived"
                )
        rebuilt = self.counters.offsets()
        is_equal = (rebuilt.now, rebuilt.trials) == (offsets.now, offsets.trials)
        if not is_equal or not np.array_equal(rebuilt.total, offsets.total):
            raise StateLostError(
                "the rebuilt counters differ: entries of the streams are missing, or were erased"
            )


def _count(span: tuple[str, str] | None) -> int:
    return parse_id(span[1])[0] if span else 0


def _last_ids(spans: Spans) -> dict[str, str]:
    return {stream: last for stream, (_, last) in spans.items()}


def _is_after(one: str, other: str) -> bool:
    return parse_id(one) > parse_id(other)
