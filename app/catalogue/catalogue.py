"""The items as columns: ids, texts, categories, providers, flags and attributes by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import Column
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import NO_TAGS, TagLists
from app.contracts import Rows, Scores

MAX_TITLE_LENGTH = 1_000  # characters; training cuts longer titles
MAX_DESCRIPTION_LENGTH = 20_000  # characters


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The items as columns. Every array of the project with a row per item has this order."""

    ids: IdIndex
    titles: Texts  # (n,)
    categories: NDArray[np.uint8]  # (n, c) 1 where the item is of the category; for the models
    category_names: tuple[str, ...]  # (c,) the frequent ones; ``category_lists`` has all
    released: Scores  # (n,) year of release or creation, fractions allowed; NaN unknown
    available: NDArray[np.bool_]  # (n,) False: the item is never in an answer
    providers: NDArray[np.int32]  # (n,) maker or seller, as a row of the names; -1 unknown
    provider_names: Texts  # (p,)
    flags: TagLists = NO_TAGS  # policy flags, such as "adult"; scenes forbid them; not set: none
    attributes: Mapping[str, Column] = field(default_factory=dict)  # by name; filters use them
    category_lists: TagLists = NO_TAGS  # every category; not set: those of ``categories``
    descriptions: Texts | None = None  # (n,) for training; a bundle has none

    def __post_init__(self) -> None:
        if self.category_lists is NO_TAGS:
            lists = TagLists.of_marks(self.categories, self.category_names)
            object.__setattr__(self, "category_lists", lists)
        if self.flags is NO_TAGS:
            object.__setattr__(self, "flags", TagLists.without_tags(len(self)))

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

    @property
    def published_provider_count(self) -> int:
        """The number of providers in the bundle; their codes come first, and stay."""
        return len(self.provider_names)

    def provider_codes(self, names: Sequence[str]) -> NDArray[np.int32]:
        """Return the codes of these providers; unknown ones are left out."""
        every = self.provider_names.tolist()
        return np.array([every.index(name) for name in names if name in every], np.int32)

    def has_category(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` is of any of these categories, (n,)."""
        return self.category_lists.has_any(rows, names)

    def categories_of(self, rows: Rows) -> list[list[int]]:
        """Return the code of each category of each row."""
        return self.category_lists.codes_of(rows)

    def has_flag(self, rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` has any of these policy flags, (n,)."""
        return self.flags.has_any(rows, names)
