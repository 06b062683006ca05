"""``/users/{id}/blocked``: what a user never wants to see."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import RefusalError
from app.api.path_ids import PathId
from app.api.schemas import NEW_USER, ErrorBody, PublicId
from app.contracts import Blocked, StageError
from app.service import Service
from app.state.user_store import MAX_BLOCKED, read_blocked, write_blocked

router = APIRouter(tags=["users"])
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorBody, "description": "The lists are not valid; nothing was stored."},
    503: {"model": ErrorBody, "description": "The store did not answer; ask again."},
}
User = Annotated[
    PathId,
    Path(description="Anyone: users need not be made first.", json_schema_extra=NEW_USER),
]


class BlockedBody(BaseModel):
    """Everything that the user blocks from now on; what was blocked before is forgotten."""

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
async def put_blocked(http: Request, user_id: User, body: BlockedBody) -> Response:
    """Replace the user's blocked lists. The user's next list knows of them."""
    service: Service = http.app.state.service
    blocked = Blocked(tuple(body.items), tuple(body.providers), tuple(body.categories))
    several = len(blocked.items) + len(blocked.providers) + len(blocked.categories)
    if several > MAX_BLOCKED:
        raise RefusalError(
            422, f"{several} things are blocked, at most {MAX_BLOCKED} can be", "items"
        )
    try:
        await write_blocked(service.writer, service.settings.key_prefix, user_id, blocked)
    except StageError as error:
        raise RefusalError(503, f"nothing was blocked: {error}", retry_after=1) from error
    return _told(blocked)


@router.get(
    "/users/{user_id}/blocked",
    summary="What a user has blocked",
    response_model=BlockedBody,
    responses=ERRORS,
)
async def get_blocked(http: Request, user_id: User) -> Response:
    """Give the user's blocked lists; empty ones for a user who has none."""
    service: Service = http.app.state.service
    try:
        return _told(await read_blocked(service.writer, service.settings.key_prefix, user_id))
    except StageError as error:
        raise RefusalError(503, f"the store does not answer: {error}", retry_after=1) from error


def _told(blocked: Blocked) -> Response:
    told = {
        "items": blocked.items,
        "providers": blocked.providers,
        "categories": blocked.categories,
    }
    return Response(orjson.dumps(told), media_type="application/json")
