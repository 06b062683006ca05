"""The items that callers put, changed and deleted since the bundle was made, in one deployment.

A caller's record of an item replaces what the bundle has; the item's vectors and counts stay. An
item that is not in the bundle takes a spare row. The result depends on the bundle and the records,
not on the order in which they came.
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
from app.live_catalogue.catalogue_overlay import CatalogueOverlay

ROW_REST = 1.0  # seconds until a deleted item's row is reused: lists being computed may name it


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """The fields that callers have set for an item. None: not set, the bundle's value holds."""

    item_id: str
    since: float  # unix seconds by the wall clock: when the item was first put
    title: str | None = None
    text: str | None = None
    categories: tuple[str, ...] | None = None
    provider: str | None = None
    released: float | None = None  # year
    flags: tuple[str, ...] | None = None
    is_available: bool | None = None
    is_deleted: bool = False
    attributes: Mapping[str, AttributeValue | None] | None = None  # None values: not set
    change: int = field(default=0, compare=False)  # the number of changes of the item, this one too


class RowCounters(Protocol):
    """Popularity counters that can start a row from zero."""

    def open_row(self, row: int, since: float) -> None: ...


@dataclass(slots=True, eq=False)
class LiveItems:
    """Puts items into one deployment's arrays. One writer, on the event loop; readers anywhere.

    A row is complete before it becomes available, and unavailable before another item takes it.
    An item waits, and is not shown, while there is no spare row or no code for its provider.
    """

    base: Catalogue  # the bundle's
    catalogue: CatalogueOverlay  # the same with spare rows, as the funnel has it
    models: Models  # with spare rows, as the funnel has them
    counters: RowCounters
    time_shift: float = 0.0  # seconds from the data's time to the wall clock
    clock: Callable[[], float] = time.monotonic
    waiting: dict[str, ItemRecord] = field(default_factory=dict, init=False)
    _free: deque[int] = field(init=False)
    _resting: deque[tuple[float, int]] = field(default_factory=deque, init=False)  # until, row
    _providers: dict[str | None, int] = field(init=False)  # codes by name

    def __post_init__(self) -> None:
        self._free = deque(range(len(self.base), len(self.catalogue)))
        names = self.base.provider_names.tolist()
        self._providers = dict(zip(names, range(len(names)), strict=True))

    @property
    def placed_count(self) -> int:
        return len(self.catalogue.ids.added_rows)

    @property
    def spare_count(self) -> int:
        """The number of rows for items that the bundle lacks, taken or not."""
        return len(self.catalogue) - len(self.base)

    def wanted_spare_count(self, maximum: int) -> int:
        """Return how many spare rows there should be.

        When more than half of the rows or provider codes are taken, return four times the number
        taken, at most ``maximum``. Otherwise return the number that there is.
        """
        taken = self._taken_count
        if 2 * taken <= self.spare_count or not taken:
            return self.spare_count
        return max(self.spare_count, min(4 * taken, maximum))

    def will_fit(self, maximum: int) -> bool:
        """Return whether a further item gets a row when there are ``maximum`` spare rows."""
        return self._taken_count < maximum

    @property
    def _taken_count(self) -> int:
        """The number of rows that new items and the codes of new providers need."""
        new_providers = len(self._providers) - len(self.base.provider_names)
        return max(self.placed_count, new_providers) + len(self.waiting)

    def has_row_for(self, item: ItemRecord) -> bool:
        """Return whether there is, or will soon be, a row for this item and a provider code."""
        has_code = item.provider is None or item.provider in self._providers
        has_code |= len(self._providers) < len(self.catalogue.provider_names)
        has_row = bool(self._free or self._resting) or self.catalogue.ids.row(item.item_id) >= 0
        return has_code and has_row

    def place_waiting(self) -> None:
        """Assign rows that are free again to waiting items. Call this regularly."""
        while self._resting and self._resting[0][0] <= self.clock():
            self._free.append(self._resting.popleft()[1])
        for item in list(self.waiting.values()) if self._free else ():
            self._put(item)

    def put(self, item: ItemRecord) -> None:
        self._put(item)
        self.place_waiting()

    def _put(self, item: ItemRecord) -> None:
        self.waiting.pop(item.item_id, None)
        row = self.catalogue.ids.row(item.item_id)
        if item.is_deleted:
            self._remove(row)
        elif self.has_row_for(item) and (self._free or row >= 0):
            row = self._take_row(item) if row < 0 else row
            default = bool(self.base.available[row]) if row < len(self.base) else True
            available = default if item.is_available is None else item.is_available
            self.catalogue.available[row] &= available
            self._describe(row, item)
            if row >= len(self.base):
                self._place(row, item)
            self.catalogue.available[row] = available
        else:
            self.waiting[item.item_id] = item
            self.catalogue.available[row : row + 1] = False  # no row when the item has none

    def complete_record(self, item: ItemRecord) -> ItemRecord | None:
        """Return the record with every field filled in, as it will be if the item waits for a row.

        None when the item has no row and does not wait for one.
        """
        catalogue, rows = self.catalogue, self.catalogue.ids.rows([item.item_id])
        if rows[0] < 0:
            return self._complete_waiting(item) if item.item_id in self.waiting else None
        row, (provider,) = int(rows[0]), catalogue.providers[rows].tolist()
        year = float(catalogue.released[row])
        return replace(
            item,
            title=catalogue.titles.take(rows)[0],
            categories=catalogue.category_lists.names_of(row),
            provider=catalogue.provider_names.tolist()[provider] if provider >= 0 else None,
            released=year if np.isfinite(year) else None,
            flags=catalogue.flags.names_of(row),
            is_available=bool(catalogue.available[row]),
            attributes={name: column.at(row) for name, column in catalogue.attributes.items()},
        )

    def _complete_waiting(self, item: ItemRecord) -> ItemRecord:
        values = item.attributes or {}
        attributes = {
            name: values[name] if is_of_kind(column.kind, values.get(name)) else None
            for name, column in self.catalogue.attributes.items()
        }
        return replace(
            item,
            categories=tuple(sorted(item.categories or ())),
            flags=tuple(sorted(item.flags or ())),
            is_available=item.is_available is not False,
            attributes=attributes,
        )

    def _take_row(self, item: ItemRecord) -> int:
        """Assign a spare row to the item, and return the row."""
        row, ids = self._free.popleft(), self.catalogue.ids
        self.counters.open_row(row, item.since - self.time_shift)
        ids.added_names[row] = item.item_id
        ids.added_rows[item.item_id] = row
        return row

    def _remove(self, row: int) -> None:
        """Make the row unavailable. A spare row can hold another item after ``ROW_REST``."""
        if row < 0:
            return
        self.catalogue.available[row] = False
        if row < len(self.base):
            return
        # ``available = False`` removes the item from every list. Zero vectors also keep it from
        # being among the nearest items of other users.
        self.models.content.items[row] = self.models.factors.items[row] = 0.0
        ids = self.catalogue.ids
        del ids.added_rows[ids.added_names[row]]  # the name stays: lists being made may use it
        self._resting.append((self.clock() + ROW_REST, row))

    def _describe(self, row: int, item: ItemRecord) -> None:
        """Write the record's fields into the row. Unset fields get the bundle's values."""
        catalogue, base = self.catalogue, self.base if row < len(self.base) else None
        if item.title is None:
            catalogue.titles.overrides.pop(row, None)
        else:
            catalogue.titles.overrides[row] = item.title
        year = base.released[row] if base else np.nan
        catalogue.released[row] = year if item.released is None else item.released
        code = base.providers[row] if base else -1
        catalogue.providers[row] = (
            code if item.provider is None else self._provider_code(item.provider)
        )
        marks = base.categories[row] if base else 0
        _mark(catalogue.categories[row], catalogue.category_names, item.categories, marks)
        catalogue.category_lists.put(row, item.categories)
        catalogue.flags.put(row, item.flags)
        attributes = item.attributes or {}
        for name, column in catalogue.attributes.items():
            value, default = attributes.get(name), base.attributes[name].at(row) if base else None
            column.put(row, value if is_of_kind(column.kind, value) else default)

    def _place(self, row: int, item: ItemRecord) -> None:
        """Write the item's vectors, near to items with a similar description."""
        models = self.models
        if models.cold_item_model is None:
            return
        catalogue, text = self.catalogue, f"{item.title or ''} {item.text or ''}"
        content, factors = models.cold_item_model.vectors(
            catalogue.categories[row],
            text,
            float(catalogue.released[row]),
            catalogue.category_lists.names_of(row),
        )
        models.content.items[row], models.factors.items[row] = content, factors
        models.factors.lengths[row] = max(float(np.linalg.norm(factors)), 1e-9)

    def _provider_code(self, name: str) -> int:
        """Return the provider's code; a provider that is not in the bundle gets a new one."""
        code = self._providers.setdefault(name, len(self._providers))
        if code >= len(self.base.provider_names):
            self.catalogue.provider_names.overrides[code] = name
        return code


def _mark(
    marks: NDArray[np.uint8], names: Iterable[str], tags: tuple[str, ...] | None, default: Any
) -> None:
    """Mark which of the bundle's names are among the tags; without tags write the default."""
    marks[:] = default if tags is None else [name in tags for name in names]
