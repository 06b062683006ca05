"""Hard filters: what must never be shown. They are synchronous and pure; their data is at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import column_kinds
from app.catalogue.catalogue import Catalogue
from app.contracts import CANDIDATE_FILTER, Blocked, History, ItemFilter, Query, Request, Rows
from app.expressions.item_filter import ExpressionFilter, parse_filter
from app.kernels.rerank import permitted_rows
from app.rerank.policy_settings import PolicySettings


def is_permitted(query: Query, rows: Rows, available: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows may be shown, (n,): available, and neither excluded nor filtered out."""
    permitted = permitted_rows(rows, available, query.excluded)
    for each in query.filters:
        permitted &= each.allows(rows)
    return permitted


@dataclass(frozen=True, slots=True, eq=False)
class BlockedFilter:
    """Removes blocked items, and all items of blocked providers and categories."""

    catalogue: Catalogue
    blocked: Blocked
    name: str

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        mask, catalogue, blocked = np.ones(len(rows), np.bool_), self.catalogue, self.blocked
        if blocked.items:
            mask &= ~np.isin(rows, catalogue.ids.rows(blocked.items))
        if blocked.providers:
            codes = catalogue.provider_codes(blocked.providers)
            mask &= ~np.isin(catalogue.providers[rows], codes)
        if blocked.categories:
            mask &= ~catalogue.has_category(rows, blocked.categories)
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class WithheldFilter:
    """Removes what anybody has hidden or blocked, for a user whose own filters are not known."""

    catalogue: Catalogue
    withheld: Blocked
    published_rows: Rows  # (m,) ascending: items of the bundle among ``withheld.items``
    items: frozenset[str]  # ``withheld.items``, to compare with items that came later
    name: str = "hidden_by_others"

    @classmethod
    def of(cls, catalogue: Catalogue, withheld: Blocked) -> "WithheldFilter":
        """Build the filter for a catalogue, whose later items may change."""
        rows = catalogue.ids.rows(withheld.items)
        is_published = (rows >= 0) & (rows < catalogue.published_count)
        return cls(catalogue, withheld, np.unique(rows[is_published]), frozenset(withheld.items))

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        categories = Blocked((), self.withheld.providers, self.withheld.categories)
        mask = BlockedFilter(self.catalogue, categories, self.name).allows(rows)
        mask &= ~np.isin(rows, self.published_rows)
        later = (rows >= self.catalogue.published_count).nonzero()[0]
        if len(later):
            names = self.catalogue.ids.names(rows[later])
            mask[later] &= [name not in self.items for name in names]
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class FlagFilter:
    """Removes items with a policy flag that the scene forbids."""

    catalogue: Catalogue
    forbidden: tuple[str, ...]
    name: str = "rating"

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        return ~self.catalogue.has_flag(rows, self.forbidden)


@dataclass(frozen=True, slots=True, eq=False)
class CandidateFilter:
    """Removes what is not among the items that the caller wants ranked."""

    candidates: Rows  # (c,)
    name: str = CANDIDATE_FILTER

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        return np.isin(rows, self.candidates)


@dataclass(frozen=True, slots=True, eq=False)
class PolicyFilters:
    """The hard filters of every scene. Built with a bundle; holds no request state."""

    catalogue: Catalogue
    default_scene: PolicySettings = field(default_factory=PolicySettings)
    scenes: Mapping[str, PolicySettings] = field(default_factory=dict)  # by scene; others: default
    _kept: list["WithheldFilter"] = field(default_factory=list, init=False, repr=False)

    def _withheld_filter(self, withheld: Blocked) -> "WithheldFilter":
        """Return the filter of what anybody hides. It is kept, because it can have many items."""
        if not self._kept or self._kept[0].withheld is not withheld:
            self._kept[:] = [WithheldFilter.of(self.catalogue, withheld)]
        return self._kept[0]

    def settings_for(self, scene: str) -> PolicySettings:
        return self.scenes.get(scene, self.default_scene)

    def build_filters(self, request: Request, recent: History) -> tuple[ItemFilter, ...]:
        """Build the hard filters of one request; usually there are none.

        Raises:
            FilterError: the filter of the request is not usable; the HTTP edge refuses it earlier.
        """
        settings, catalogue = self.settings_for(request.scene), self.catalogue
        by_policy = Blocked(
            settings.blocked_items, settings.blocked_providers, settings.blocked_categories
        )
        filters: list[ItemFilter] = []
        if by_policy:
            filters.append(BlockedFilter(catalogue, by_policy, "blocked"))
        if recent.record.blocked:
            filters.append(BlockedFilter(catalogue, recent.record.blocked, "blocked_by_user"))
        if recent.record.withheld:
            filters.append(self._withheld_filter(recent.record.withheld))
        if settings.forbidden_flags:
            filters.append(FlagFilter(catalogue, settings.forbidden_flags))
        if request.filter:
            test = parse_filter(request.filter, column_kinds(catalogue.attributes))
            filters.append(ExpressionFilter(test, catalogue))
        if request.candidates is not None:
            filters.append(CandidateFilter(request.candidates))
        return tuple(filters)
