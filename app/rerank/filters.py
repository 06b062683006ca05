"""Hard filters: what must never be shown. They are synchronous and pure; their data is at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import column_kinds
from app.catalogue.catalogue import Catalogue
from app.catalogue.tag_lists import TagLists
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
class TagTest:
    """Tests items for tags. Those of the bundle are looked up once, the others at each test."""

    lists: TagLists
    published_codes: Rows  # of the tags that the bundle has
    later: tuple[str, ...]  # the other tags: an item that comes later may have one

    @classmethod
    def of(cls, lists: TagLists, tags: Sequence[str]) -> "TagTest":
        """Look up the tags in lists whose later items may change."""
        codes = lists.names.rows(tags)
        is_published = codes >= 0
        later = tuple(tag for tag, has in zip(tags, is_published, strict=True) if not has)
        return cls(lists, codes[is_published], later)

    def has_any(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` has any of the tags, (n,)."""
        codes = self.published_codes
        if self.later:
            codes = np.concatenate([codes, self.lists.find(self.later)])
        return self.lists.has_any_code(rows, codes)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBlockFilter:
    """Removes blocked items, providers and categories as ``BlockedFilter`` does, for long lists.

    What the bundle has is looked up once. Items and providers that came later are compared by name.
    """

    catalogue: Catalogue
    blocked: Blocked
    published_rows: Rows  # (m,) ascending: items of the bundle among ``blocked.items``
    items: frozenset[str]  # ``blocked.items``
    published_providers: NDArray[np.int64]  # (q,) codes of the bundle's providers among the blocked
    providers: frozenset[str]  # ``blocked.providers``
    categories: TagTest
    name: str

    @classmethod
    def of(cls, catalogue: Catalogue, blocked: Blocked, name: str) -> "CompiledBlockFilter":
        """Build the filter for a catalogue, whose later items may change."""
        rows = catalogue.ids.rows(blocked.items)
        is_published = (rows >= 0) & (rows < catalogue.published_count)
        providers = frozenset(blocked.providers)
        codes = np.arange(catalogue.published_provider_count if providers else 0)
        names = catalogue.provider_names.take(codes)
        return cls(
            catalogue,
            blocked,
            np.unique(rows[is_published]),
            frozenset(blocked.items),
            codes[~_are_absent(names, providers)],
            providers,
            TagTest.of(catalogue.category_lists, blocked.categories),
            name,
        )

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        catalogue = self.catalogue
        mask = ~np.isin(rows, self.published_rows)
        if self.blocked.items:
            later = (rows >= catalogue.published_count).nonzero()[0]
            mask[later] &= _are_absent(catalogue.ids.names(rows[later]), self.items)
        if self.providers:
            codes = catalogue.providers[rows]
            mask &= ~np.isin(codes, self.published_providers)
            later = (codes >= catalogue.published_provider_count).nonzero()[0]
            names = catalogue.provider_names.take(codes[later].astype(np.int64))
            mask[later] &= _are_absent(names, self.providers)
        if self.blocked.categories:
            mask &= ~self.categories.has_any(rows)
        return mask


def _are_absent(names: Sequence[str | None], blocked: frozenset[str]) -> NDArray[np.bool_]:
    return np.array([name not in blocked for name in names], np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class FlagFilter:
    """Removes items with a policy flag that the scene forbids."""

    forbidden: TagTest
    name: str = "rating"

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        return ~self.forbidden.has_any(rows)


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
    _kept: list[CompiledBlockFilter] = field(default_factory=list, init=False, repr=False)
    _of_scenes: dict[str | None, tuple[ItemFilter, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    def _withheld_filter(self, withheld: Blocked) -> CompiledBlockFilter:
        """Return the filter of what anybody hides. It is kept, because it can have many items."""
        if not self._kept or self._kept[0].blocked is not withheld:
            compiled = CompiledBlockFilter.of(self.catalogue, withheld, "hidden_by_others")
            self._kept[:] = [compiled]
        return self._kept[0]

    def _scene_filters(self, scene: str) -> tuple[ItemFilter, ...]:
        """Return the filters of the policy of a scene. Its names are looked up once."""
        key = scene if scene in self.scenes else None
        kept = self._of_scenes.get(key)
        if kept is None:
            self._of_scenes[key] = kept = self._compile(self.settings_for(scene))
        return kept

    def _compile(self, settings: PolicySettings) -> tuple[ItemFilter, ...]:
        catalogue, filters = self.catalogue, list[ItemFilter]()
        blocked = Blocked(
            settings.blocked_items, settings.blocked_providers, settings.blocked_categories
        )
        if blocked:
            filters.append(CompiledBlockFilter.of(catalogue, blocked, "blocked"))
        if settings.forbidden_flags:
            filters.append(FlagFilter(TagTest.of(catalogue.flags, settings.forbidden_flags)))
        return tuple(filters)

    def settings_for(self, scene: str) -> PolicySettings:
        return self.scenes.get(scene, self.default_scene)

    def build_filters(self, request: Request, recent: History) -> tuple[ItemFilter, ...]:
        """Build the hard filters of one request; usually there are none.

        Raises:
            FilterError: the filter of the request is not usable; the HTTP edge refuses it earlier.
        """
        catalogue, filters = self.catalogue, [*self._scene_filters(request.scene)]
        if recent.record.blocked:
            filters.append(BlockedFilter(catalogue, recent.record.blocked, "blocked_by_user"))
        if recent.record.withheld:
            filters.append(self._withheld_filter(recent.record.withheld))
        if request.filter:
            test = parse_filter(request.filter, column_kinds(catalogue.attributes))
            filters.append(ExpressionFilter(test, catalogue))
        if request.candidates is not None:
            filters.append(CandidateFilter(request.candidates))
        return tuple(filters)
