"""``GET /users``: find users by the beginning of their ids, in the bundle and in the store."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.endpoint import (
    await_store,
    describe_parameters,
    json_response,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.errors import RefusalError
from app.api.schemas import error_bodies
from app.service.deployment import Deployment
from app.service.service import Service
from app.state.user_store import find_users

router = APIRouter(tags=["users"])
MAX_LIMIT = 200
MAX_SCANS = 20  # of the store, for one answer
KEYS_PER_SCAN = 500
MAX_PLACE = 21  # of a cursor of Redis, below 2**64, and its letter
BUNDLE, STORE = "b", "s"  # where the next page begins; the place there follows
ERRORS = error_bodies(
    {422: "The request is not valid; the answer says where.", 503: "Not ready yet; ask again."}
)


class UserSearchQuery(BaseModel):
    """The query string of ``GET /users``."""

    model_config = ConfigDict(extra="forbid")
    prefix: str = Field("", max_length=256, description="With what the id begins.")
    limit: int = Field(20, ge=1, le=MAX_LIMIT, description="How many users, about.")
    cursor: str = Field("", max_length=300, description="Of the page before.")


class MatchingUser(BaseModel):
    """A user."""

    user_id: str
    source: str = Field(description="`bundle`, or `live` for a user that is not in the bundle.")


class UserPage(BaseModel):
    """Users of the bundle in the order of their ids, then the others in no order."""

    users: list[MatchingUser]
    cursor: str | None = Field(
        description="For the next page; null: no more users. A page can be short, even empty, "
        "while there are more."
    )


@router.get(
    "/users",
    summary="Find users",
    response_model=UserPage,
    responses=ERRORS,
    openapi_extra=describe_parameters(UserSearchQuery),
)
async def search_users(http: Request) -> Response:
    """Return the users whose ids begin with a text: those of the bundle, then newer ones.

    Erased users are left out. `GET /users/{user_id}` shows what is stored of one.
    """
    options = read_query_string(http, UserSearchQuery)
    service = service_of(http)
    deployment = require_deployment(service)
    place = options.cursor or BUNDLE
    if place.startswith(BUNDLE):
        ids, cursor = _of_bundle(service, deployment, options, place[1:])
        return _page(ids, "bundle", cursor)
    is_number = place[1:].isascii() and place[1:].isdigit() and len(place) <= MAX_PLACE
    if not (place.startswith(STORE) and is_number and int(place[1:]) < 2**64):
        raise RefusalError(422, "send the cursor of the answer before, unchanged", "cursor")
    ids, cursor = await _of_store(service, deployment, options, int(place[1:]))
    return _page(ids, "live", cursor)


def _of_bundle(
    service: Service, deployment: Deployment, options: UserSearchQuery, after: str
) -> tuple[list[str], str | None]:
    """Return a page of the bundle's users, without erased ones, and where the next page begins."""
    users = deployment.bundle.models.users.ids
    own = options.prefix.encode()
    start = max(bisect_left(users.keys, own), bisect_right(users.keys, after.encode()))
    end = bisect_left(users.keys, own + b"\xff")  # no UTF-8 text has this byte
    rows = np.arange(start, min(start + options.limit, end))
    names = users.names(rows) if len(rows) else []
    kept = [name for name in names if not is_erased(service, deployment, name)]
    has_more = start + options.limit < end
    return kept, f"{BUNDLE}{names[-1]}" if has_more else f"{STORE}0"


async def _of_store(
    service: Service, deployment: Deployment, options: UserSearchQuery, cursor: int
) -> tuple[list[str], str | None]:
    """Return users that the bundle does not have, and where the next page begins."""
    ids, prefix = deployment.bundle.models.users.ids, service.settings.key_prefix
    names: list[str] = []
    for _ in range(MAX_SCANS):
        work = find_users(service.writer, prefix, options.prefix, cursor, KEYS_PER_SCAN)
        users, cursor = await await_store(work)
        names += [
            name for name in users if ids.row(name) < 0 or is_erased(service, deployment, name)
        ]
        if not cursor or len(names) >= options.limit:
            break
    return names, f"{STORE}{cursor}" if cursor else None


def is_erased(service: Service, deployment: Deployment, user: str) -> bool:
    """Return whether a user was erased after the bundle was made."""
    shift = deployment.bundle.manifest.time_shift
    erased_at = service.exclusions.erased_at(user) - shift
    return erased_at >= deployment.bundle.models.popularity.at


def _page(ids: Sequence[str], source: str, cursor: str | None) -> Response:
    users: list[dict[str, Any]] = [{"user_id": name, "source": source} for name in ids]
    return json_response({"users": users, "cursor": cursor})
