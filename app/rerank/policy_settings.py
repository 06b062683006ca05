"""The settings that the policies of the last stage read: one frozen record for each scene."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from app.contracts import Count, NotNegative, Share, Whole
from app.rerank.seen import DEFAULT_SEEN, RepeatAction, SeenSetting, check_seen

ExplorationMethod: TypeAlias = Literal["ucb", "thompson", "epsilon_greedy"]

FROZEN = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=FROZEN)
class PolicySettings:
    """The settings of one scene. An empty or 0 setting turns its policy off, at no cost.

    Each setting is declared only here. The configuration file, the environment and
    ``docs/reference/settings.md`` are derived from it.
    """

    diversity: Share = Field(
        default=0.05,
        description="weight of dissimilarity against relevance (MMR); 0 is relevance alone",
    )
    freshness: Share = Field(
        default=0.01, description="bonus of a brand-new item, on the scale of relevance (0 to 1)"
    )
    explore: ExplorationMethod = Field(
        default="ucb",
        description="exploration method: `ucb`, `thompson` or `epsilon_greedy`; see "
        "[exploration](../concepts/exploration.md)",
    )
    explore_slots: int = Field(
        default=2,
        ge=0,
        le=5,
        description="exploration slots of a list; they are its last positions",
    )
    explore_from: Count = Field(
        default=10,
        description="positions of a list for each exploration slot; a shorter list has none",
    )
    explore_beta: NotNegative = Field(
        default=1.0, description="weight of uncertainty against relevance (`ucb`, `thompson`)"
    )
    explore_epsilon: Share = Field(
        default=0.1, description="probability that a slot is drawn uniformly (`epsilon_greedy`)"
    )
    explore_among: Count = Field(
        default=100,
        description="number of the user's best unlisted candidates that a slot chooses from",
    )
    seen: Annotated[SeenSetting, AfterValidator(check_seen)] = Field(
        default_factory=DEFAULT_SEEN.copy,
        description="items that the user has acted on: `drop`, `demote` or `keep`, or a rule for "
        'each event type: `{purchase = "30d", view = "keep"}` hides what was bought for 30 days '
        "and views not at all; `hide` is for good. Types that it does not name stay as they are "
        "by default: views hide for a day, all others (`default`) for good",
    )
    shown: RepeatAction = Field(
        default="keep",
        description="items that the user was shown lately: `drop`, `demote` or `keep`",
    )
    demotion: float = Field(
        default=0.5, ge=0, le=10, description="what demotion subtracts, on the scale of relevance"
    )
    blocked_items: tuple[str, ...] = Field(default=(), description="items that are never shown")
    blocked_providers: tuple[str, ...] = Field(
        default=(), description="providers whose items are never shown"
    )
    blocked_categories: tuple[str, ...] = Field(
        default=(), description="categories whose items are never shown"
    )
    forbidden_flags: tuple[str, ...] = Field(
        default=(),
        description="policy flags of the catalogue, such as `adult`, whose items are never shown",
    )
    provider_cap: Whole = Field(
        default=0, description="largest number of items by one provider in a list; 0 is no cap"
    )
    category_cap: Whole = Field(
        default=0, description="largest number of items of one category in a list; 0 is no cap"
    )
    duplicate_cap: Whole = Field(
        default=1,
        description="largest number of items of the same title and year in a list; 0 is no cap",
    )
    tail_places: Whole = Field(
        default=0, description="smallest number of items of the tail in every list"
    )
    tail_share: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="share of the catalogue that is the tail: the items with the fewest likes",
    )
    provider_places: dict[str, Whole] = Field(
        default_factory=dict,
        description="smallest number of items by a group of providers in a list; a bar separates "
        'the names: `{"acme\\|bell" = 2}`',
    )
    pinned: dict[str, Count] = Field(
        default_factory=dict, description='items and their positions; 1 is the first: `{"50" = 1}`'
    )
    sponsored: tuple[str, ...] = Field(
        default=(), description="sponsored items; those to show first come first"
    )
    sponsored_places: tuple[Count, ...] = Field(
        default=(), description="positions of sponsored items; 1 is the first"
    )
    sponsored_cap: Whole = Field(
        default=1, description="largest number of sponsored items in one list, over all its pages"
    )
    extensions: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="settings of policies that other packages add, under the policy's name",
    )
