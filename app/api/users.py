"""``/users/{id}``: attributes, friends, what a user blocks, and all that is stored."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.endpoint import (
    await_store,
    await_workers,
    json_response,
    require_deployment,
    service_of,
)
from app.api.errors import RefusalError
from app.api.filter_notes import blocked_notes
from app.api.schemas import USER, FieldName, PathId, PublicId, ScalarValue, UserPathId, error_bodies
from app.contracts import Blocked, UserRecord
from app.features.user_segments import segment_labels
from app.query_builder import QueryBuilder
from app.service.service import Service
from app.state.user_store import (
    MAX_ATTRIBUTES,
    MAX_BLOCKED,
    MAX_FRIENDS,
    AttributeCountError,
    merge_attributes,
    read_blocked,
    read_user_data,
    write_attributes,
    write_blocked,
    write_friends,
)

router = APIRouter(tags=["users"])
NOT_STORED = error_bodies(
    {422: "Not valid; nothing was stored.", 503: "The store did not answer; send it again."}
)
UNKNOWN = error_bodies(
    {404: "Nothing is known of this user.", 503: "The store did not answer; ask again."}
)


class UserAttributesBody(BaseModel):
    """All attributes of a user from now on; they replace those set before."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"attributes": {"age": 24, "gender": "F"}}]}
    )
    attributes: dict[FieldName, ScalarValue] = Field(max_length=MAX_ATTRIBUTES)


class UserChangesBody(BaseModel):
    """Some attributes of a user; the others stay."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"attributes": {"age": 25}}]}
    )
    attributes: dict[FieldName, ScalarValue | None] = Field(
        max_length=MAX_ATTRIBUTES,
        description="Null removes what was set; the value of the training data then holds.",
    )


class FriendsBody(BaseModel):
    """All friends of a user from now on, or whom the user follows."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"friends": ["22", "305"]}]}
    )
    friends: list[PublicId] = Field(max_length=MAX_FRIENDS)


class BlockedBody(BaseModel):
    """Everything that the user blocks from now on; it replaces what was blocked before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"items": ["50"], "categories": ["Horror"]}]},
    )
    items: list[PublicId] = Field(default_factory=list, max_length=MAX_BLOCKED)
    providers: list[PublicId] = Field(default_factory=list, max_length=MAX_BLOCKED)
    categories: list[PublicId] = Field(default_factory=list, max_length=MAX_BLOCKED)


class UserAttributes(BaseModel):
    """A user's attributes, as text, and the segments that they lead to."""

    user_id: str
    attributes: dict[str, str]
    segments: dict[str, str | None] = Field(description="Null: the segment is not known.")


class UserFriends(BaseModel):
    """A user's friends."""

    user_id: str
    friends: list[str]


class StoredEvent(BaseModel):
    """A live event."""

    event_id: str
    item_id: str
    type: str
    value: float
    timestamp: float = Field(description="Unix seconds.")


class UserCounts(BaseModel):
    """The number of a user's events and of items shown lately."""

    live_events: int
    bundle_events: int
    shown: int = Field(description="Lately; only kept if a policy uses it.")


class UserView(UserAttributes):
    """What is known of a user."""

    friends: list[str]
    blocked: BlockedBody
    hidden: list[str]
    counts: UserCounts
    history: list[StoredEvent] = Field(description="Live events, newest first.")


@router.put(
    "/users/{user_id}",
    summary="Set a user's attributes",
    response_model=UserAttributes,
    responses=NOT_STORED,
)
async def put_user(http: Request, user_id: UserPathId, body: UserAttributesBody) -> Response:
    """Replace the user's attributes, such as age, gender or country.

    They change the user's next list: popular items depend on the user's segments, which the answer
    names. Attributes set here replace those of the training data.
    """
    service = service_of(http)
    attributes = {name: to_text(value) for name, value in body.attributes.items()}
    require_deployment(service)
    prefix = service.settings.key_prefix
    await await_store(write_attributes(service.writer, prefix, user_id, attributes))
    return json_response(describe_user(service, user_id, attributes))


