"""``POST /items``: many items at once, each as ``PUT /items/{id}`` takes it."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.api.batch_bodies import (
    SLICE,
    Batch,
    InvalidRecord,
    RefusedRecord,
    batch_error,
    describe_batch,
    list_refused,
    parse_batch,
    validate_in_slices,
)
from app.api.endpoint import json_response
from app.api.errors import RefusalError
from app.api.item_bodies import ItemBody, ItemUpdate, update_of
from app.api.items import items_access, refused_if_lost, require_confirmed
from app.api.schemas import EventId, error_bodies
from app.service.deployment import Deployment
from app.service.service import Service

router = APIRouter(tags=["items"])
MAX_BATCH_ITEMS = 1_000
ERRORS = error_bodies(
    {
        413: "The body is too large; send fewer items at once.",
        422: "An item is not valid; nothing was changed.",
        503: "Not confirmed by the store or every worker; send all of them again.",
        507: "Not enough spare rows left; nothing was changed.",
    }
)


EXAMPLE: list[JsonValue] = [
    {"item_id": "new-2", "title": "Harbour at Dawn", "categories": ["Drama"]}
]


class ItemIn(ItemBody):
    """An item, and the fields to set for it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": EXAMPLE})
    item_id: EventId


IN_LINES = '{"item_id": "new-2", "title": "Harbour"}\n{"item_id": "new-3", "released": 2001}\n'


class ItemsStored(BaseModel):
    """The number of items that were stored."""

    stored: int = Field(description="Items that every worker knows.")
    refused: list[RefusedRecord] | None = None


@router.post(
    "/items",
    summary="Put many items into the catalogue",
    response_model=ItemsStored,
    responses=ERRORS,
    openapi_extra=describe_batch(ItemIn, EXAMPLE, IN_LINES),
)
async def put_items(http: Request, *, partial: bool = False) -> Response:
    """Create or change up to 1,000 items: a JSON list, one object, or one object a line (NDJSON).

    Each has an `item_id` and the fields of `PUT /items/{item_id}`. When one of them is wrong,
    nothing is changed and 422 names it. With `partial=true` the others are stored, and `refused`
    lists what is wrong with which. The answer comes when every worker knows all of them.
    """
    service, deployment = items_access(http)
    content_type = http.headers.get("content-type", "")
    batch = parse_batch(await http.body(), content_type, "item", MAX_BATCH_ITEMS)
    updates, invalid = await _check(deployment, batch)
    if invalid and not (partial and updates):
        raise batch_error(batch, invalid, "item")
    require_rows(service, deployment, updates)
    await store_items(service, updates)
    body: dict[str, Any] = {"stored": len(updates)}
    return json_response(body | ({"refused": list_refused(invalid)} if invalid else {}))


async def _check(
    deployment: Deployment, batch: Batch
) -> tuple[dict[str, ItemUpdate], dict[int, InvalidRecord]]:
    """Return the updates of the valid items by their ids, and the others by their positions."""
    items, invalid = await validate_in_slices(batch, ItemIn, "item_id")
    updates: dict[str, ItemUpdate] = {}
    for n, (position, item) in enumerate(items.items()):
        if n % SLICE == 0:
            await asyncio.sleep(0)  # lists go first
        try:
            updates[item.item_id] = update_of(deployment, item.item_id, item)
        except RefusalError as refusal:
            invalid[position] = InvalidRecord(refusal.field, str(refusal))
    return updates, invalid


def require_rows(service: Service, deployment: Deployment, updates: dict[str, ItemUpdate]) -> None:
    """Refuse items for which there will be no rows, or whose records would be too many."""
    records, settings = service.item_store.items, service.settings
    n_records = len(records) + sum(item_id not in records for item_id in updates)
    if n_records > settings.item_limit:
        service.metrics.count("item_changes", "put", "full", n=len(updates))
        raise RefusalError(
            507,
            f"{n_records} items would be changed or deleted, and item_limit is "
            f"{settings.item_limit}: raise it",
        )
    live_items, ids = deployment.live_items, deployment.live_items.catalogue.ids
    n_new = int((ids.rows(list(updates)) < 0).sum())
    n_new = max(n_new, _count_new_providers(deployment, updates))
    if n_new and not live_items.will_fit(settings.max_spare_items, n_new):
        service.metrics.count("item_changes", "put", "full", n=len(updates))
        raise RefusalError(
            507,
            f"{n_new} items or providers are new, and max_spare_items ({settings.max_spare_items}) "
            "leaves no room for them: train a bundle that has them, delete some, or raise it",
        )
    if n_new > live_items.free_count:
        service.add_spare_rows_soon()


def _count_new_providers(deployment: Deployment, updates: dict[str, ItemUpdate]) -> int:
    names = {update(None).provider for update in updates.values()} - {None}
    return len(names.difference(deployment.live_items.catalogue.provider_names.tolist()))


async def store_items(service: Service, updates: dict[str, ItemUpdate]) -> None:
    """Store the items in slices, and wait until every worker knows them."""
    failure = "not all items were stored; send all of them again, which has no other effect"
    position = b""
    with refused_if_lost(service, "put", failure):
        changes = list(updates.items())
        for start in range(0, len(changes), SLICE):
            part = dict(changes[start : start + SLICE])
            _, position = await service.item_store.change_many(part)
        late = await service.item_store.workers.unconfirmed(position, service.confirm_timeout)
    require_confirmed(service, late, "put", len(updates))
