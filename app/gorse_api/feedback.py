"""``/api/feedback``: what users did, one row for each type, user and item.

What Gorse keeps of it (the value that adds up, the comment, a time in the future) is stored beside
the events that the lists depend on.
"""

from collections.abc import Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from app.api.endpoint import await_store, json_response, require_deployment, service_of
from app.api.errors import RefusalError
from app.api.items import items_access
from app.api.schemas import PathId, UserPathId
from app.gorse_api.bodies import MAX_ROWS, read_feedback_rows, read_rows
from app.gorse_api.feedback_events import (
    require_few_types,
    store_feedback_events,
    withdraw_feedback_events,
)
from app.gorse_api.items import add_missing_items
from app.gorse_api.queries import (
    affected,
    encode_feedback_cursor,
    number_of,
    read_feedback_cursor,
    read_page_size,
)
from app.gorse_api.schemas import (
    FULL,
    UNKNOWN,
    FeedbackPage,
    GorseFeedback,
    RowsAffected,
    StoredFeedback,
    describe_body,
    page_query,
)
from app.gorse_api.times import render_time
from app.gorse_api.users import NEW_USER
from app.state.gorse_feedback import (
    FeedbackRow,
    count_feedback,
    delete_feedback,
    list_feedback,
    read_feedback,
    read_item_feedback,
    read_user_feedback,
    write_feedback,
)
from app.state.gorse_records import add_users

router = APIRouter(prefix="/api", tags=["gorse"])


@router.post(
    "/feedback",
    summary="Insert feedback",
    response_model=RowsAffected,
    responses=FULL,
    openapi_extra=describe_body(GorseFeedback, is_list=True),
)
async def gorse_insert_feedback(http: Request) -> Response:
    """Store feedback; the value of a row that exists grows. Unknown users and items are created.

    When one row is wrong, nothing is stored. The rows change the next list of their users.
    """
    return await _store(http, "add")


@router.put(
    "/feedback",
    summary="Replace feedback",
    response_model=RowsAffected,
    responses=FULL,
    openapi_extra=describe_body(GorseFeedback, is_list=True),
)
async def gorse_replace_feedback(http: Request) -> Response:
    """Store feedback; a row that exists is replaced. Else as `POST`."""
    return await _store(http, "put")


async def _store(http: Request, how: Literal["add", "put"]) -> Response:
    sent = await read_rows(http)
    rows = await read_feedback_rows(sent)
    service, deployment = items_access(http)
    await require_few_types(service, {row.kind for row in rows})
    await add_missing_items(service, deployment, [row.item for row in rows])
    # Events first: they are recognised when the rows are sent again, and a value would grow twice.
    await store_feedback_events(service, rows, how)
    prefix, rules = service.settings.key_prefix, service.settings.feedback_types.excluding
    await await_store(write_feedback(service.writer, prefix, rows, how, rules))
    users = {row.user for row in rows}
    await await_store(add_users(service.writer, prefix, users, NEW_USER))
    return affected(len(sent))


@router.get(
    "/feedback", summary="Feedback", response_model=FeedbackPage, openapi_extra=page_query()
)
async def gorse_feedback(http: Request) -> Response:
    """Return all feedback in the order of type, user and item."""
    return await _page(http, "")


@router.get(
    "/feedback/{feedback_type}",
    summary="Feedback of a type",
    response_model=FeedbackPage,
    openapi_extra=page_query(),
)
async def gorse_feedback_of_type(http: Request, feedback_type: PathId) -> Response:
    """Return all feedback of a type in the order of user and item."""
    return await _page(http, feedback_type)


async def _page(http: Request, kind: str) -> Response:
    n, start = read_page_size(http), read_feedback_cursor(http)
    if kind and start[0] not in {"", kind}:
        raise RefusalError(400, "the cursor is of another feedback type", "cursor")
    service = service_of(http)
    prefix = service.settings.key_prefix
    rows = await await_store(list_feedback(service.writer, prefix, start, n + 1, kind))
    cursor = encode_feedback_cursor(rows[n].key) if len(rows) > n else ""
    return json_response({"Cursor": cursor, "Feedback": render_rows(rows[:n])})


@router.get(
    "/feedback/{user_id}/{item_id}",
    summary="Feedback of a user about an item",
    response_model=list[StoredFeedback],
)
async def gorse_feedback_of_pair(http: Request, user_id: UserPathId, item_id: PathId) -> Response:
    """Return the feedback of a user about an item, of all types."""
    service = service_of(http)
    prefix = service.settings.key_prefix
    rows = await await_store(read_feedback(service.writer, prefix, user_id, item_id))
    return json_response(render_rows(rows))


