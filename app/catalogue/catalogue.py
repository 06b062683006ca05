"""What exists: public ids and their rows, and what is known of each item beside behaviour."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import Column
from app.catalogue.ids import IdIndex, Texts
from app.contracts import Rows, Scores

NO_FLAGS = np.empty((0, 0), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The items, as columns. Every array of the project that is (n, ...) is in this row order."""

    ids: IdIndex
    titles: Texts  # (n,)
    categories: NDArray[np.uint8]  # (n, c) 1 where the item is of the category
    category_names: tuple[str, ...]  # (c,)
    released: Scores  # (n,) year of release or creation, fractions allowed; NaN unknown
    available: NDArray[np.bool_]  # (n,) False: must never be answered
    providers: NDArray[np.int32]  # (n,) who makes or sells it, as a row of the names; -1 unknown
    provider_names: Texts  # (p,)
    flags: NDArray[np.uint8] = field(default_factory=lambda: NO_FLAGS)  # (n, f) policy flags
    flag_names: tuple[str, ...] = ()  # (f,) such as "adult": scenes forbid them
    attributes: Mapping[str, Column] = field(default_factory=dict)  # for filters, by name

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def added_count(self) -> int:
        """The number of rows at the end that were taken since the bundle was made."""
        return 0

    @property
    def published_count(self) -> int:
        """The number of items that the bundle knows: their rows come first."""
        return len(self)

    def provider_codes(self, names: Sequence[str]) -> NDArray[np.int32]:
        """Give the codes of those of these providers that are known."""
        known = self.provider_names.tolist()
        return np.array([known.index(name) for name in names if name in known], np.int32)

    def has_category(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say which of ``rows`` are of any of these categories."""
        known = self.category_names
        columns = [known.index(name) for name in names if name in known]
        return np.asarray(self.categories[rows][:, columns].any(axis=1))

    def categories_of(self, rows: Rows) -> list[list[Hashable]]:
        """Give what stands for each category of each row."""
        return [list(np.flatnonzero(marks).tolist()) for marks in self.categories[rows]]

    def has_flag(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say which of ``rows`` have any of these policy flags."""
        columns = [self.flag_names.index(name) for name in names if name in self.flag_names]
        if not columns:
            return np.zeros(len(rows), np.bool_)
        return np.asarray(self.flags[rows][:, columns].any(axis=1))
