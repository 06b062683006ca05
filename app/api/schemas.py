"""Schemas that several resources share: ids, events, requests for a list, errors."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    model_validator,
)
from pydantic.config import JsonDict

from app.api.item_fields import ItemFields
from app.api.paging import MAX_TOKEN_LENGTH
from app.api.pins import MAX_PIN_LENGTH, MAX_PINS
from app.catalogue.public_ids import MAX_ID_BYTES, public_id_fault
from app.expressions.boost import MAX_BOOST_LENGTH, MAX_BOOSTS
from app.expressions.item_filter import MAX_FILTER_LENGTH
from app.settings import HOME
from app.time_zones import unclear_zone
from app.timestamps import FIRST_UNIX, MAX_TEXT, parse_number, parse_time

MAX_SCENE_LENGTH = 64
MAX_EXCLUSIONS = 1_000
MAX_CANDIDATES = 1_000
SLASH_PLACEHOLDER = "\x80"  # a control character, which no id may hold
# Examples from the demo's data. /docs fills in `example` and ignores `examples`.
USER: JsonDict = {"example": "196"}
ITEM: JsonDict = {"example": "50"}
NEW_USER: JsonDict = {"example": "newcomer"}  # for requests that change or remove a user
FILTER_DESCRIPTION = (
    "Over category, provider, flag, item_id, year and the attributes of your items: "
    'category == "Drama" and year >= 1990, or price < 20.'
)
BOOST_DESCRIPTION = (
    'An amount and a filter, such as 0.3 if category == "Drama": it is added to the score of '
    "candidates by which the last stage chooses; 1 is the distance from the worst to the best."
)
PIN_DESCRIPTION = "A position from 1 and an item, such as 1:50. Filters and blocks still hold."
MAX_EVENT_TIME = 32_503_680_000.0  # unix seconds: the year 3000
MAX_EVENT_VALUE = 1e12  # stars, seconds or money of one event; sums stay exact enough


def _public_id(value: str) -> str:
    fault = public_id_fault(value)
    if fault:
        raise ValueError(fault)
    return value


def plain_id(value: str) -> str | None:
    """Return an id that ``PublicId`` surely accepts, or None: a character has up to four bytes."""
    return value if 0 < len(value) <= MAX_ID_BYTES // 4 and value.isprintable() else None


def _with_slashes(value: str) -> str:
    return value.replace(SLASH_PLACEHOLDER, "/")


PublicId = Annotated[str, AfterValidator(_public_id)]
PathId = Annotated[PublicId, BeforeValidator(_with_slashes)]  # an id that is part of a path
UserPathId = Annotated[
    PathId, Path(description="Any user; no need to create one first.", json_schema_extra=NEW_USER)
]
FieldName = Annotated[str, Field(min_length=1, max_length=64)]
ScalarValue = (
    bool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=256)]
)
Value = Annotated[float, Field(ge=-MAX_EVENT_VALUE, le=MAX_EVENT_VALUE, allow_inf_nan=False)]


def _text_of_number(value: Any) -> Any:
    """Return the digits of a whole number: databases number their users and items."""
    return str(value) if type(value) is int else value


def _unix_seconds(value: Any) -> Any:
    """Return the time of a number or a text, as in the data that training reads.

    Raises:
        ValueError: a text is no time.
    """
    if isinstance(value, str):
        time = parse_time(value)
        if time is None:
            unclear = unclear_zone(value[:MAX_TEXT])
            name = f", because {unclear[0]} stands for several time zones" if unclear else ""
            raise ValueError(f"{value[:40]!r} is not a time{name}: use unix seconds or ISO 8601")
        return time.seconds
    if isinstance(value, bool):
        raise ValueError("must be a time, not true or false")
    if not isinstance(value, (int, float)) or value < FIRST_UNIX:
        return value  # a small number is no date: nothing beside it shows that it is
    time = parse_number(value)
    return time.seconds if time else value


EventId = Annotated[
    PublicId, BeforeValidator(_text_of_number, json_schema_input_type=PublicId | StrictInt)
]  # in a body, where whole numbers are taken too
EventTime = Annotated[
    float,
    Field(gt=0, le=MAX_EVENT_TIME, allow_inf_nan=False),
    BeforeValidator(_unix_seconds, json_schema_input_type=float | str),
]


def _joined_words(value: Any) -> Any:
    """Return an event type without spaces: ``Add to cart`` is ``Add_to_cart``."""
    return "_".join(value.split()) if isinstance(value, str) else value


class InlineEvent(BaseModel):
    """One event of a session. A list of them has the newest first."""

    model_config = ConfigDict(extra="forbid")
    item_id: EventId
    type: Annotated[str, BeforeValidator(_joined_words)] = Field(
        "click", max_length=64, pattern=r"^[\w.:-]+$"
    )
    value: Value | None = Field(None, description="Stars, plays, seconds; a rating needs one.")
    timestamp: EventTime | None = Field(
        None,
        description="Unix time in seconds, milliseconds or finer, or a text such as "
        "2026-11-23T10:15:00Z; UTC if it names no zone. Without it, the time of arrival.",
    )

    @model_validator(mode="after")
    def _rated(self) -> Self:
        if self.type == "rating" and self.value is None:
            raise ValueError("a rating needs a value")
        return self

    @property
    def amount(self) -> float:
        """The value; 1.0 when there is none."""
        return 1.0 if self.value is None else self.value


class SelectionOptions(BaseModel):
    """Which items a list may have, and how many: the fields that all requests for a list share."""

    model_config = ConfigDict(extra="forbid")
    k: int = Field(10, ge=1, description="How many items.")
    scene: str = Field(HOME, max_length=MAX_SCENE_LENGTH, description="Where the list is shown.")
    exclude: list[PublicId] = Field(default_factory=list, max_length=MAX_EXCLUSIONS)
    filter: str = Field("", max_length=MAX_FILTER_LENGTH, description=FILTER_DESCRIPTION)


class ItemListQuery(SelectionOptions):
    """The query string of a list for no user in particular."""

    fields: ItemFields = Field(default_factory=list)


class ListOptions(SelectionOptions):
    """The list for a user that a caller asks for."""

    user_id: PublicId | None = None
    explore: bool = Field(default=True, description="Allow the exploration slots.")
    boost: list[Annotated[str, Field(max_length=MAX_BOOST_LENGTH)]] = Field(
        default_factory=list, max_length=MAX_BOOSTS, description=BOOST_DESCRIPTION
    )
    pin: list[Annotated[str, Field(max_length=MAX_PIN_LENGTH)]] = Field(
        default_factory=list, max_length=MAX_PINS, description=PIN_DESCRIPTION
    )


class RecommendOptions(ListOptions):
    """A request of ``/recommend``, by GET or POST."""

    explain: bool = Field(default=False, description="Explain how each item came to be here.")
    contributions: bool = Field(
        default=False,
        description="Explain, and say how much each feature added to an item's score. The first "
        "time takes some seconds.",
    )
    preview: bool = Field(
        default=False,
        description="The list does not count as shown: no impressions, no request log, and in the "
        "metrics a route of its own.",
    )
    page_token: str = Field("", max_length=MAX_TOKEN_LENGTH, description="Of the page before.")
    why: PublicId | None = Field(
        None, description="An item: the answer explains why it is not in the list."
    )
    fields: ItemFields = Field(default_factory=list)


class RecommendQuery(RecommendOptions):
    """The query string of ``GET /recommend``."""

    user_id: PublicId = Field(
        description="Any user: an unknown one gets a list too.", json_schema_extra=USER
    )


class RecommendBody(RecommendOptions):
    """A request that does not fit a query string: sessions, anonymous users, long exclusions."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"k": 10, "history": [{"item_id": "50", "type": "like"}]}]}
    )
    history: list[InlineEvent] = Field(default_factory=list, max_length=500)


