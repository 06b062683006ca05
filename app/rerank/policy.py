"""How the last stage weighs one thing against another: one frozen record for each scene."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

RepeatAction: TypeAlias = Literal["drop", "demote", "keep"]  # what becomes of an item met before
ExplorationMethod: TypeAlias = Literal["ucb", "thompson", "epsilon_greedy"]

DEFAULT_ORDER = (
    "freshness",
    "seen",
    "diversity",
    "explore",
    "tail",
    "providers",
    "sponsored",
    "pinned",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one scene. What is empty or 0 is off and costs nothing."""

    diversity: float = 0.05  # MMR: weight of unlikeness against relevance
    freshness: float = 0.02  # bonus of a brand-new item, on the scale of relevance
    explore: ExplorationMethod = "ucb"
    explore_slots: int = 2  # places of the list given to exploration, the last ones
    explore_from: int = 5  # places of a list for each exploration slot; a shorter one has none
    explore_beta: float = 1.0  # what doubt is worth against relevance
    explore_epsilon: float = 0.5  # of epsilon_greedy: the chance that a slot is drawn blindly
    explore_among: int = 100  # the user's best candidates, beside the list, that a slot chooses of
    seen: RepeatAction = "drop"  # items that the user has acted on
    shown: RepeatAction = "keep"  # items that the user was shown lately
    demotion: float = 0.5  # what demoting takes off, on the scale of relevance
    blocked_items: tuple[str, ...] = ()
    blocked_providers: tuple[str, ...] = ()
    blocked_categories: tuple[str, ...] = ()
    forbidden_flags: tuple[str, ...] = ()  # of the catalogue: content ratings
    provider_cap: int = 0  # items by one provider in a list, at most; 0: no cap
    category_cap: int = 0  # the same of one category
    tail_places: int = 0  # items of the tail in a list, at least
    tail_share: float = 0.8  # of the catalogue, the items with the fewest likes: the tail
    provider_places: dict[str, int] = field(default_factory=dict)  # "acme|bell": at least so many
    pinned: dict[str, int] = field(default_factory=dict)  # item: its place, 1 is the first
    sponsored: tuple[str, ...] = ()  # items, those to show first in front
    sponsored_places: tuple[int, ...] = ()  # where in the list they stand, 1 is the first
    sponsored_cap: int = 1  # of them in one list, over all its pages, at most
    order: tuple[str, ...] = (
        DEFAULT_ORDER  # in which policies act; one that is not named does not act
    )
