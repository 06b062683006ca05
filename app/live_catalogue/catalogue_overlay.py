"""A catalogue that takes more items while it is read: spare rows, and texts and tags beside it.

There is one writer, ``app.live_catalogue.live_items``, and any number of readers. The bundle's own
arrays never change. What is added stands beside them and costs nothing while there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from app.artifacts import Models, pad_to_length
from app.catalogue.attributes import LiveColumn, live_columns
from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import NO_TAGS
from app.contracts import Rows
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


def build_overlay(base: Catalogue, spare: int) -> CatalogueOverlay:
    """Copy a catalogue and append ``spare`` rows; they are unavailable until an item takes them."""
    n = len(base) + spare
    return CatalogueOverlay(
        ids=OverlayIds(base.ids.keys, spare),
        titles=OverlayTexts(base.titles.ends, base.titles.utf8, spare),
        categories=with_empty_rows(base.categories, spare),
        category_names=base.category_names,
        released=pad_to_length(base.released, n, np.nan).copy(),
        available=pad_to_length(base.available, n).copy(),
        providers=pad_to_length(base.providers, n, -1).copy(),
        provider_names=OverlayTexts(base.provider_names.ends, base.provider_names.utf8, spare),
        flags=LiveTags.of(base.flags, len(base), spare),
        attributes=live_columns(base.attributes, spare),
        category_lists=LiveTags.of(base.category_lists, len(base), spare),
    )


def with_spare_rows(models: Models, catalogue: CatalogueOverlay) -> Models:
    """Return the models with this catalogue, and with as many rows as it has.

    The arrays with a row per item are copied, so workers no longer share them. Without spare rows
    only the catalogue is copied; with them also vectors and segments. Popularity keeps its length:
    ``PopularityCounters`` makes its own arrays.
    """
    spare = len(catalogue) - len(models.catalogue)
    if not spare:
        return replace(models, catalogue=catalogue)
    return replace(
        models,
        catalogue=catalogue,
        segments=replace(
            models.segments, share=pad_to_length(models.segments.share, len(catalogue))
        ),
        factors=replace(models.factors, items=with_empty_rows(models.factors.items, spare)),
        content=replace(models.content, items=with_empty_rows(models.content.items, spare)),
    )


def with_empty_rows(array: NDArray[Any], spare: int) -> NDArray[Any]:
    """Copy the array and append ``spare`` rows of zeros."""
    return np.concatenate([array, np.zeros((spare, array.shape[1]), array.dtype)])
