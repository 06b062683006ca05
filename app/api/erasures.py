"""``DELETE /users/{id}`` and ``/erasures/{id}``: erase a user, and the receipt of an erasure."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from app.api.endpoint import await_store, await_workers, json_response, service_of
from app.api.errors import RefusalError
from app.api.schemas import UserPathId, error_bodies
from app.service.service import Service
from app.state.erasure import delete_user_keys
from app.state.erasure_journal import ErasureReceipt

router = APIRouter(tags=["users"])
ARCHIVE = "recfunnel archive, within one drain; or recfunnel erase"
NEXT_BUNDLE = "recfunnel train"
NOT_ERASED = error_bodies(
    {
        422: "Not valid; nothing was erased.",
        503: "The store did not answer, or the erasure could not be recorded; see the message.",
    }
)
NO_RECEIPT = error_bodies(
    {404: "No such erasure.", 503: "The receipts cannot be read; see the message."}
)


class ErasureBody(BaseModel):
    """The receipt of an erasure. It names the user by a digest."""

    erasure_id: str
    user_digest: str
    status: str  # "running" until the store has nothing left of the user, then "done"
    erased: float  # unix seconds: from then on the user is unknown
    finished: float | None  # unix seconds
    archived: float | None  # unix seconds: when the archive had nothing left of the user
    removed: dict[str, int]  # what was removed so far, and how many
    pending: dict[str, str]  # what a worker cannot reach, and what removes the user there


@router.delete(
    "/users/{user_id}",
    summary="Erase a user",
    status_code=202,
    response_model=ErasureBody,
    responses=NOT_ERASED,
)
async def delete_user(http: Request, user_id: UserPathId) -> Response:
    """Erase a user; the answer is a receipt, which `/erasures/{erasure_id}` keeps up to date.

    At the answer the user's own data is gone, and every worker treats the user as unknown. The
    entries of streams, logs and other users' friends are removed in the background. An erasure
    that was recorded is finished even if the service or Redis is killed now.
    """
    service = service_of(http)
    erasure_id = await begin_erasure(service, user_id)
    response = await _receipt(service, erasure_id, 202)
    response.headers["Location"] = f"/erasures/{erasure_id}"
    return response


async def begin_erasure(service: Service, user_id: str) -> str:
    """Delete a user's own data, in every worker; return the id of the erasure, which goes on."""
    now, prefix, journal = time.time(), service.settings.key_prefix, service.erasure_journal
    erasure_id = await await_store(asyncio.to_thread(journal.begin, user_id, now), "not erased")
    recorded = f"the erasure {erasure_id} is recorded and is finished when the store answers"
    work = delete_user_keys(service.writer, prefix, user_id, now)
    removed, cutoff = await await_store(work, recorded)
    begun = asyncio.to_thread(journal.add_removed, erasure_id, removed, cutoff)
    await await_store(begun, recorded)
    service.erasures.wake()
    await await_workers(service)
    return erasure_id


@router.get(
    "/erasures/{erasure_id}",
    summary="The receipt of an erasure",
    response_model=ErasureBody,
    responses=NO_RECEIPT,
)
async def get_erasure(
    http: Request,
    erasure_id: Annotated[
        str,
        Path(
            description="As the answer to `DELETE /users/{user_id}` names it.",
            pattern="^[0-9a-f]{32}$",
            json_schema_extra={"example": "0123456789abcdef0123456789abcdef"},
        ),
    ],
) -> Response:
    """Return what was removed so far, and whether the erasure is done."""
    return await _receipt(service_of(http), erasure_id)


async def _receipt(service: Service, erasure_id: str, status: int = 200) -> Response:
    receipt = await await_store(
        asyncio.to_thread(service.erasure_journal.receipt, erasure_id), "no receipt"
    )
    if receipt is None:
        raise RefusalError(404, f"there is no erasure {erasure_id}", "erasure_id")
    return json_response(_render(receipt), status)


def _render(receipt: ErasureReceipt) -> dict[str, Any]:
    archive = {} if receipt.archived else {"archive": ARCHIVE}
    body = ErasureBody(
        erasure_id=receipt.erasure_id,
        user_digest=receipt.digest,
        status="running" if receipt.finished is None else "done",
        erased=receipt.at,
        finished=receipt.finished,
        archived=receipt.archived,
        removed=dict(receipt.removed),
        pending=archive | {"next bundle": NEXT_BUNDLE},
    )
    return body.model_dump()
