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
from app.live_catalogue.provider_codes import ProviderCodes

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
    An item waits, and is not shown, while there is no spare row or no code for its provider. The
    codes of providers without items are used again, so invented ones do not take them all.
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
    _providers: ProviderCodes = field(init=False)

    def __post_init__(self) -> None:
        self._free = deque(range(len(self.base), len(self.catalogue)))
        self._providers = ProviderCodes(self.catalogue.provider_names, ROW_REST)

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

    def will_fit(self, maximum: int, n: int = 1) -> bool:
        """Return whether ``n`` further items get rows when there are ``maximum`` spare rows."""
        return self._taken_count + n <= maximum

    @property
    def free_count(self) -> int:
        """The number of rows that are free, or will soon be."""
        return len(self._free) + len(self._resting)

    @property
    def _taken_count(self) -> int:
        """The number of rows that new items and the codes of new providers need."""
        return max(self.placed_count, self._providers.added_count) + len(self.waiting)

    def has_row_for(self, item: ItemRecord) -> bool:
        """Return whether there is, or will soon be, a row for this item and a provider code."""
        has_row = bool(self._free or self._resting) or self.catalogue.ids.row(item.item_id) >= 0
        return has_row and (self._has_code_for(item) or self._providers.will_have_free)

    def _has_code_for(self, item: ItemRecord) -> bool:
        """Return whether the item's provider has a code, or needs none."""
        return item.provider is None or self._providers.has_code(item.provider)

    def place_waiting(self) -> None:
        """Assign rows that are free again to waiting items. Call this regularly."""
        now = self.clock()
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        self._providers.free_rested(now)
        for item in list(self.waiting.values()):
            if self._can_place(item):
                self._put(item)

    def put(self, item: ItemRecord) -> None:
        self._put(item)
        self.place_waiting()

    def _put(self, item: ItemRecord) -> None:
        self.waiting.pop(item.item_id, None)
        row = self.catalogue.ids.row(item.item_id)
        if item.is_deleted:
            self._remove(row)
        elif self._can_place(item):
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
            if row >= 0:  # it waits for the code of its provider, and needs the other one no more
                self.catalogue.available[row] = False
                self._set_provider(row, None)

    def _can_place(self, item: ItemRecord) -> bool:
        """Return whether the item gets a row, and its provider a code, at once."""
        has_row = bool(self._free) or self.catalogue.ids.row(item.item_id) >= 0
        return has_row and (self._has_code_for(item) or self._providers.has_free)

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
        self._set_provider(row, None)
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
        self._set_provider(row, item.provider)
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

    def _set_provider(self, row: int, name: str | None) -> None:
        """Write the provider of a row; None restores the bundle's."""
        providers = self.catalogue.providers
        before = int(providers[row])
        if name is None:
            providers[row] = self.base.providers[row] if row < len(self.base) else -1
        else:
            providers[row] = self._providers.take(name)
        # Last, so that a provider that stays the same keeps its code.
        self._providers.give_back(before, self.clock())


def _mark(
    marks: NDArray[np.uint8], names: Iterable[str], tags: tuple[str, ...] | None, default: Any
) -> None:
    """Mark which of the bundle's names are among the tags; without tags write the default."""
    marks[:] = default if tags is None else [name in tags for name in names]