class RankBody(ListOptions):
    """A request to rank items that the caller has chosen."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "196", "items": ["50", "288"], "k": 10}]}
    )
    items: list[EventId] = Field(
        min_length=1, max_length=MAX_CANDIDATES, description="The items to rank, in any order."
    )
    explain: bool = Field(default=False, description="Explain how each item came to be here.")
    fields: ItemFields = Field(default_factory=list)
    history: list[InlineEvent] = Field(default_factory=list, max_length=500)


class ExplainQuery(ListOptions):
    """The query string of ``GET /explain``: a list as of ``/recommend``, and an item."""

    user_id: PublicId = Field(json_schema_extra=USER)
    item_id: PublicId = Field(json_schema_extra=ITEM)
    fields: ItemFields = Field(default_factory=list)


class FaultDetail(BaseModel):
    """One of several faults of a request."""

    field: str | None
    message: str


class ErrorDetail(BaseModel):
    """The fault of a request."""

    code: str
    message: str
    field: str | None = None
    faults: list[FaultDetail] | None = Field(
        None, description="The first 20, if there are several."
    )


class ErrorBody(BaseModel):
    """The body of every 4xx and 5xx answer."""

    error: ErrorDetail


def error_bodies(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return the errors of an endpoint by status, for the description of the interface."""
    return {status: {"model": ErrorBody, "description": t} for status, t in descriptions.items()}
