"""What goes over the wire, as pydantic sees it and as OpenAPI shows it."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from app.api.paging import MAX_TOKEN_LENGTH as TOKEN
from app.expressions.item_filter import MAX_FILTER_LENGTH as FILTER

ID_BYTES = 256
# Of the demo's data. /docs fills in a parameter's `example`, and passes its `examples` over.
USER: JsonDict = {"example": "196"}
ITEM: JsonDict = {"example": "50"}
NEW_USER: JsonDict = {"example": "newcomer"}  # for what changes or removes a user
FILTER_DESCRIPTION = (
    "Over category, provider, flag, item_id, year and the attributes of your items: "
    'category == "Drama" and year >= 1990, or price < 20.'
)
MAX_CLOCK_SKEW = 60.0  # seconds that a caller's clock may be ahead of ours
MAX_EVENT_VALUE = 1e12  # stars, seconds or money of one event; sums of them stay exact enough


def _public_id(value: str) -> str:
    size = len(value.encode("utf-8", "surrogatepass"))
    if not value:
        raise ValueError("must not be empty")
    if size > ID_BYTES:
        raise ValueError(f"has {size} bytes, at most {ID_BYTES} are allowed")
    if not value.isprintable():
        raise ValueError("must not contain control characters")
    return value


PublicId = Annotated[str, AfterValidator(_public_id)]
FieldName = Annotated[str, Field(min_length=1, max_length=64)]
ScalarValue = (
    bool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=256)]
)
Value = Annotated[float, Field(ge=-MAX_EVENT_VALUE, le=MAX_EVENT_VALUE, allow_inf_nan=False)]


class InlineEvent(BaseModel):
    """One thing that the user of a session did, newest first in a list."""

    model_config = ConfigDict(extra="forbid")
    item_id: PublicId
    type: str = Field("click", max_length=64, pattern=r"^[\w.:-]+$")
    value: Value | None = Field(None, description="Stars, plays, seconds; a rating needs one.")
    timestamp: float | None = Field(None, ge=0, le=32_503_680_000, allow_inf_nan=False)

    @model_validator(mode="after")
    def _rated(self) -> Self:
        if self.type == "rating" and self.value is None:
            raise ValueError("a rating needs a value")
        return self

    @property
    def amount(self) -> float:
        """The value, 1.0 where there is none."""
        return 1.0 if self.value is None else self.value


class RecommendQuery(BaseModel):
    """What ``GET /recommend`` is asked."""

    model_config = ConfigDict(extra="forbid")
    user_id: PublicId = Field(
        description="Anyone: a stranger gets a list too.", json_schema_extra=USER
    )
    k: int = Field(10, ge=1, description="How many items.")
    scene: str = Field("home", max_length=64, description="Where the list is shown.")
    exclude: list[PublicId] = Field(default_factory=list, max_length=1000)
    explain: bool = Field(default=False, description="Say how each item came to be here.")
    explore: bool = Field(default=True, description="Allow the exploration slots.")
    filter: str = Field("", max_length=FILTER, description=FILTER_DESCRIPTION)
    page_token: str = Field("", max_length=TOKEN, description="Of the page before.")
    why: PublicId | None = Field(None, description="An item: say why it is not in the list.")


class ExplainQuery(BaseModel):
    """What ``GET /explain`` is asked: a list as of ``/recommend``, and an item."""

    model_config = ConfigDict(extra="forbid")
    user_id: PublicId = Field(json_schema_extra=USER)
    item_id: PublicId = Field(json_schema_extra=ITEM)
    k: int = Field(10, ge=1)
    scene: str = Field("home", max_length=64)
    exclude: list[PublicId] = Field(default_factory=list, max_length=1000)
    explore: bool = True
    filter: str = Field("", max_length=FILTER, description=FILTER_DESCRIPTION)


class ItemExplanation(BaseModel):
    """What became of an item; more figures come with each stage."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "user_id": "196",
                    "bundle": "20261124T000901Z-16d1d500",
                    "item_id": "50",
                    "stage": "coarse",
                    "reason": "coarse: the ranker put it at 412 of 587 with 0.0213; the best 300 "
                    "go on, from 0.0391",
                    "rank": 412,
                    "of": 587,
                    "score": 0.0213,
                    "threshold": 0.0391,
                }
            ]
        },
    )
    item_id: str
    stage: Literal["catalogue", "filter", "recall", "coarse", "fine", "rerank", "shown"]
    reason: str


