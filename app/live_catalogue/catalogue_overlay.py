"""A catalogue that takes more items while it is read: spare rows, and texts and tags beside it.

There is one writer, ``app.live_catalogue.live_items``, and any number of readers. The bundle's own
arrays never change. What is added stands beside them and costs nothing while there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from typing_extensions import override

from app.artifacts import Models
from app.catalogue.attributes import LiveColumn, live_columns
from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import NO_TAGS
from app.contracts import Rows
from app.copy_on_write import extend_columns, extend_rows
from app.live_catalogue.live_tags import LiveTags


@dataclass(frozen=True, slots=True, eq=False)
class OverlayIds(IdIndex):
    """The bundle's ids, and the ids of items in spare rows."""

    spare: int = 0  # spare rows after those of the bundle
    added_rows: dict[str, int] = field(default_factory=dict)  # row by id
    added_names: dict[int, str] = field(default_factory=dict)  # id by row

    @override
    def __len__(self) -> int:
        return len(self.keys) + self.spare

    @override
    def rows(self, ids: Sequence[str]) -> Rows:
        rows = IdIndex.rows(self, ids)
        if self.added_rows:
            for n in (rows < 0).nonzero()[0].tolist():
                rows[n] = self.added_rows.get(ids[n], -1)
        return rows

    @override
    def row(self, name: str) -> int:
        row = IdIndex.row(self, name)
        return self.added_rows.get(name, -1) if row < 0 else row

    @override
    def names(self, rows: Rows) -> list[str]:
        """Return the public ids of ``rows``; "" for a spare row without an item."""
        own = len(self.keys)
        if rows.max(initial=-1) < own:
            return IdIndex.names(self, rows)
        names = IdIndex.names(self, np.minimum(rows, own - 1)) if own else [""] * len(rows)
        for n in (rows >= own).nonzero()[0].tolist():
            names[n] = self.added_names.get(int(rows[n]), "")
        return names


@dataclass(frozen=True, slots=True, eq=False)
class OverlayTexts(Texts):
    """The bundle's texts, and those that replace or follow them."""

    spare: int = 0  # spare rows after those of the bundle
    overrides: dict[int, str | None] = field(default_factory=dict)  # text by row

    @override
    def __len__(self) -> int:
        return Texts.__len__(self) + self.spare

    @override
    def take(self, rows: Rows) -> list[str | None]:
        """Return the texts of ``rows``; None for a spare row without an item."""
        is_own = rows < Texts.__len__(self)
        texts = Texts.take(self, rows if is_own.all() else rows[is_own])
        if len(texts) < len(rows):
            own = iter(texts)
            texts = [next(own) if row_is_own else None for row_is_own in is_own.tolist()]
        if not self.overrides:
            return texts
        return [
            self.overrides.get(row, text) for row, text in zip(rows.tolist(), texts, strict=True)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueOverlay(Catalogue):
    """A catalogue with spare rows, whose items can be changed."""

    ids: OverlayIds
    titles: OverlayTexts
    provider_names: OverlayTexts
    attributes: Mapping[str, LiveColumn] = field(default_factory=dict)
    flags: LiveTags = field(default_factory=lambda: LiveTags.of(NO_TAGS, 0, 0))
    category_lists: LiveTags = field(default_factory=lambda: LiveTags.of(NO_TAGS, 0, 0))

    @property
    @override
    def added_count(self) -> int:
        return len(self.ids.added_names)

    @property
    @override
    def published_count(self) -> int:
        return len(self.ids.keys)

    @property
    @override
    def published_provider_count(self) -> int:
        return len(self.provider_names) - self.provider_names.spare


def build_overlay(base: Catalogue, spare: int) -> CatalogueOverlay:
    """Append ``spare`` rows to a catalogue; they are unavailable until an item takes them.

    The arrays of a bundle are not copied, see ``extend_rows``, and never change.
    """
    n = len(base) + spare
    return CatalogueOverlay(
        ids=OverlayIds(base.ids.keys, spare),
        titles=OverlayTexts(base.titles.ends, base.titles.utf8, spare),
        categories=extend_rows(base.categories, n),
        category_names=base.category_names,
        released=extend_rows(base.released, n, np.nan),
        available=extend_rows(base.available, n),
        providers=extend_rows(base.providers, n, -1),
        provider_names=OverlayTexts(base.provider_names.ends, base.provider_names.utf8, spare),
        flags=LiveTags.of(base.flags, len(base), spare),
        attributes=live_columns(base.attributes, spare),
        category_lists=LiveTags.of(base.category_lists, len(base), spare),
    )


def with_spare_rows(models: Models, catalogue: CatalogueOverlay) -> Models:
    """Return the models with this catalogue, and with as many rows as it has.

    The arrays with a row per item are copied only where they are written to, so workers share
    them. Popularity keeps its length: ``PopularityCounters`` has its own arrays.
    """
    n = len(catalogue)
    if n == len(models.catalogue):
        return replace(models, catalogue=catalogue)
    return replace(
        models,
        catalogue=catalogue,
        segments=replace(models.segments, share=extend_columns(models.segments.share, n)),
        factors=models.factors.extend(n),
        content=replace(models.content, items=extend_rows(models.content.items, n)),
    )
