"""``/users/{id}``: what is told of a user, what is known of one, and how one is forgotten."""

import math
import time
from collections.abc import Awaitable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import RefusalError
from app.api.path_ids import PathId
from app.api.schemas import USER, ErrorBody, FieldName, PublicId, ScalarValue
from app.api.user_blocks import User
from app.catalogue.user_segments import segment_labels
from app.contracts import StageError, UserRecord
from app.query_builder import QueryBuilder
from app.request_log.erasure import erase_log_entries
from app.service import Service
from app.state.erasure import erase_user
from app.state.user_store import (
    MAX_ATTRIBUTES,
    MAX_FRIENDS,
    read_user_data,
    write_attributes,
    write_friends,
)

router = APIRouter(tags=["users"])
Reply = TypeVar("Reply")
UNSTORED: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorBody, "description": "Not valid; nothing was stored."},
    503: {"model": ErrorBody, "description": "The store did not answer; send it again."},
}
PENDING = {  # what a worker cannot reach, and what removes the user there
    "archive": "recfunnel archive, within one drain; or recfunnel erase",
    "next bundle": "recfunnel train",
}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "Nothing is known of this user."},
    503: {"model": ErrorBody, "description": "The store did not answer; ask again."},
}


class UserAttributesBody(BaseModel):
    """All that is told of a user from now on; what was told before is forgotten."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"attributes": {"age": 24, "gender": "F"}}]},
    )
    attributes: dict[FieldName, ScalarValue] = Field(max_length=MAX_ATTRIBUTES)


class FriendsBody(BaseModel):
    """All friends of a user from now on, or whom the user follows."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"friends": ["22", "305"]}]}
    )
    friends: list[PublicId] = Field(max_length=MAX_FRIENDS)


@router.put("/users/{user_id}", summary="Tell a user's attributes", responses=UNSTORED)
async def put_user(http: Request, user_id: User, body: UserAttributesBody) -> Response:
    """Replace what is told of the user, such as age, gender or country.

    The user's next list knows: popular items are chosen by the segments that the bundle knows,
    which the answer names. What is told here wins over what the training data had.
    """
    service: Service = http.app.state.service
    attributes = {name: _text(value) for name, value in body.attributes.items()}
    profiles, told = _bundled(service, attributes)
    prefix = service.settings.key_prefix
    await _done(write_attributes(service.writer, prefix, user_id, attributes))
    of = profiles.segments(profiles.models.users.ids.row(user_id), told)
    segments = segment_labels(profiles.models.segments, of)
    return _json({"user_id": user_id, "attributes": attributes, "segments": segments})


@router.put("/users/{user_id}/friends", summary="Tell a user's friends", responses=UNSTORED)
async def put_friends(http: Request, user_id: User, body: FriendsBody) -> Response:
    """Replace the user's friends; the channel `social` proposes what they liked lately."""
    service: Service = http.app.state.service
    friends = list(dict.fromkeys(friend for friend in body.friends if friend != user_id))
    await _done(write_friends(service.writer, service.settings.key_prefix, user_id, friends))
    return _json({"user_id": user_id, "friends": friends})


@router.get("/users/{user_id}", summary="What is known of a user", responses=UNKNOWN)
async def get_user(
    http: Request,
    user_id: Annotated[PathId, Path(json_schema_extra=USER)],
    events: Annotated[int, Query(ge=0, le=1_000, description="How many of them.")] = 100,
) -> Response:
    """Give the newest live events and all else that is kept of the user, and segments."""
    service: Service = http.app.state.service
    known = await _done(
        read_user_data(service.writer, service.settings.key_prefix, user_id, events)
    )
    profiles, told = _bundled(service, known.attributes, known.erased_at)
    member = profiles.user_row(user_id, told)
    trained = len(profiles.models.users.history(member))
    if not known and not trained:
        raise RefusalError(404, f"nothing is known of user {user_id}", "user_id")
    segments = segment_labels(profiles.models.segments, profiles.segments(member, told))
    counts = {
        "live_events": known.history_length,
        "bundle_events": trained,
        "shown": len(known.shown),
    }
    return _json(
        {
            "user_id": user_id,
            "attributes": known.attributes,
            "segments": segments,
            "friends": known.friends,
            "blocked": asdict(known.blocked),
            "hidden": known.hidden,
            "counts": counts,
            "history": known.events,
        }
    )


@router.delete("/users/{user_id}", summary="Forget a user", responses=UNSTORED)
async def delete_user(http: Request, user_id: User) -> Response:
    """Remove all that is kept of the user; the answer is a receipt that counts it.

    The bundle in service takes the user for a stranger from now on. `pending` names what is not
    done yet, archive and next bundle, and which command does it.
    """
    service: Service = http.app.state.service
    now = time.time()
    prefix = service.settings.key_prefix
    removed = await _done(erase_user(service.writer, prefix, user_id, now))
    removed["served"] = await _done(erase_log_entries(service.writer, prefix, user_id))
    receipt = {"user_id": user_id, "erased": now, "removed": removed, "pending": PENDING}
    return _json(receipt)


async def _done(work: Awaitable[Reply]) -> Reply:
    """Wait for the store.

    Raises:
        RefusalError: it does not answer.
    """
    try:
        return await work
    except StageError as error:
        raise RefusalError(503, f"the store did not answer: {error}", retry_after=1) from error


def _text(value: str | float | bool) -> str:  # noqa: FBT001 - as JSON has it
    """Write a value as a data file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _bundled(
    service: Service, attributes: Mapping[str, str], erased: float = -math.inf
) -> tuple[QueryBuilder, UserRecord]:
    """Give what knows the bundle's users, and what is told of this one by the bundle's time.

    Raises:
        RefusalError: there is no bundle yet.
    """
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    erased -= service.deployment.bundle.manifest.time_shift
    return service.deployment.funnel.query_builder, UserRecord(
        attributes=attributes, erased_at=erased
    )


def _json(told: Any) -> Response:
    return Response(orjson.dumps(told), media_type="application/json")
