"""A catalogue that takes more items while it is read: ids, texts and tags beside its arrays.

One writer, ``app.catalogue.live_items``; any number of readers. What the bundle holds is never
changed here: what came later stands beside it, and costs nothing while there is none.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from app.artifacts import Models
from app.catalogue import attributes
from app.catalogue.attributes import LiveColumn
from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.contracts import Rows


@dataclass(frozen=True, slots=True, eq=False)
class OverlayIds(IdIndex):
    """The bundle's ids, and those of items that took a spare row."""

    spare: int = 0  # rows behind the bundle's
    added_rows: dict[str, int] = field(default_factory=dict)  # id: its row
    added_names: dict[int, str] = field(default_factory=dict)  # the same, the other way round

    @override
    def __len__(self) -> int:
        return len(self.keys) + self.spare

    @override
    def rows(self, ids: Sequence[str]) -> Rows:
        """Give the row of each public id; -1 where it is unknown."""
        rows = IdIndex.rows(self, ids)
        if self.added_rows:
            for at in (rows < 0).nonzero()[0].tolist():
                rows[at] = self.added_rows.get(ids[at], -1)
        return rows

    @override
    def names(self, rows: Rows) -> list[str]:
        """Give the public ids of ``rows``; empty for a spare row that no item has."""
        n = len(self.keys)
        if rows.max(initial=-1) < n:
            return IdIndex.names(self, rows)
        names = IdIndex.names(self, np.minimum(rows, n - 1))
        spare = (rows >= n).nonzero()[0].tolist()
        for at in spare:
            names[at] = self.added_names.get(int(rows[at]), "")
        return names


@dataclass(frozen=True, slots=True, eq=False)
class OverlayTexts(Texts):
    """The bundle's texts, and those that were told since, also of the bundle's own rows."""

    spare: int = 0  # rows behind the bundle's
    overrides: dict[int, str | None] = field(default_factory=dict)  # by row

    @override
    def __len__(self) -> int:
        return Texts.__len__(self) + self.spare

    @override
    def take(self, rows: Rows) -> list[str | None]:
        """Give the texts of ``rows``; None for a spare row that no item has."""
        n = Texts.__len__(self)
        if not self.spare and not self.overrides:
            return Texts.take(self, rows)
        own = rows < n
        texts = iter(Texts.take(self, rows[own]))
        known = [next(texts) if is_own else None for is_own in own.tolist()]
        if not self.overrides:
            return known
        return [
            self.overrides.get(row, text) for row, text in zip(rows.tolist(), known, strict=True)
        ]


RowsByTag = dict[str, frozenset[int]]  # rows by the name of a category or flag


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueOverlay(Catalogue):
    """A catalogue with spare rows, and with categories and flags that the bundle does not know."""

    ids: OverlayIds
    titles: OverlayTexts
    provider_names: OverlayTexts
    attributes: Mapping[str, LiveColumn] = field(default_factory=dict)
    added_categories: RowsByTag = field(default_factory=dict)
    added_flags: RowsByTag = field(default_factory=dict)

    @property
    @override
    def added_count(self) -> int:
        """The number of rows at the end that were taken since the bundle was made."""
        return len(self.ids.added_names)

    @property
    @override
    def published_count(self) -> int:
        """The number of items that the bundle knows: their rows come first."""
        return len(self.ids.keys)

    @override
    def has_category(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say which of ``rows`` are of any of these categories."""
        found = Catalogue.has_category(self, rows, names)
        return _or_later(found, rows, self.added_categories, names)

    @override
    def has_flag(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say which of ``rows`` have any of these policy flags."""
        found = Catalogue.has_flag(self, rows, names)
        return _or_later(found, rows, self.added_flags, names)

    def tags_of(self, row: int, kind: Literal["category", "flag"]) -> tuple[str, ...]:
        """Name the categories, or the flags, of one row."""
        names, table, later = (
            (self.category_names, self.categories, self.added_categories)
            if kind == "category"
            else (self.flag_names, self.flags, self.added_flags)
        )
        marked = np.flatnonzero(table[row]).tolist() if names else []
        return (
            *(names[one] for one in marked),
            *(name for name, rows in sorted(later.items()) if row in rows),
        )

    @override
    def categories_of(self, rows: Rows) -> list[list[Hashable]]:
        """Give what stands for each category of each row."""
        found = Catalogue.categories_of(self, rows)
        for name, tagged in tuple(self.added_categories.items()):
            for at in np.flatnonzero(np.isin(rows, list(tagged))).tolist():
                found[at].append(name)
        return found


def build_overlay(known: Catalogue, spare: int) -> CatalogueOverlay:
    """Copy a catalogue into one with ``spare`` rows more, unavailable until an item takes them."""
    n = len(known) + spare
    return CatalogueOverlay(
        ids=OverlayIds(known.ids.keys, spare),
        titles=OverlayTexts(known.titles.ends, known.titles.utf8, spare),
        categories=with_empty_rows(known.categories, spare),
        category_names=known.category_names,
        released=lengthened(known.released, n, np.nan).copy(),
        available=lengthened(known.available, n).copy(),
        providers=lengthened(known.providers, n, -1).copy(),
        provider_names=OverlayTexts(known.provider_names.ends, known.provider_names.utf8, spare),
        flags=with_empty_rows(known.flags, spare) if known.flag_names else known.flags,
        flag_names=known.flag_names,
        attributes=attributes.live_columns(known.attributes, spare),
    )


def with_spare_rows(models: Models, catalogue: CatalogueOverlay) -> Models:
    """Give the models with this catalogue in place of theirs, and as many rows as it has.

    What belongs to a row is copied: workers share it no longer. Without spare rows that is the
    catalogue alone, some bytes an item; with them also vectors and segments. Popularity keeps its
    length: ``Live`` makes its own.
    """
    spare = len(catalogue) - len(models.catalogue)
    if not spare:
        return replace(models, catalogue=catalogue)
    return replace(
        models,
        catalogue=catalogue,
        segments=replace(models.segments, share=lengthened(models.segments.share, len(catalogue))),
        factors=replace(models.factors, items=with_empty_rows(models.factors.items, spare)),
        content=replace(models.content, items=with_empty_rows(models.content.items, spare)),
    )


def lengthened(array: NDArray[Any], n: int, filler: float = 0) -> NDArray[Any]:
    """Give the array with ``n`` places along its last axis; itself where it has them.

    Sums are to be taken before: numpy rounds those of longer arrays differently.
    """
    missing = n - array.shape[-1]
    if not missing:
        return array
    end = np.full((*array.shape[:-1], missing), filler, array.dtype)
    return np.concatenate([array, end], axis=-1)


def with_empty_rows(array: NDArray[Any], spare: int) -> NDArray[Any]:
    """Copy the rows, with ``spare`` rows of nothing below."""
    return np.concatenate([array, np.zeros((spare, array.shape[1]), array.dtype)])


def _or_later(
    found: NDArray[np.bool_], rows: Rows, later: RowsByTag, names: Sequence[str]
) -> NDArray[np.bool_]:
    if not later:
        return found
    tagged = frozenset().union(*(later.get(name, frozenset()) for name in names))
    return found | np.isin(rows, list(tagged)) if tagged else found