class RecommendBody(BaseModel):
    """A request with more than fits a query string: sessions, anonymous users, exclusions."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"k": 10, "history": [{"item_id": "50", "type": "like"}]}]},
    )
    user_id: PublicId | None = None
    k: int = Field(10, ge=1)
    history: list[InlineEvent] = Field(default_factory=list, max_length=500)
    scene: str = Field("home", max_length=64)
    exclude: list[PublicId] = Field(default_factory=list, max_length=1000)
    explain: bool = False
    explore: bool = True
    filter: str = Field("", max_length=FILTER, description=FILTER_DESCRIPTION)
    page_token: str = Field("", max_length=TOKEN, description="Of the page before.")
    why: PublicId | None = Field(None, description="An item: say why it is not in the list.")


class Reason(BaseModel):
    """Why an item is in the list: the channel that ranked it best, and the history it rests on."""

    channel: str
    because: list[str]


class AnswerItem(BaseModel):
    """One item of the answer."""

    item_id: str
    title: str | None = None
    score: float
    reason: Reason
    slot: Literal["organic", "explore", "sponsored", "pinned"]
    propensity: float = Field(description="The probability with which it was put here.")
    explain: dict[str, Any] | None = None


class Degraded(BaseModel):
    """A stage that did not do its part, and why."""

    stage: str
    outcome: Literal["late", "down", "bug", "short"]


class StageReport(BaseModel):
    """What one stage did; shown with ``explain=true``."""

    stage: str
    outcome: str
    entered: int
    left: int
    ms: float
    weights: dict[str, float] | None = Field(
        None, description="Of the fine ranker's parts, for this user; their shares, or as trained."
    )


class PolicyStep(BaseModel):
    """What one policy of the last stage did; shown with ``explain=true``."""

    policy: str
    dropped: int | None = Field(None, description="Hard filters and caps: items taken out.")
    changed: int | None = Field(None, description="Others: items or places it changed.")


class Answer(BaseModel):
    """A list of items in the order to show them; diversity may put a lower score first."""

    request_id: str
    user_id: str | None
    bundle: str
    variant: str
    items: list[AnswerItem]
    degraded: list[Degraded]
    took_ms: float
    page_token: str | None = Field(None, description="For the next page; none: this is the last.")
    policies: list[PolicyStep] | None = None
    stages: list[StageReport] | None = None
    why: ItemExplanation | None = None


class EventIn(InlineEvent):
    """One thing that a user did."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user_id": "196", "item_id": "50", "type": "click"}]},
    )
    user_id: PublicId
    event_id: PublicId | None = Field(None, description="A repeat has the same; none: we make one.")
    request_id: PublicId | None = Field(None, description="Of the list that showed the item.")
    position: int | None = Field(None, ge=0, le=10_000, description="In that list; 0 is first.")
    context: dict[FieldName, ScalarValue] = Field(
        default_factory=dict,
        max_length=20,
        description="Device, page ...: kept for training.",
    )


class RefusedEvent(BaseModel):
    """An event that was not stored, and why; with ``partial=true``."""

    index: int = Field(description="Its place in what was sent, from 0.")
    field: str | None
    message: str


class EventsAccepted(BaseModel):
    """Events that the store has."""

    accepted: int = Field(description="New ones.")
    duplicates: int = Field(description="Whose user has had an event of this id: without effect.")
    too_old: int = Field(description="Of the new ones: older than all that a full history keeps.")
    out_of_order: int = Field(description="Of the new ones: put before the user's newest.")
    late: int = Field(description="Of the new ones: from longer ago than `late_seconds`.")
    event_ids: list[str | None] = Field(description="In the order sent; null where refused.")
    refused: list[RefusedEvent] | None = None


class ErrorDetail(BaseModel):
    """What is wrong with a request."""

    code: str
    message: str
    field: str | None = None


class ErrorBody(BaseModel):
    """The body of every 4xx and 5xx answer."""

    error: ErrorDetail
