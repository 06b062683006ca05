"""The answers of the service. Generated from its OpenAPI description."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class BlockedBody:
    """Everything that the user blocks from now on; it replaces what was blocked before."""

    items: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BlockedReply:
    """What is blocked now."""

    items: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    notes: list[str] | None = None


@dataclass(frozen=True)
class Degraded:
    """A stage that did not do its part, and why."""

    stage: str
    outcome: Literal["late", "down", "bug", "short", "untrained"]


@dataclass(frozen=True)
class ErasureBody:
    """The receipt of an erasure. It names the user by a digest."""

    erasure_id: str
    user_digest: str
    status: str
    erased: float
    finished: float | None
    archived: float | None
    removed: dict[str, int]
    pending: dict[str, str]


@dataclass(frozen=True)
class FaultDetail:
    """One of several faults of a request."""

    field: str | None
    message: str


@dataclass(frozen=True)
class ItemExplanation:
    """The way of an item through the funnel. Each stage adds its own figures."""

    item_id: str
    stage: Literal["catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"]
    reason: str
    figures: dict[str, Any] = field(default_factory=dict, metadata={"others": True})


@dataclass(frozen=True)
class ItemSceneCounts:
    """Interactions of the users of one scene with an item."""

    shown: float
    liked: float


@dataclass(frozen=True)
class ItemView:
    """An item as it is served."""

    item_id: str
    title: str | None
    text: str | None
    categories: list[str]
    provider: str | None
    released: float | None
    flags: list[str]
    is_available: bool
    attributes: dict[str, float | str | None]
    source: str


@dataclass(frozen=True)
class LeftOutItem:
    """A candidate that may not be shown."""

    item_id: str
    policy: str
    reason: str


@dataclass(frozen=True)
class ListedItem:
    """One item of the list."""

    item_id: str
    title: str | None
    score: float
    fields: dict[str, Any] | None = None
    explain: dict[str, Any] | None = None


@dataclass(frozen=True)
class MatchingItem:
    """An item that matches."""

    item_id: str
    title: str | None
    is_available: bool
    source: str
    fields: dict[str, Any] | None = None


@dataclass(frozen=True)
class MatchingUser:
    """A user."""

    user_id: str
    source: str


@dataclass(frozen=True)
class OnboardingItem:
    """An item to ask about."""

    item_id: str
    title: str | None
    categories: list[str]


@dataclass(frozen=True)
class PolicyStep:
    """The effect of one policy of the last stage; shown with ``explain=true``."""

    policy: str
    dropped: int | None = None
    changed: int | None = None


@dataclass(frozen=True)
class Readiness:
    """Whether a bundle is in service. A caller without a key sees ``ready`` alone."""

    ready: bool
    draining: bool | None = None
    bundle: str | None = None
    trained: bool | None = None
    refused: str | None = None
    fallback: bool | None = None
    warnings: list[str] | None = None
    redis: Literal["ok", "down"] | None = None
    writes: str | None = None


@dataclass(frozen=True)
class Reason:
    """Why an item is in the list: the channel that ranked it best, and items of the history."""

    channel: str
    because: list[str]
    because_titles: list[str | None]


@dataclass(frozen=True)
class RefusedRecord:
    """A record that was not stored, and why; with ``partial=true``."""

    index: int
    field: str | None
    message: str


@dataclass(frozen=True)
class StageReport:
    """The result of one stage; shown with ``explain=true``."""

    stage: str
    outcome: str
    entered: int
    left: int
    ms: float
    weights: dict[str, float] | None = None


@dataclass(frozen=True)
class StoredEvent:
    """A live event."""

    event_id: str
    item_id: str
    type: str
    value: float
    timestamp: float


@dataclass(frozen=True)
class UserAttributes:
    """A user's attributes, as text, and the segments that they lead to."""

    user_id: str
    attributes: dict[str, str]
    segments: dict[str, str | None]


@dataclass(frozen=True)
class UserCounts:
    """The number of a user's events and of items shown lately."""

    live_events: int
    bundle_events: int
    shown: int


