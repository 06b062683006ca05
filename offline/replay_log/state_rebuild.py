"""The crowd's state as a worker had it when it answered, made again from the streams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.catalogue.live_items import ItemRecord, LiveItems
from app.contracts import StreamOffsets
from app.serving_bundle import ServingBundle
from app.state.counters import PopularityCounters
from app.state.store import Store
from app.state.stream_consumer import StreamConsumer
from offline.replay_log.stream_reader import StreamReader

ITEMS = "items"  # counts rows that were opened, and is no stream
STEP = 1_000  # entries applied at once
NOWHERE = Store.connect("unix:///nowhere")  # the follower is given its entries, it asks nobody


class StateLostError(Exception):
    """The state cannot be made again; the text says why."""


@dataclass(slots=True, eq=False)
class RebuiltState:
    """A state that is moved on from answer to answer, and begun anew where it must go back."""

    made: Callable[[], ServingBundle]
    tape: StreamReader
    items: Sequence[ItemRecord] = ()  # that were put and deleted, in this order
    deployed: ServingBundle = field(init=False)
    live: PopularityCounters = field(init=False)
    _follower: StreamConsumer = field(init=False)
    _stock: LiveItems = field(init=False)
    _puts: int = field(init=False)  # of the items, those in the stock
    _starts: dict[str, str] = field(init=False)  # of each stream, the entry to begin with

    def __post_init__(self) -> None:
        self._begin()

    def at(self, standing: StreamOffsets, *, is_same: bool = True) -> None:
        """Come to where the state stood.

        Args:
            standing: of the worker that answered.
            is_same: it had this bundle. Otherwise: to where it would have stood with this one.

        Raises:
            LostError: the streams no longer have, or no longer say, what it came from.
        """
        first = self._follower.first_id  # a worker begins there, or with the oldest entry left
        reached = standing.applied.items()
        starts = {name: span[0] if is_same else first(name) for name, span in reached}
        if not self._can_go_on(standing, starts):
            self._begin()
        self._starts |= starts
        if _lasts(standing.sorted_lists) != _lasts(self.live.listed):
            self._advance(standing.sorted_lists)
            self.live.refresh()
        self._advance(standing.applied)
        self._put(len(self.items))
        if is_same:
            self._check(standing)

    def _begin(self) -> None:
        self.deployed = self.made()
        self.live = self.deployed.build_counters()
        self._follower = self.deployed.build_stream_consumer(NOWHERE, self.live)
        self._starts = {}
        self._stock, self._puts = self.deployed.build_live_items(self.live), 0

    def _can_go_on(self, standing: StreamOffsets, starts: Mapping[str, str]) -> bool:
        """Say whether all that this state knows was known then, its lists included."""
        if any(starts.get(stream) != first for stream, first in self._starts.items()):
            return False
        sorts = _lasts(standing.sorted_lists) != _lasts(self.live.listed)
        bounds = (standing.applied, *((standing.sorted_lists,) if sorts else ()))
        return not any(
            stream not in bound or _is_after(last, bound[stream][1])
            for stream, (_, last) in self.live.reached.items()
            for bound in bounds
        )

    def _advance(self, to: Mapping[str, tuple[str, str]]) -> None:
        """Items first: nobody can have been shown one, or have done something, before it came."""
        if ITEMS in to:
            self._open(_count(to[ITEMS]))
        for stream, (_, last) in to.items():
            if stream == ITEMS:
                continue
            known = self.live.reached.get(stream)
            after = known[1] if known else None
            if after and not _is_after(last, after):
                continue
            entries = self.tape.between(stream, self._starts[stream], last, after)
            for start in range(0, len(entries), STEP):
                self._follower.apply_entries(stream, entries[start : start + STEP])

    def _open(self, number: int) -> None:
        """Put items until so many rows were opened, see ``Live.open``."""
        while self._puts < len(self.items) and _count(self.live.reached.get(ITEMS)) < number:
            self._put(self._puts + 1)

    def _put(self, number: int) -> None:
        """Put items into the stock, up to so many."""
        for item in self.items[self._puts : number]:
            self._stock.put(item)
        self._puts = number

    def _check(self, standing: StreamOffsets) -> None:
        for stream, span in standing.applied.items():
            found = self.live.reached.get(stream)
            if found != span:
                raise StateLostError(
                    f"the crowd's state rested on the entries {span[0]} to {span[1]} of {stream}, "
                    f"and of them there are {' to '.join(found) if found else 'none'}: the stream "
                    "was trimmed, and not archived before"
                )
        now = self.live.offsets()
        same = (now.now, now.trials) == (standing.now, standing.trials)
        if not same or not np.array_equal(now.total, standing.total):
            raise StateLostError(
                "the crowd's state comes out different: entries of the streams are missing, or "
                "were erased since"
            )


def _count(span: tuple[str, str] | None) -> int:
    return int(span[1].partition("-")[0]) if span else 0


def _lasts(spans: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {stream: last for stream, (_, last) in spans.items()}


def _is_after(one: str, other: str) -> bool:
    return tuple(map(int, one.split("-"))) > tuple(map(int, other.split("-")))
