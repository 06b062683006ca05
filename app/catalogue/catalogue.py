"""The items as columns: ids, texts, categories, providers, flags and attributes by row."""

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
    """The items as columns. Every array of the project with a row per item has this order."""

    ids: IdIndex
    titles: Texts  # (n,)
    categories: NDArray[np.uint8]  # (n, c) 1 where the item is of the category
    category_names: tuple[str, ...]  # (c,)
    released: Scores  # (n,) year of release or creation, fractions allowed; NaN unknown
    available: NDArray[np.bool_]  # (n,) False: the item is never in an answer
    providers: NDArray[np.int32]  # (n,) maker or seller, as a row of the names; -1 unknown
    provider_names: Texts  # (p,)
    flags: NDArray[np.uint8] = field(default_factory=lambda: NO_FLAGS)  # (n, f) policy flags
    flag_names: tuple[str, ...] = ()  # (f,) such as "adult"; scenes forbid them
    attributes: Mapping[str, Column] = field(default_factory=dict)  # by name; filters use them

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def added_count(self) -> int:
        """The number of rows at the end that items took since the bundle was made."""
        return 0

    @property
    def published_count(self) -> int:
        """The number of items in the bundle; their rows come first."""
        return len(self)

    def provider_codes(self, names: Sequence[str]) -> NDArray[np.int32]:
        """Return the codes of these providers; unknown ones are left out."""
        every = self.provider_names.tolist()
        return np.array([every.index(name) for name in names if name in every], np.int32)

    def has_category(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` is of any of these categories, (n,)."""
        every = self.category_names
        columns = [every.index(name) for name in names if name in every]
        return np.asarray(self.categories[rows][:, columns].any(axis=1))

    def categories_of(self, rows: Rows) -> list[list[Hashable]]:
        """Return a key for each category of each row; a key is equal for equal categories."""
        return [list(np.flatnonzero(marks).tolist()) for marks in self.categories[rows]]

    def has_flag(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` has any of these policy flags, (n,)."""
        columns = [self.flag_names.index(name) for name in names if name in self.flag_names]
        if not columns:
            return np.zeros(len(rows), np.bool_)
        return np.asarray(self.flags[rows][:, columns].any(axis=1))
