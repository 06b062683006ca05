"""Hard filters beside what is seen: of the house for a scene, of the user, and of the request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.catalogue.attributes import column_kinds
from app.catalogue.catalogue import Catalogue
from app.contracts import Blocked, History, ItemFilter, Request, Rows
from app.expressions.item_filter import ExpressionFilter, parse_filter
from app.rerank.policy import Policy


@dataclass(frozen=True, slots=True, eq=False)
class BlockedFilter:
    """Leaves out items, and all items of some providers or categories."""

    catalogue: Catalogue
    blocked: Blocked
    name: str

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        """Say for each row whether it is not blocked, (n,)."""
        free, known, blocked = np.ones(len(rows), np.bool_), self.catalogue, self.blocked
        if blocked.items:
            free &= ~np.isin(rows, known.ids.rows(blocked.items))
        if blocked.providers:
            free &= ~np.isin(known.providers[rows], known.provider_codes(blocked.providers))
        if blocked.categories:
            free &= ~known.has_category(rows, blocked.categories)
        return free


@dataclass(frozen=True, slots=True, eq=False)
class FlagFilter:
    """Leaves out items with a policy flag that the scene forbids."""

    catalogue: Catalogue
    forbidden: tuple[str, ...]
    name: str = "rating"

    def allows(self, rows: Rows) -> NDArray[np.bool_]:
        """Say for each row whether it has none of the flags, (n,)."""
        return ~self.catalogue.has_flag(rows, self.forbidden)


@dataclass(frozen=True, slots=True, eq=False)
class PolicyFilters:
    """The rules of every scene. Built with a bundle; holds nothing about a request."""

    catalogue: Catalogue
    policy: Policy = field(default_factory=Policy)
    scenes: Mapping[str, Policy] = field(default_factory=dict)  # where another one holds

    def policy_for(self, scene: str) -> Policy:
        """Give the policy that holds in a scene."""
        return self.scenes.get(scene, self.policy)

    def build_filters(self, request: Request, recent: History) -> tuple[ItemFilter, ...]:
        """List the hard filters of one request; usually there are none.

        Raises:
            FilterError: the request's filter cannot be used; the edge refuses it before.
        """
        policy, catalogue = self.policy_for(request.scene), self.catalogue
        house = Blocked(policy.blocked_items, policy.blocked_providers, policy.blocked_categories)
        found: list[ItemFilter] = []
        if house:
            found.append(BlockedFilter(catalogue, house, "blocked"))
        if recent.record.blocked:
            found.append(BlockedFilter(catalogue, recent.record.blocked, "blocked_by_user"))
        if policy.forbidden_flags:
            found.append(FlagFilter(catalogue, policy.forbidden_flags))
        if request.filter:
            found.append(
                ExpressionFilter(
                    parse_filter(request.filter, column_kinds(catalogue.attributes)), catalogue
                )
            )
        return tuple(found)
