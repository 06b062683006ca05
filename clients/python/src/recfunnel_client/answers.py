"""The answers of the service. Generated from its OpenAPI description."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class ActivatedBody:
    """Which bundle is in service instead of which."""

    version: str
    before: str | None


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used."""

    file: str
    line: int
    reason: str
    text: str


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
class ColumnUse:
    """A column of a file, and the field that it is read as."""

    file: str
    column: str
    field: str


@dataclass(frozen=True)
class CountOf:
    """A number, and what was counted: the labels of the metric."""

    labels: list[str]
    n: int


@dataclass(frozen=True)
class DataFinding:
    """One statement about the data: what works, what is limited, or what to correct."""

    level: Literal["good", "limit", "problem"]
    text: str


@dataclass(frozen=True)
class Degraded:
    """A stage that did not do its part, and why."""

    stage: str
    outcome: Literal["late", "down", "bug", "lost", "unknown", "short", "untrained"]


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
class FileRows:
    """The numbers of rows of one file."""

    file: str
    rows: int
    good: int
    bad: int
    duplicates: int


@dataclass(frozen=True)
class GateCheck:
    """One comparison of the gate: is the funnel worse than this baseline?"""

    baseline: str
    users: Literal["warm", "cold", "warm_visit", "cold_visit"]
    user_count: int
    outcome: Literal["passed", "failed", "unclear", "skipped"]
    explanation: str
    funnel_ndcg: float | None = None
    baseline_ndcg: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class HistoryEvent:
    """An event, of the bundle's data or live."""

    item_id: str
    title: str | None
    type: str | None
    value: float
    weight: float
    timestamp: float


@dataclass(frozen=True)
class HourOfActivity:
    """What all workers counted in one hour."""

    at: int
    lists: int
    degraded: int
    rejected: int
    p50_ms: float | None
    p99_ms: float | None
    events: int
    refused_events: int


