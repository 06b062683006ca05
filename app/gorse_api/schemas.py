"""The schemas of Gorse's API, for its description. Bodies are read by ``bodies``."""

from typing import Any

from pydantic import BaseModel, Field

CATEGORY = {
    "name": "category",
    "in": "query",
    "schema": {"type": "array", "items": {"type": "string"}},
    "description": "Only items of this category; of several, of all of them.",
}
N = {
    "name": "n",
    "in": "query",
    "schema": {"type": "integer", "default": 10},
    "description": "How many; of a list, 0 is all there are.",
}
OFFSET = {
    "name": "offset",
    "in": "query",
    "schema": {"type": "integer", "default": 0},
    "description": "How many to leave out.",
}
CURSOR = {
    "name": "cursor",
    "in": "query",
    "schema": {"type": "string"},
    "description": "Of the page before.",
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such row."}}
FULL: dict[int | str, dict[str, Any]] = {507: {"description": "No spare row left for a new item."}}
# Of every operation, beside those of all operations of the service.
ERRORS = {
    "400": "Not valid; the text says what to do.",
    "406": "The client does not accept JSON.",
    "503": "No bundle, no store, or too many requests; see `Retry-After`.",
}
FIRST_ERROR = 400
BEFORE_ROUTING = frozenset({"408", "431"})  # of requests whose path is not known


class RowsAffected(BaseModel):
    """How many rows were changed."""

    RowAffected: int


class GorseUser(BaseModel):
    """A user."""

    UserId: str
    Labels: Any = Field(None, description="Any JSON. Single values become attributes.")
    Comment: str = ""


class UsersPage(BaseModel):
    """Users in the order of their ids."""

    Cursor: str = Field(description="Of the next page; empty: no more.")
    Users: list[GorseUser]


class GorseItem(BaseModel):
    """An item."""

    ItemId: str
    IsHidden: bool = False
    Categories: list[str] | None = None
    Timestamp: str = Field("0001-01-01T00:00:00Z", description="Many forms in, RFC 3339 out.")
    Labels: Any = Field(None, description="Any JSON.")
    Comment: str = Field("", description="The item's title.")


class ItemsPage(BaseModel):
    """Items in the order of their ids."""

    Cursor: str = Field(description="Of the next page; empty: no more.")
    Items: list[GorseItem]


class GorseFeedback(BaseModel):
    """What a user did with an item."""

    FeedbackType: str
    UserId: str
    ItemId: str
    Value: float = 0.0
    Timestamp: str = Field("0001-01-01T00:00:00Z", description="Many forms in, RFC 3339 out.")
    Comment: str = ""


class StoredFeedback(GorseFeedback):
    """A row of feedback as it is stored."""

    Updated: str


class FeedbackPage(BaseModel):
    """Feedback in the order of type, user and item."""

    Cursor: str = Field(description="Of the next page; empty: no more.")
    Feedback: list[StoredFeedback]


class Scored(BaseModel):
    """An item or a user of a list, with a score."""

    Id: str
    Score: float


class GorseHealth(BaseModel):
    """Whether the service answers."""

    Ready: bool
    DataStoreError: str | None
    CacheStoreError: str | None
    DataStoreConnected: bool
    CacheStoreConnected: bool


def describe_body(model: type[BaseModel], *, is_list: bool = False) -> dict[str, Any]:
    """Return the description of a body of one object, or of a list of them."""
    schema = model.model_json_schema()
    content = {"application/json": {"schema": _list_of(schema) if is_list else schema}}
    return {"requestBody": {"required": True, "content": content}}


def page_query(*more: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the query string of a page."""
    return {"parameters": [N, CURSOR, *more]}


def list_query(*more: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the query string of a list."""
    return {"parameters": [N, OFFSET, *more]}


def describe_errors(operation: dict[str, Any]) -> None:
    """Describe that the errors of an operation are plain text, and that none has status 422."""
    responses = operation["responses"]
    responses.pop("422", None)
    responses |= {status: {"description": text} for status, text in ERRORS.items()}
    for status, response in responses.items():
        if int(status) >= FIRST_ERROR and status not in BEFORE_ROUTING:
            response["content"] = {"text/plain": {"schema": {"type": "string"}}}


def _list_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}
