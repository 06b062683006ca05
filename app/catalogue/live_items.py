"""The items that callers put, changed and deleted since the bundle was made, in one deployment.

What is told of an item of the bundle takes the place of what the bundle says of it; its vectors and
counts stay. An item that the bundle does not know takes a spare row. The state follows from the
bundle and the items told, whatever the order in which they came.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.catalogue.attributes import AttributeValue, is_of_kind
from app.catalogue.catalogue import Catalogue
from app.catalogue.catalogue_overlay import CatalogueOverlay, RowsByTag

ROW_REST = (
    1.0  # seconds until a row of a deleted item may be another's: lists in the making name it
)


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """What a caller told of an item; None: nothing, so that what the bundle says stands."""

    item_id: str
    since: float  # unix seconds by the wall clock: when it was first put
    title: str | None = None
    text: str | None = None
    categories: tuple[str, ...] | None = None
    provider: str | None = None
    released: float | None = None  # year
    flags: tuple[str, ...] | None = None
    is_available: bool | None = None
    is_deleted: bool = False
    attributes: Mapping[str, AttributeValue | None] | None = None  # likewise each of them


class RowCounters(Protocol):
    """The crowd's state: counts for a row begin anew. See ``Live.open``."""

    def open_row(self, row: int, since: float) -> None: ...


