"""The registry of policies: the rules of the last stage, in their default order.

To add a policy, write its function in a file of this folder, its settings in ``PolicySettings``,
and one entry in ``POLICIES``. The default order, the allowed values of the setting
``policy.order``, the words of ``/explain`` and the table in ``docs/guides/policies.md`` follow
from the entry. Another package adds a policy by an entry point
of the group ``recfunnel.policies`` that names a ``SlatePolicy``; a scene then names it in its
``order``, and its settings stand in ``policy.extensions``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Annotated

import pydantic.dataclasses
from pydantic import AfterValidator, Field

from app.rerank.exploration import explore
from app.rerank.fixed_positions import pin_items, place_sponsored
from app.rerank.minimum_exposure import ensure_provider_exposure, ensure_tail_exposure
from app.rerank.mmr import diversify
from app.rerank.policy_settings import FROZEN, PolicySettings
from app.rerank.slate_draft import RerankContext, SlateDraft
from app.rerank.utility import boost_new_items, demote_seen

ENTRY_POINTS = "recfunnel.policies"


@dataclass(frozen=True, slots=True)
class SlatePolicy:
    """One rule of the last stage.

    ``apply`` is pure: it returns a new draft, or the same one where nothing changes. No policy can
    undo a hard filter: the pool holds only permitted items, and fixed positions are checked.
    """

    name: str  # in ``policy.order``, in metrics and in explanations
    apply: Callable[[SlateDraft, RerankContext], SlateDraft]
    settings: tuple[str, ...]  # the fields of ``PolicySettings`` that it reads
    summary: str  # what it does, for the documentation
    winner: str  # completes "it was in the list, and lost its position to ..."


POLICIES = (
    SlatePolicy(
        "freshness",
        boost_new_items,
        ("freshness",),
        "adds a bonus, which fades with age, to items that are new",
        "a newer item",
    ),
    SlatePolicy(
        "seen",
        demote_seen,
        ("seen", "shown", "demotion"),
        "subtracts `demotion` from items that the user has acted on (`seen`) or was shown lately "
        "(`shown`), where the setting is `demote`",
        "an item that the user has not met before",
    ),
    SlatePolicy(
        "diversity",
        diversify,
        ("diversity",),
        "fills the list by MMR: relevant, and unlike what is listed",
        "an item that is less like the others",
    ),
    SlatePolicy(
        "explore",
        explore,
        (
            *("explore", "explore_slots", "explore_from", "explore_among"),
            *("explore_beta", "explore_epsilon"),
        ),
        "gives the last positions to items with little feedback, see "
        "[exploration](../concepts/exploration.md)",
        "exploration",
    ),
    SlatePolicy(
        "tail",
        ensure_tail_exposure,
        ("tail_places", "tail_share"),
        "gives `tail_places` to the `tail_share` of the catalogue with the fewest likes",
        "the positions kept for the tail",
    ),
    SlatePolicy(
        "providers",
        ensure_provider_exposure,
        ("provider_places",),
        "gives `provider_places` to a provider, or to a group with a bar between the names",
        "the positions kept for a group of providers",
    ),
    SlatePolicy(
        "sponsored",
        place_sponsored,
        ("sponsored", "sponsored_places", "sponsored_cap"),
        "puts the first permitted items of `sponsored` at `sponsored_places`",
        "a sponsored item",
    ),
    SlatePolicy("pinned", pin_items, ("pinned",), "puts items at fixed positions", "a pinned item"),
)
DEFAULT_ORDER = tuple(policy.name for policy in POLICIES)
BUILT_IN = {policy.name: policy for policy in POLICIES}


def find_policy(name: str) -> SlatePolicy:
    """Return the policy of this name, of this package or of another one that is installed.

    Raises:
        KeyError: there is none.
    """
    return BUILT_IN[name] if name in BUILT_IN else _installed()[name]


def policy_names() -> list[str]:
    """List the names that ``policy.order`` may hold."""
    return [*BUILT_IN, *_installed()]


@cache
def _installed() -> dict[str, SlatePolicy]:
    """Load the policies of other packages. Costs time, so only an unknown name asks for them."""
    return {each.name: each.load() for each in entry_points(group=ENTRY_POINTS)}


def _check_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names; raise ``ValueError`` unless each is that of a policy, and stands once."""
    unknown = [name for name in names if name not in BUILT_IN and name not in _installed()]
    if unknown:
        raise ValueError(
            f"there is no policy {unknown[0]!r}; there are {', '.join(policy_names())}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"name each policy at most once: {', '.join(policy_names())}")
    return names


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=FROZEN)
class SceneSettings(PolicySettings):
    """The settings of one scene's policies and the order in which these act."""

    order: Annotated[tuple[str, ...], AfterValidator(_check_order)] = Field(
        default=DEFAULT_ORDER,
        description="order in which policies act; one that is not named does not act",
    )
