"""``/api/user`` and ``/api/users``: users with labels of any form and a comment.

Labels that are single values become the attributes of the user, so that segments depend on them.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.endpoint import await_store, json_response, require_deployment, service_of
from app.api.erasures import begin_erasure
from app.api.errors import RefusalError
from app.api.schemas import UserPathId
from app.api.user_search import is_erased
from app.api.users import to_text
from app.gorse_api.bodies import SLICE, naming_row, read_id, read_object, read_rows, read_text
from app.gorse_api.queries import affected, encode_cursor, read_cursor, read_page_size
from app.gorse_api.schemas import (
    UNKNOWN,
    GorseUser,
    RowsAffected,
    UsersPage,
    describe_body,
    page_query,
)
from app.service.deployment import Deployment
from app.service.service import Service
from app.state.gorse_records import (
    GorseRecord,
    gorse_user_key,
    list_users,
    merge_record,
    read_records,
    write_users,
)
from app.state.user_store import MAX_ATTRIBUTES, write_attributes, write_attributes_of_many

router = APIRouter(prefix="/api", tags=["gorse"])
NEW_USER: GorseRecord = {"Labels": None, "Comment": ""}
MAX_NAME, MAX_VALUE = 64, 256  # characters of an attribute
WRITTEN_TOGETHER = 500  # users; lists are made in between


@router.get("/users", summary="Users", response_model=UsersPage, openapi_extra=page_query())
async def gorse_users(http: Request) -> Response:
    """Return users in the order of their ids: those of the bundle, and those with a record."""
    n, start, service = read_page_size(http), read_cursor(http), service_of(http)
    deployment = require_deployment(service)
    ids = await _find_users(service, deployment, start, n + 1)
    page, cursor = ids[:n], encode_cursor(ids[n]) if len(ids) > n else ""
    keys = [gorse_user_key(service.settings.key_prefix, user) for user in page]
    records = await await_store(read_records(service.writer, keys))
    users = [render_user(user, record) for user, record in zip(page, records, strict=True)]
    return json_response({"Cursor": cursor, "Users": users})


@router.post(
    "/users",
    summary="Insert users",
    response_model=RowsAffected,
    openapi_extra=describe_body(GorseUser, is_list=True),
)
async def gorse_insert_users(http: Request) -> Response:
    """Store users; those who exist are replaced."""
    rows = await read_rows(http)
    await store_users(service_of(http), rows)
    return affected(len(rows))


@router.post(
    "/user",
    summary="Insert a user",
    response_model=RowsAffected,
    openapi_extra=describe_body(GorseUser),
)
async def gorse_insert_user(http: Request) -> Response:
    """Store a user; one who exists is replaced."""
    await store_users(service_of(http), [await read_object(http)])
    return affected(1)


@router.get("/user/{user_id}", summary="A user", response_model=GorseUser, responses=UNKNOWN)
async def gorse_user(http: Request, user_id: UserPathId) -> Response:
    """Return a user."""
    service = service_of(http)
    return json_response(render_user(user_id, await require_user(service, user_id)))


@router.patch(
    "/user/{user_id}",
    summary="Change a user",
    response_model=RowsAffected,
    responses=UNKNOWN,
    openapi_extra=describe_body(GorseUser),
)
async def gorse_update_user(http: Request, user_id: UserPathId) -> Response:
    """Change the fields that are sent and are not null. A user that does not exist is refused."""
    service, body = service_of(http), await read_object(http)
    await require_user(service, user_id)
    changes = {name: body[name] for name in NEW_USER if body.get(name) is not None}
    read_text(changes, "Comment")
    prefix = service.settings.key_prefix
    key = gorse_user_key(prefix, user_id)
    await await_store(merge_record(service.writer, key, changes, NEW_USER))
    if "Labels" in changes:
        attributes = attributes_of(changes["Labels"])
        await await_store(write_attributes(service.writer, prefix, user_id, attributes))
    return affected(1)


@router.delete("/user/{user_id}", summary="Erase a user", response_model=RowsAffected)
async def gorse_delete_user(http: Request, user_id: UserPathId) -> Response:
    """Erase a user with all feedback, as `DELETE /users/{user_id}` does."""
    await begin_erasure(service_of(http), user_id)
    return affected(1)


async def store_users(service: Service, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store users and their attributes. Refuse all of them if one is not valid."""
    records: dict[str, GorseRecord] = {}
    attributes: dict[str, dict[str, str]] = {}
    for n, row in enumerate(rows):
        with naming_row(n, len(rows)):
            record = {"Labels": row.get("Labels"), "Comment": read_text(row, "Comment")}
            user = read_id(row, "UserId")
        records[user], attributes[user] = record, attributes_of(record["Labels"])
        if n % SLICE == 0:
            await asyncio.sleep(0)  # lists go first
    prefix = service.settings.key_prefix
    users = list(records)
    for start in range(0, len(users), WRITTEN_TOGETHER):
        some = users[start : start + WRITTEN_TOGETHER]
        of_some = {user: attributes[user] for user in some}
        await await_store(write_attributes_of_many(service.writer, prefix, of_some))
        await await_store(write_users(service.writer, prefix, {u: records[u] for u in some}))


def attributes_of(labels: Any) -> dict[str, str]:
    """Return the labels that an attribute can hold: those with a name and a single value."""
    pairs = labels.items() if isinstance(labels, dict) else ()
    attributes = {
        name: text
        for name, value in pairs
        if isinstance(value, str | int | float)
        and len(text := to_text(value)) <= MAX_VALUE
        and 0 < len(name) <= MAX_NAME
    }
    return dict(list(attributes.items())[:MAX_ATTRIBUTES])


async def require_user(service: Service, user_id: str) -> GorseRecord:
    """Return a user's record, an empty one for a user of the bundle. Refuse an unknown user."""
    deployment = require_deployment(service)
    key = gorse_user_key(service.settings.key_prefix, user_id)
    record = (await await_store(read_records(service.writer, [key])))[0]
    if record is not None:
        return record
    is_in_bundle = deployment.bundle.models.users.ids.row(user_id) >= 0
    if not is_in_bundle or is_erased(service, deployment, user_id):
        raise RefusalError(404, f"there is no user {user_id}")
    return NEW_USER


def render_user(user: str, record: GorseRecord | None) -> dict[str, Any]:
    """Return a user as Gorse does."""
    return {"UserId": user} | NEW_USER | (record or {})


async def _find_users(service: Service, deployment: Deployment, start: str, n: int) -> list[str]:
    """Return the first ``n`` users from ``start`` on, in the order of bytes."""
    prefix = service.settings.key_prefix
    stored = await await_store(list_users(service.writer, prefix, start, n))
    keys = deployment.bundle.models.users.ids.keys
    own: list[str] = []
    at = bisect_left(keys, start.encode())
    while len(own) < n and at < len(keys):
        names = [key.decode() for key in keys[at : at + n].tolist()]
        own += [name for name in names if not is_erased(service, deployment, name)]
        at += n
    return sorted({*stored, *own[:n]}, key=str.encode)[:n]
