"""Who gets into a list of k: asked in turn, as far as the caps let them."""

from collections import Counter
from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows
from app.rerank.slate_draft import RerankContext


class CappedList:
    """The seats of one list, and what of each provider and category sits there already."""

    def __init__(self, occasion: RerankContext, rows: Rows, seats: int) -> None:
        """Begin with free seats, for ``rows`` (n,) to ask for; they are named by position."""
        self._policy, self._seats = occasion.policy, seats
        self._taken: dict[int, None] = {}  # in the order they came
        self._refused: dict[int, str] = {}  # and by which cap
        self._capped = bool(self._policy.provider_cap or self._policy.category_cap)
        self._by_provider, self._by_category = Counter[int](), Counter[Hashable]()
        if self._capped:
            self._provider = occasion.catalogue.providers[rows].tolist()
            self._categories = occasion.catalogue.categories_of(rows)

    def add(self, asking: Iterable[int], most: int | None = None) -> None:
        """Let in whom the caps allow, in turn; ``most`` of them, or as many as seats are left."""
        for one in asking:
            if len(self._taken) >= self._seats or most == 0:
                return
            if one not in self._taken and self._fits(one):
                self._taken[one] = None
                most = None if most is None else most - 1

    @property
    def accepted(self) -> NDArray[np.intp]:
        """Give who sits, in the order they came."""
        return np.fromiter(self._taken, np.intp, len(self._taken))

    @property
    def rejected(self) -> dict[str, int]:
        """Count for each cap whom it has kept out."""
        by = list(self._refused.values())
        return {name: by.count(name) for name in ("provider_cap", "category_cap")}

    def _fits(self, one: int) -> bool:
        """Say whether the caps let one more in, and count it if they do."""
        if not self._capped:
            return True
        provider, categories, policy = self._provider[one], self._categories[one], self._policy
        known = provider >= 0  # items of which nobody knows the provider have no cap
        if policy.provider_cap and known and self._by_provider[provider] >= policy.provider_cap:
            self._refused[one] = "provider_cap"
            return False
        full = policy.category_cap
        if full and any(self._by_category[category] >= full for category in categories):
            self._refused[one] = "category_cap"
            return False
        self._by_provider[provider] += 1
        self._by_category.update(categories)
        return True
