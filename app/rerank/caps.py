"""Caps: a list of at most k items in which no provider and no category has too many."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from app.catalogue.duplicates import NO_GROUP, groups_of
from app.contracts import Rows
from app.rerank.slate_draft import RerankContext

CAPS = ("provider_cap", "category_cap", "duplicate_cap")


class CappedList:
    """The positions accepted so far, and the number of items by provider and by category."""

    def __init__(self, context: RerankContext, rows: Rows, size: int) -> None:
        """Start an empty list of at most ``size`` of ``rows`` (n,), named by their positions."""
        self._settings, self._size = context.settings, size
        self._accepted: dict[int, None] = {}  # in the order of their acceptance
        self._rejected: dict[int, str] = {}  # and by which cap
        self._has_caps = bool(self._settings.provider_cap or self._settings.category_cap)
        self._by_provider, self._by_category = Counter[int](), Counter[int]()
        self._by_group = Counter[int]()
        self._groups: list[int] = []  # by position; empty: no cap
        if self._settings.duplicate_cap and len(context.duplicates):
            self._groups = groups_of(context.duplicates, rows).tolist()
        if self._has_caps:
            self._provider = context.catalogue.providers[rows].tolist()
            self._categories = context.catalogue.categories_of(rows)

    def add(self, positions: Iterable[int], limit: int | None = None) -> None:
        """Accept positions in turn, as the caps allow; at most ``limit``, if it is set."""
        for position in positions:
            if len(self._accepted) >= self._size or limit == 0:
                return
            if position not in self._accepted and self._fits(position):
                self._accepted[position] = None
                limit = None if limit is None else limit - 1

    @property
    def accepted(self) -> NDArray[np.intp]:
        """The accepted positions, in the order of their acceptance."""
        return np.fromiter(self._accepted, np.intp, len(self._accepted))

    @property
    def rejected(self) -> dict[str, int]:
        """The number of positions that each cap rejected."""
        by = list(self._rejected.values())
        return {name: by.count(name) for name in CAPS}

    def _fits(self, position: int) -> bool:
        """Return whether the caps allow one more, and count it if they do."""
        group = self._groups[position] if self._groups else NO_GROUP
        if group != NO_GROUP and self._by_group[group] >= self._settings.duplicate_cap:
            self._rejected[position] = "duplicate_cap"
            return False
        if self._has_caps and not self._fits_caps(position):
            return False
        self._by_group[group] += 1
        return True

    def _fits_caps(self, position: int) -> bool:
        """Return whether the caps by provider and category allow it, and count it if they do."""
        provider, categories = self._provider[position], self._categories[position]
        settings, has_provider = self._settings, provider >= 0  # an unknown provider has no cap
        if (
            settings.provider_cap
            and has_provider
            and self._by_provider[provider] >= settings.provider_cap
        ):
            self._rejected[position] = "provider_cap"
            return False
        cap = settings.category_cap
        if cap and any(self._by_category[category] >= cap for category in categories):
            self._rejected[position] = "category_cap"
            return False
        self._by_provider[provider] += 1
        self._by_category.update(categories)
        return True