@dataclass(slots=True, eq=False)
class LiveItems:
    """Puts items into one deployment's arrays. One writer, on the event loop; readers anywhere.

    A row is complete before it is made available, and unavailable before another item takes it.
    Where no spare row, or no code for a provider, is left, an item waits and is not shown.
    """

    base: Catalogue  # as the bundle has it
    catalogue: CatalogueOverlay  # the same with room, as the funnel has it
    models: Models  # likewise
    counters: RowCounters
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    clock: Callable[[], float] = time.monotonic
    waiting: dict[str, ItemRecord] = field(default_factory=dict, init=False)
    _free: deque[int] = field(init=False)
    _resting: deque[tuple[float, int]] = field(default_factory=deque, init=False)  # until, row
    _providers: dict[str | None, int] = field(init=False)  # codes

    def __post_init__(self) -> None:
        self._free = deque(range(len(self.base), len(self.catalogue)))
        names = self.base.provider_names.tolist()
        self._providers = dict(zip(names, range(len(names)), strict=True))

    @property
    def placed_count(self) -> int:
        """The number of items that stand in spare rows."""
        return len(self.catalogue.ids.added_rows)

    def has_room_for(self, item: ItemRecord) -> bool:
        """Say whether there is a row for this item, maybe soon, and a code for its provider."""
        known = item.provider is None or item.provider in self._providers
        codes = known or len(self._providers) < len(self.catalogue.provider_names)
        rows = bool(self._free or self._resting) or self.catalogue.ids.row(item.item_id) >= 0
        return codes and rows

    def place_waiting(self) -> None:
        """Give rows that have rested to items that wait for one. To be called now and then."""
        while self._resting and self._resting[0][0] <= self.clock():
            self._free.append(self._resting.popleft()[1])
        for item in list(self.waiting.values()) if self._free else ():
            self._put(item)

    def put(self, item: ItemRecord) -> None:
        """Let an item be as told."""
        self._put(item)
        self.place_waiting()

    def _put(self, item: ItemRecord) -> None:
        self.waiting.pop(item.item_id, None)
        row = self.catalogue.ids.row(item.item_id)
        if item.is_deleted:
            self._remove(row)
        elif self.has_room_for(item) and (self._free or row >= 0):
            row = self._opened(item) if row < 0 else row
            usual = bool(self.base.available[row]) if row < len(self.base) else True
            available = usual if item.is_available is None else item.is_available
            self.catalogue.available[row] &= available
            self._describe(row, item)
            if row >= len(self.base):
                self._place(row, item)
            self.catalogue.available[row] = available
        else:
            self.waiting[item.item_id] = item
            self.catalogue.available[row : row + 1] = False  # none for one without a row

    def completed(self, item: ItemRecord) -> ItemRecord | None:
        """Give the item with all that is known of it; None: it has no row."""
        known, row = self.catalogue, self.catalogue.ids.rows([item.item_id])
        if row[0] < 0:
            return None
        at, (provider,) = int(row[0]), known.providers[row].tolist()
        year = float(known.released[at])
        return replace(
            item,
            title=known.titles.take(row)[0],
            categories=known.tags_of(at, "category"),
            provider=known.provider_names.tolist()[provider] if provider >= 0 else None,
            released=year if np.isfinite(year) else None,
            flags=known.tags_of(at, "flag"),
            is_available=bool(known.available[at]),
            attributes={name: column.at(at) for name, column in known.attributes.items()},
        )

    def _opened(self, item: ItemRecord) -> int:
        """Give the item a spare row of its own."""
        row, ids = self._free.popleft(), self.catalogue.ids
        self.counters.open_row(row, item.since - self.time_shift)
        ids.added_names[row] = item.item_id
        ids.added_rows[item.item_id] = row
        return row

    def _remove(self, row: int) -> None:
        """Show it no more; its row, if it is a spare one, is free after a rest."""
        if row < 0:
            return
        self.catalogue.available[row] = False
        if row < len(self.base):
            return
        self.models.content.items[row] = self.models.factors.items[row] = 0.0  # found by no channel
        ids = self.catalogue.ids
        del ids.added_rows[ids.added_names[row]]  # lists that are on their way out still name it
        self._resting.append((self.clock() + ROW_REST, row))

    def _describe(self, row: int, item: ItemRecord) -> None:
        """Write what is known of the item into its row: as told, or else as the bundle has it."""
        known, base = self.catalogue, self.base if row < len(self.base) else None
        if item.title is None:
            known.titles.overrides.pop(row, None)
        else:
            known.titles.overrides[row] = item.title
        year = base.released[row] if base else np.nan
        known.released[row] = year if item.released is None else item.released
        code = base.providers[row] if base else -1
        known.providers[row] = code if item.provider is None else self._provider(item.provider)
        tags = base.categories[row] if base else 0
        _mark(known.categories[row], known.category_names, item.categories, tags)
        _set_aside(known.added_categories, row, item.categories, known.category_names)
        if known.flag_names:
            flags = base.flags[row] if base else 0
            _mark(known.flags[row], known.flag_names, item.flags, flags)
        _set_aside(known.added_flags, row, item.flags, known.flag_names)
        told = item.attributes or {}
        for name, column in known.attributes.items():
            said, usual = told.get(name), base.attributes[name].at(row) if base else None
            column.put(row, said if is_of_kind(column.kind, said) else usual)

    def _place(self, row: int, item: ItemRecord) -> None:
        """Put it near to items that are described alike; nowhere, where nothing was learned."""
        models = self.models
        if models.cold_item_model is None:
            return
        known, text = self.catalogue, f"{item.title or ''} {item.text or ''}"
        content, factors = models.cold_item_model.vectors(
            known.categories[row], text, float(known.released[row])
        )
        models.content.items[row], models.factors.items[row] = content, factors
        models.factors.lengths[row] = max(float(np.linalg.norm(factors)), 1e-9)

    def _provider(self, name: str) -> int:
        """Give the provider's code, a new one where nobody has heard of it."""
        code = self._providers.setdefault(name, len(self._providers))
        if code >= len(self.base.provider_names):
            self.catalogue.provider_names.overrides[code] = name
        return code


def _mark(
    marks: NDArray[np.uint8], names: Iterable[str], told: tuple[str, ...] | None, usual: Any
) -> None:
    """Mark which of the bundle's names were told; as usual where nothing was."""
    marks[:] = usual if told is None else [name in told for name in names]


def _set_aside(
    aside: RowsByTag, row: int, told: tuple[str, ...] | None, names: tuple[str, ...]
) -> None:
    """Tag the row with the names told that the bundle does not know, and with no others."""
    wanted = {name for name in told or () if name not in names}
    for name in wanted | set(aside):
        rows = aside.get(name, frozenset()) - {row} | ({row} if name in wanted else set())
        if rows:
            aside[name] = rows
        else:
            del aside[name]