@dataclass(frozen=True)
class ItemExplanation:
    """The way of an item through the funnel. Each stage adds its own figures."""

    item_id: str
    stage: Literal["catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"]
    reason: str
    fields: dict[str, Any] | None = None
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
class MeasuredMean:
    """A mean and its 95 % interval, as measured in training."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class NewestEvent:
    """An event as it was stored."""

    event_id: str
    user_id: str
    item_id: str
    type: str
    value: float | None
    timestamp: float
    request_id: str | None
    position: int | None
    context: dict[str, Any]


@dataclass(frozen=True)
class OnboardingItem:
    """An item to ask about."""

    item_id: str
    title: str | None
    categories: list[str]
    fields: dict[str, Any] | None = None


@dataclass(frozen=True)
class PolicyStep:
    """The effect of one policy of the last stage; shown with ``explain=true``."""

    policy: str
    dropped: int | None = None
    changed: int | None = None


@dataclass(frozen=True)
class PreviewItem:
    """An item of a list, and its position in the other list."""

    item_id: str
    title: str | None
    slot: Literal["organic", "explore", "sponsored", "pinned"]
    other: int | None
    reason: str | None


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
class RuleNames:
    """Names that rules can use; at most 500 of each kind of the catalogue."""

    categories: list[str]
    flags: list[str]
    providers: list[str]
    event_types: list[str]
    policies: list[str]


@dataclass(frozen=True)
class SavedRules:
    """The version that was saved; every worker has it."""

    version: int
    author: str | None
    at: float | None
    note: str | None
    restored: int | None
    notes: list[str]


@dataclass(frozen=True)
class SceneActivity:
    """The newest lists of one scene, and what their users did with them."""

    scene: str
    lists: int
    users: int
    items: int
    coverage: float
    answered_lists: int
    events: dict[str, int]


@dataclass(frozen=True)
class SceneOverrides:
    """The settings of one scene, or of all, that differ from `recfunnel.toml`."""

    diversity: float | None = None
    freshness: float | None = None
    explore: Literal["ucb", "thompson", "epsilon_greedy"] | None = None
    explore_slots: int | None = None
    explore_from: int | None = None
    explore_beta: float | None = None
    explore_epsilon: float | None = None
    explore_among: int | None = None
    seen: str | dict[str, str] | None = None
    shown: Literal["drop", "demote", "keep"] | None = None
    demotion: float | None = None
    blocked_items: list[str] = field(default_factory=list)
    blocked_providers: list[str] = field(default_factory=list)
    blocked_categories: list[str] = field(default_factory=list)
    forbidden_flags: list[str] = field(default_factory=list)
    provider_cap: int | None = None
    category_cap: int | None = None
    duplicate_cap: int | None = None
    tail_places: int | None = None
    tail_share: float | None = None
    provider_places: dict[str, int] = field(default_factory=dict)
    pinned: dict[str, int] = field(default_factory=dict)
    sponsored: list[str] = field(default_factory=list)
    sponsored_places: list[int] = field(default_factory=list)
    sponsored_cap: int | None = None
    extensions: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SettingGroup:
    """The settings that one policy reads."""

    name: str
    summary: str
    settings: list[str]


@dataclass(frozen=True)
class ShownInScene:
    """What one scene showed, and the events that name one of its lists."""

    scene: str
    lists: int
    items: int
    events: dict[str, int]


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
class StoredRules:
    """A version with its rules, as another release may have written them."""

    version: int
    author: str | None
    at: float | None
    note: str | None
    restored: int | None
    rules: dict[str, Any] | None


@dataclass(frozen=True)
class TrainingBody:
    """A training. Times are unix seconds."""

    training_id: str
    state: Literal["waiting", "running", "published", "refused", "failed", "cancelled"]
    by: str | None
    requested: float
    started: float | None
    finished: float | None
    seconds: float | None
    from_archive: bool
    force: bool
    phase: str | None
    progress: float
    bundle: str | None
    gate: str | None
    reason: str | None
    cancelling: bool


@dataclass(frozen=True)
class TrainingWithLog:
    """A training with the last lines of its log."""

    training_id: str
    state: Literal["waiting", "running", "published", "refused", "failed", "cancelled"]
    by: str | None
    requested: float
    started: float | None
    finished: float | None
    seconds: float | None
    from_archive: bool
    force: bool
    phase: str | None
    progress: float
    bundle: str | None
    gate: str | None
    reason: str | None
    cancelling: bool
    log: list[str]


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
class ActivityTotal:
    """The sums of all hours of the answer."""

    lists: int
    p50_ms: float | None
    p99_ms: float | None
    degraded: list[CountOf]
    events: list[CountOf]
    refused_requests: list[CountOf]
    scenes: list[ShownInScene]


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
class BundleSummary:
    """The bundle in service."""

    version: str
    created: float
    data_end: float
    dataset: str
    trained: bool
    gate: Literal["passed", "refused", "forced"] | None
    ndcg: MeasuredMean | None
    users: int
    items: int


@dataclass(frozen=True)
class DataDiagnosis:
    """What is in a data set. Times are unix seconds, null if the data have none."""

    name: str
    layout: str
    users: int
    items: int
    interactions: int
    first: float | None
    last: float | None
    density: float
    positive: float
    negative: float
    events_per_user: list[float]
    idle_users: int
    idle_items: int
    files: list[FileRows]
    columns: list[ColumnUse]
    bad_rows: list[BadRow]
    findings: list[DataFinding]


@dataclass(frozen=True)
class EffectivePolicies:
    """The policies as they act: complete, for all scenes and for each scene that has its own."""

    policy: SceneOverrides
    scenes: dict[str, SceneOverrides]


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
class HistoryBody:
    """The history of a user."""

    user_id: str
    events: list[HistoryEvent]


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
class NewestEvents:
    """The newest events."""

    events: list[NewestEvent]


@dataclass(frozen=True)
class OnboardingList:
    """Items to ask about, the most informative first."""

    bundle: str
    items: list[OnboardingItem]
    notes: list[str] | None = None


@dataclass(frozen=True)
class PreviewUser:
    """The lists of one user."""

    user_id: str
    is_changed: bool
    before: list[PreviewItem]
    after: list[PreviewItem]
    degraded: list[str]


@dataclass(frozen=True)
class Rules:
    """What differs from the policies of `recfunnel.toml`, for all scenes and for single ones."""

    policy: SceneOverrides | None = None
    scenes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RulesHistory:
    """The newest versions, newest first."""

    versions: list[StoredRules]


@dataclass(frozen=True)
class RulesSchema:
    """What rules can set: a JSON schema, with descriptions in Markdown."""

    properties: dict[str, Any]
    groups: list[SettingGroup]
    names: RuleNames


@dataclass(frozen=True)
class ScenesBody:
    """The newest lists by scene."""

    lists: int
    since: float | None
    scenes: list[SceneActivity]


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
class StoredBundleBody:
    """A bundle. One that is damaged has a `fault` and a version alone."""

    version: str
    in_service: bool
    was_in_service: bool
    fault: str | None
    created: float | None = None
    data_end: float | None = None
    dataset: str | None = None
    trained: bool | None = None
    gate: str | None = None
    checks: list[GateCheck] | None = None
    ndcg: MeasuredMean | None = None
    metrics: dict[str, float | None] | None = None
    rows: dict[str, int] | None = None
    bytes: int | None = None
    training_seconds: float | None = None
    settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class TogetherBody:
    """Items that are bought together with one item."""

    bundle: str
    items: list[ListedItem]
    took_ms: float
    item_id: str
    notes: list[str] | None = None


@dataclass(frozen=True)
class TrainingList:
    """The newest trainings, and what starts others."""

    trainings: list[TrainingBody]
    schedule: str | None
    next: float | None
    unavailable: str | None


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
class ActivityBody:
    """What the service did, by the hour."""

    budget_ms: float
    hours: list[HourOfActivity]
    total: ActivityTotal


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
class BundlesBody:
    """The bundles, newest first."""

    bundles: list[StoredBundleBody]
    can_activate: bool


@dataclass(frozen=True)
class DoctorBody:
    """The newest examination of the data."""

    state: Literal["none", "waiting", "running"]
    unavailable: str | None
    examined: float | None
    data: str | None
    training_id: str | None
    error: str | None
    diagnosis: DataDiagnosis | None


@dataclass(frozen=True)
class ErrorBody:
    """The body of every 4xx and 5xx answer."""

    error: ErrorDetail


@dataclass(frozen=True)
class OverviewBody:
    """The bundle in service, and what requests may ask for."""

    release: str
    key: str | None
    roles: list[str]
    bundle: BundleSummary | None
    refused: str | None
    budget_ms: float
    k_max: int
    scenes: list[str]
    fields: list[str]
    event_types: list[str]
    picture_base: str | None


@dataclass(frozen=True)
class PreviewBody:
    """The lists before and after, and what else the rules would do."""

    bundle: str
    version: int
    changed: int
    entered: int
    left: int
    users: list[PreviewUser]
    notes: list[str]


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


@dataclass(frozen=True)
class RulesBody:
    """The rules in force, and what follows from them."""

    version: int
    author: str | None
    at: float | None
    note: str | None
    restored: int | None
    newest: int
    refused: str | None
    is_known: bool
    rules: Rules
    settings: Rules
    effective: EffectivePolicies