@dataclass(frozen=True)
class UserFriends:
    """A user's friends."""

    user_id: str
    friends: list[str]


@dataclass(frozen=True)
class AnswerItem:
    """One item of the answer."""

    item_id: str
    score: float
    reason: Reason
    slot: Literal["organic", "explore", "sponsored", "pinned"]
    propensity: float
    title: str | None = None
    fields: dict[str, Any] | None = None
    explain: dict[str, Any] | None = None


@dataclass(frozen=True)
class ErrorDetail:
    """The fault of a request."""

    code: str
    message: str
    field: str | None = None
    faults: list[FaultDetail] | None = None


@dataclass(frozen=True)
class EventsAccepted:
    """The number of events that the store accepted."""

    accepted: int
    duplicates: int
    trained: int
    too_old: int
    out_of_order: int
    late: int
    event_ids: list[str | None]
    refused: list[RefusedRecord] | None = None


@dataclass(frozen=True)
class ItemCounts:
    """Interactions of all users with an item."""

    item_id: str
    shown: float
    liked: float
    trend: dict[str, float]
    scenes: dict[str, ItemSceneCounts]
    segments: dict[str, dict[str, float]]


@dataclass(frozen=True)
class ItemListBody:
    """A list of items, best first. The same request has the same list for every user."""

    bundle: str
    items: list[ListedItem]
    took_ms: float
    notes: list[str] | None = None


@dataclass(frozen=True)
class ItemPage:
    """Items in the order of their ids."""

    items: list[MatchingItem]
    cursor: str | None


@dataclass(frozen=True)
class ItemsStored:
    """The number of items that were stored."""

    stored: int
    refused: list[RefusedRecord] | None = None


@dataclass(frozen=True)
class OnboardingList:
    """Items to ask about, the most informative first."""

    bundle: str
    items: list[OnboardingItem]


@dataclass(frozen=True)
class SimilarBody:
    """Items that resemble one item."""

    bundle: str
    items: list[ListedItem]
    took_ms: float
    item_id: str
    by: Literal["behaviour", "content"]
    notes: list[str] | None = None


@dataclass(frozen=True)
class TogetherBody:
    """Items that are bought together with one item."""

    bundle: str
    items: list[ListedItem]
    took_ms: float
    item_id: str
    notes: list[str] | None = None


@dataclass(frozen=True)
class UserPage:
    """Users of the bundle in the order of their ids, then the others in no order."""

    users: list[MatchingUser]
    cursor: str | None


@dataclass(frozen=True)
class UserView:
    """What is known of a user."""

    user_id: str
    attributes: dict[str, str]
    segments: dict[str, str | None]
    friends: list[str]
    blocked: BlockedBody
    hidden: list[str]
    counts: UserCounts
    history: list[StoredEvent]


@dataclass(frozen=True)
class UsersStored:
    """The number of users whose attributes were stored."""

    stored: int
    refused: list[RefusedRecord] | None = None


@dataclass(frozen=True)
class AnswerBody:
    """A list of items, and how to get the next page of it."""

    request_id: str
    user_id: str | None
    bundle: str
    variant: str
    items: list[AnswerItem]
    degraded: list[Degraded]
    took_ms: float
    notes: list[str] | None = None
    policies: list[PolicyStep] | None = None
    stages: list[StageReport] | None = None
    page_token: str | None = None
    why: ItemExplanation | None = None


@dataclass(frozen=True)
class ErrorBody:
    """The body of every 4xx and 5xx answer."""

    error: ErrorDetail


@dataclass(frozen=True)
class RankAnswer:
    """The candidates in the order to show them, at most k, and those that may not be shown."""

    request_id: str
    user_id: str | None
    bundle: str
    variant: str
    items: list[AnswerItem]
    degraded: list[Degraded]
    took_ms: float
    unknown: list[str]
    left_out: list[LeftOutItem]
    notes: list[str] | None = None
    policies: list[PolicyStep] | None = None
    stages: list[StageReport] | None = None