def describe_user(service: Service, user_id: str, attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return a user's attributes and the segments that they lead to."""
    builder, record = _user_access(service, attributes)
    codes = builder.segments(builder.models.users.ids.row(user_id), record)
    segments = segment_labels(builder.models.segments, codes)
    return {"user_id": user_id, "attributes": attributes, "segments": segments}


@router.patch(
    "/users/{user_id}",
    summary="Change some of a user's attributes",
    response_model=UserAttributes,
    responses=NOT_STORED,
)
async def patch_user(http: Request, user_id: UserPathId, body: UserChangesBody) -> Response:
    """Set the attributes that the body names, and keep the others.

    Null removes what was set. The value of the training data, if there is one, then holds again.
    """
    service = service_of(http)
    require_deployment(service)
    changes = {
        name: None if value is None else to_text(value) for name, value in body.attributes.items()
    }
    prefix = service.settings.key_prefix
    try:
        attributes = await await_store(merge_attributes(service.writer, prefix, user_id, changes))
    except AttributeCountError as error:
        raise RefusalError(422, str(error), "attributes") from None
    return json_response(describe_user(service, user_id, attributes))


@router.put(
    "/users/{user_id}/friends",
    summary="Set a user's friends",
    response_model=UserFriends,
    responses=NOT_STORED,
)
async def put_friends(http: Request, user_id: UserPathId, body: FriendsBody) -> Response:
    """Replace the user's friends; the channel `social` proposes what they liked lately."""
    service = service_of(http)
    friends = list(dict.fromkeys(friend for friend in body.friends if friend != user_id))
    prefix = service.settings.key_prefix
    await await_store(write_friends(service.writer, prefix, user_id, friends))
    return json_response({"user_id": user_id, "friends": friends})


@router.get(
    "/users/{user_id}",
    summary="What is known of a user",
    response_model=UserView,
    responses=UNKNOWN,
)
async def get_user(
    http: Request,
    user_id: Annotated[PathId, Path(json_schema_extra=USER)],
    events: Annotated[int, Query(ge=0, le=1_000, description="How many of them.")] = 100,
) -> Response:
    """Return the newest live events, all else that is stored of the user, and the segments."""
    service = service_of(http)
    prefix = service.settings.key_prefix
    data = await await_store(read_user_data(service.writer, prefix, user_id, events))
    erased_at = max(data.erased_at, service.exclusions.erased_at(user_id))
    builder, record = _user_access(service, data.attributes, erased_at)
    row = builder.user_row(user_id, record)
    bundle_events = len(builder.models.users.history(row))
    if not data and not bundle_events:
        raise RefusalError(404, f"nothing is known of user {user_id}", "user_id")
    counts = {
        "live_events": data.history_length,
        "bundle_events": bundle_events,
        "shown": len(data.shown),
    }
    return json_response(
        {
            "user_id": user_id,
            "attributes": data.attributes,
            "segments": segment_labels(builder.models.segments, builder.segments(row, record)),
            "friends": data.friends,
            "blocked": asdict(data.blocked),
            "hidden": data.hidden,
            "counts": counts,
            "history": data.events,
        }
    )


def to_text(value: str | float | bool) -> str:  # noqa: FBT001 - as JSON has it
    """Write a value as a data file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _user_access(
    service: Service, attributes: Mapping[str, str], erased_at: float = -math.inf
) -> tuple[QueryBuilder, UserRecord]:
    """Return the bundle's query builder, and a user's record by the data's time."""
    deployment = require_deployment(service)
    erased_at -= deployment.bundle.manifest.time_shift
    record = UserRecord(attributes=attributes, erased_at=erased_at)
    return deployment.funnel.query_builder, record


class BlockedReply(BlockedBody):
    """What is blocked now."""

    notes: list[str] | None = Field(
        None, description="what no item has: it may be misspelt, or blocks items that come later"
    )


@router.put(
    "/users/{user_id}/blocked",
    summary="Block items, providers or categories for a user",
    response_model=BlockedReply,
    responses=NOT_STORED,
)
async def put_blocked(http: Request, user_id: UserPathId, body: BlockedBody) -> Response:
    """Replace the user's blocked lists. They hold for the user's next list, also without Redis.

    The answer comes when every worker knows them.
    """
    service = service_of(http)
    blocked = Blocked(tuple(body.items), tuple(body.providers), tuple(body.categories))
    count = len(blocked.items) + len(blocked.providers) + len(blocked.categories)
    if count > MAX_BLOCKED:
        raise RefusalError(
            422, f"{count} things are blocked, at most {MAX_BLOCKED} can be", "items"
        )
    prefix = service.settings.key_prefix
    position = await await_store(
        write_blocked(service.writer, prefix, user_id, blocked), "nothing was blocked"
    )
    await await_workers(service, position)
    reply = asdict(blocked)
    if service.deployment:
        notes = blocked_notes(service.deployment.live_items.catalogue, blocked)
        reply |= {"notes": notes} if notes else {}
    return json_response(reply)


@router.get(
    "/users/{user_id}/blocked",
    summary="What a user has blocked",
    response_model=BlockedBody,
    responses=NOT_STORED,
)
async def get_blocked(http: Request, user_id: UserPathId) -> Response:
    """Return the user's blocked lists; empty ones for a user who has none."""
    service = service_of(http)
    blocked = await await_store(read_blocked(service.writer, service.settings.key_prefix, user_id))
    return json_response(asdict(blocked))