@router.get(
    "/feedback/{feedback_type}/{user_id}/{item_id}",
    summary="A row of feedback",
    response_model=StoredFeedback,
    responses=UNKNOWN,
)
async def gorse_feedback_row(
    http: Request, feedback_type: PathId, user_id: UserPathId, item_id: PathId
) -> Response:
    """Return the feedback of a user about an item of one type."""
    service = service_of(http)
    prefix = service.settings.key_prefix
    work = read_feedback(service.writer, prefix, user_id, item_id, feedback_type)
    rows = await await_store(work)
    if not rows:
        raise RefusalError(404, f"{user_id} has no {feedback_type} of {item_id}")
    return json_response(render_rows(rows)[0])


@router.delete(
    "/feedback/{user_id}/{item_id}",
    summary="Delete feedback of all types",
    response_model=RowsAffected,
)
async def gorse_delete_feedback_of_pair(
    http: Request, user_id: UserPathId, item_id: PathId
) -> Response:
    """Delete the feedback of a user about an item, of all types."""
    return await _delete(http, user_id, item_id)


@router.delete(
    "/feedback/{feedback_type}/{user_id}/{item_id}",
    summary="Delete a row of feedback",
    response_model=RowsAffected,
)
async def gorse_delete_feedback(
    http: Request, feedback_type: PathId, user_id: UserPathId, item_id: PathId
) -> Response:
    """Delete the feedback of a user about an item of one type."""
    return await _delete(http, user_id, item_id, feedback_type)


async def _delete(http: Request, user: str, item: str, kind: str = "") -> Response:
    service = service_of(http)
    require_deployment(service)
    prefix = service.settings.key_prefix
    # Events first: as long as the rows are there, a repeated request finds what is to be withdrawn.
    rows = await await_store(read_feedback(service.writer, prefix, user, item))
    deleted = [row for row in rows if kind in {"", row.kind}]
    await withdraw_feedback_events(service, deleted, rows)
    rules = service.settings.feedback_types.excluding
    keys = [row.key for row in deleted]
    return affected(len(await await_store(delete_feedback(service.writer, prefix, keys, rules))))


@router.get(
    "/user/{user_id}/feedback",
    summary="Feedback of a user",
    response_model=list[StoredFeedback],
)
async def gorse_user_feedback(http: Request, user_id: UserPathId) -> Response:
    """Return the feedback of a user."""
    return await _of_user(http, user_id)


@router.get(
    "/user/{user_id}/feedback/{feedback_type}",
    summary="Feedback of a user of a type",
    response_model=list[StoredFeedback],
)
async def gorse_user_feedback_of_type(
    http: Request, user_id: UserPathId, feedback_type: PathId
) -> Response:
    """Return the feedback of a user of one type."""
    return await _of_user(http, user_id, feedback_type)


async def _of_user(http: Request, user: str, kind: str = "") -> Response:
    service = service_of(http)
    prefix = service.settings.key_prefix
    _require_few(await await_store(count_feedback(service.writer, prefix, user=user)), user)
    rows = await await_store(read_user_feedback(service.writer, prefix, user, kind))
    return json_response(render_rows(rows))


@router.get(
    "/item/{item_id}/feedback",
    summary="Feedback about an item",
    response_model=list[StoredFeedback],
)
async def gorse_item_feedback(http: Request, item_id: PathId) -> Response:
    """Return the feedback of all users about an item."""
    return await _of_item(http, item_id)


@router.get(
    "/item/{item_id}/feedback/{feedback_type}",
    summary="Feedback about an item of a type",
    response_model=list[StoredFeedback],
)
async def gorse_item_feedback_of_type(
    http: Request, item_id: PathId, feedback_type: PathId
) -> Response:
    """Return the feedback of all users about an item of one type."""
    return await _of_item(http, item_id, feedback_type)


async def _of_item(http: Request, item: str, kind: str = "") -> Response:
    service = service_of(http)
    prefix = service.settings.key_prefix
    _require_few(await await_store(count_feedback(service.writer, prefix, item=item)), item)
    rows = await await_store(read_item_feedback(service.writer, prefix, item, kind))
    return json_response(render_rows(rows))


def _require_few(n: int, name: str) -> None:
    """Refuse to return more rows at once than a worker can without holding up lists."""
    if n > MAX_ROWS:
        raise RefusalError(
            400,
            f"{name} has {n:,} rows of feedback, more than {MAX_ROWS:,}: read /api/feedback page "
            "by page",
        )


def render_rows(rows: Sequence[FeedbackRow]) -> list[dict[str, Any]]:
    """Return rows of feedback as Gorse does."""
    return [
        {
            "FeedbackType": row.kind,
            "UserId": row.user,
            "ItemId": row.item,
            "Value": number_of(row.value),
            "Timestamp": render_time(row.at),
            "Updated": render_time(row.updated),
            "Comment": row.comment,
        }
        for row in rows
    ]
