"""``/users/{id}/blocked``: what a user never wants to see."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import RefusalError
from app.api.schemas import ErrorBody, PublicId, UserPathId
from app.api.service_access import await_store, json_response, service_of
from app.contracts import Blocked
from app.state.user_store import MAX_BLOCKED, read_blocked, write_blocked

router = APIRouter(tags=["users"])
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorBody, "description": "The lists are not valid; nothing was stored."},
    503: {"model": ErrorBody, "description": "The store did not answer; ask again."},
}


class BlockedBody(BaseModel):
    """Everything that the user blocks from now on; it replaces what was blocked before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"items": ["50"], "categories": ["Horror"]}]},
    )
    items: list[PublicId] = Field(default_factory=list, max_length=MAX_BLOCKED)
    providers: list[PublicId] = Field(default_factory=list, max_length=MAX_BLOCKED)
    categories: list[PublicId] = Field(default_factory=list, max_length=MAX_BLOCKED)


@router.put(
    "/users/{user_id}/blocked",
    summary="Block items, providers or categories for a user",
    response_model=BlockedBody,
    responses=ERRORS,
)
async def put_blocked(http: Request, user_id: UserPathId, body: BlockedBody) -> Response:
    """Replace the user's blocked lists. They hold for the user's next list."""
    service = service_of(http)
    blocked = Blocked(tuple(body.items), tuple(body.providers), tuple(body.categories))
    count = len(blocked.items) + len(blocked.providers) + len(blocked.categories)
    if count > MAX_BLOCKED:
        raise RefusalError(
            422, f"{count} things are blocked, at most {MAX_BLOCKED} can be", "items"
        )
    prefix = service.settings.key_prefix
    await await_store(
        write_blocked(service.writer, prefix, user_id, blocked), "nothing was blocked"
    )
    return _render(blocked)


@router.get(
    "/users/{user_id}/blocked",
    summary="What a user has blocked",
    response_model=BlockedBody,
    responses=ERRORS,
)
async def get_blocked(http: Request, user_id: UserPathId) -> Response:
    """Return the user's blocked lists; empty ones for a user who has none."""
    service = service_of(http)
    prefix = service.settings.key_prefix
    return _render(await await_store(read_blocked(service.writer, prefix, user_id)))


def _render(blocked: Blocked) -> Response:
    return json_response(
        {"items": blocked.items, "providers": blocked.providers, "categories": blocked.categories}
    )
