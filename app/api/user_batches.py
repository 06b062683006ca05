"""``POST /users``: the attributes of many users at once, each as ``PUT /users/{id}`` takes them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.api.batch_bodies import (
    RefusedRecord,
    batch_error,
    describe_batch,
    list_refused,
    parse_batch,
    validate_in_slices,
)
from app.api.endpoint import await_store, json_response, service_of
from app.api.schemas import EventId, error_bodies
from app.api.users import UserAttributesBody, to_text
from app.state.user_store import write_attributes_of_many

router = APIRouter(tags=["users"])
MAX_BATCH_USERS = 1_000
ERRORS = error_bodies(
    {
        413: "The body is too large; send fewer users at once.",
        422: "A user is not valid; nothing was stored.",
        503: "The store did not take all of them; send all of them again.",
    }
)


EXAMPLE: list[JsonValue] = [{"user_id": "newcomer", "attributes": {"age": 24, "gender": "F"}}]


class UserIn(UserAttributesBody):
    """A user, and all attributes of the user from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLE})
    user_id: EventId


IN_LINES = (
    '{"user_id": "newcomer", "attributes": {"age": 24}}\n'
    '{"user_id": "somebody", "attributes": {"age": 31}}\n'
)


class UsersStored(BaseModel):
    """The number of users whose attributes were stored."""

    stored: int = Field(description="Users; the next list of each depends on them.")
    refused: list[RefusedRecord] | None = None


@router.post(
    "/users",
    summary="Set the attributes of many users",
    response_model=UsersStored,
    responses=ERRORS,
    openapi_extra=describe_batch(UserIn, EXAMPLE, IN_LINES),
)
async def put_users(http: Request, *, partial: bool = False) -> Response:
    """Replace the attributes of up to 1,000 users: a JSON list, one object, or one a line (NDJSON).

    When one of them is wrong, nothing is stored and 422 names it. With `partial=true` the others
    are stored, and `refused` lists what is wrong with which.
    """
    service = service_of(http)
    content_type = http.headers.get("content-type", "")
    batch = parse_batch(await http.body(), content_type, "user", MAX_BATCH_USERS)
    users, invalid = await validate_in_slices(batch, UserIn, "user_id")
    if invalid and not (partial and users):
        raise batch_error(batch, invalid, "user")
    attributes = {
        user.user_id: {name: to_text(value) for name, value in user.attributes.items()}
        for user in users.values()
    }
    await await_store(
        write_attributes_of_many(service.writer, service.settings.key_prefix, attributes),
        "not all users were stored; send all of them again, which has no other effect",
    )
    body: dict[str, Any] = {"stored": len(attributes)}
    return json_response(body | ({"refused": list_refused(invalid)} if invalid else {}))
