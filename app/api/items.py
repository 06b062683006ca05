"""``/items/{id}``: the catalogue, changed while it is served."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import RefusalError
from app.api.item_attributes import check_attributes
from app.api.path_ids import PathId
from app.api.schemas import ITEM, ErrorBody, FieldName, PublicId, ScalarValue
from app.catalogue.attributes import MAX_COLUMNS
from app.catalogue.live_items import ItemRecord
from app.contracts import StageError
from app.service import Deployment, Service

router = APIRouter(tags=["items"])
CONFIRM_WITHIN = 2.0  # seconds for all workers to know of a change
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorBody, "description": "The item is not valid; nothing was changed."},
    503: {
        "model": ErrorBody,
        "description": "Not confirmed by the store or every worker; ask again.",
    },
}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "No such item."}
}
FULL: dict[int | str, dict[str, Any]] = {
    507: {"model": ErrorBody, "description": "No spare row left."}
}
Id = Annotated[PathId, Path(json_schema_extra=ITEM)]
NewId = Annotated[
    PathId,
    Path(
        description="The example is of an item to make with PUT and remove with DELETE.",
        json_schema_extra={"example": "new-1"},
    ),
]


class ItemBody(BaseModel):
    """What is told of an item. What is not told stays as it is, null is as the bundle has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Night City",
                    "text": "A detective walks the city at night.",
                    "categories": ["Drama", "Thriller"],
                    "released": 1998,
                }
            ]
        },
    )
    title: str | None = Field(None, max_length=1_000)
    text: str | None = Field(None, max_length=20_000, description="Whatever describes it.")
    categories: tuple[PublicId, ...] | None = Field(None, max_length=100)
    provider: PublicId | None = None
    released: float | None = Field(None, ge=-10_000, le=10_000, description="Year.")
    flags: tuple[PublicId, ...] | None = Field(None, max_length=100)
    is_available: bool | None = Field(None, description="Not told: as before, at first true.")
    attributes: dict[FieldName, ScalarValue | None] | None = Field(
        None,
        max_length=MAX_COLUMNS,
        description='Of those that the bundle knows, such as `{"price": 12.5, "language": "en"}`.',
    )


class ItemView(BaseModel):
    """An item as it is served."""

    item_id: str
    title: str | None
    text: str | None = Field(description="As it was put; the bundle keeps none.")
    categories: list[str]
    provider: str | None
    released: float | None
    flags: list[str]
    is_available: bool
    attributes: dict[str, float | str | None] = Field(description="Null where it is unknown.")
    source: str = Field(description="`bundle`, or `live` for one that no bundle has yet.")


@router.put(
    "/items/{item_id}",
    summary="Put an item into the catalogue, or change one",
    response_model=ItemView,
    responses=ERRORS | FULL,
)
async def put_item(http: Request, item_id: NewId, body: ItemBody) -> Response:
    """Take the item at once in every worker: when this is answered, it can be in the next list.

    With `"is_available": false` it is in no list from then on.
    """
    service, deployment = _served(http)
    told = body.model_dump(exclude_unset=True)
    attributes = check_attributes(deployment.live_items.base, body.attributes or {})

    def as_told(before: ItemRecord | None) -> ItemRecord:
        if before is None or before.is_deleted:
            before = ItemRecord(item_id, since=time.time())
        if body.attributes is not None:
            told["attributes"] = {**(before.attributes or {}), **attributes}
        item = replace(before, **told)
        _require_room(service, deployment, item)
        return item

    item = await _change(service, item_id, as_told, "put")
    return Response(orjson.dumps(_told(deployment, item)), media_type="application/json")


@router.get(
    "/items/{item_id}",
    summary="An item as it is served",
    response_model=ItemView,
    responses=ERRORS | UNKNOWN,
)
async def get_item(http: Request, item_id: Id) -> Response:
    """Give what is known of an item, from the bundle and from what was put."""
    service, deployment = _served(http)
    item = _known(service, deployment, item_id)
    if item.is_deleted:
        raise RefusalError(404, f"the item {item_id} was deleted; PUT it to have it again")
    return Response(orjson.dumps(_told(deployment, item)), media_type="application/json")


@router.delete(
    "/items/{item_id}",
    summary="Show an item no more",
    status_code=204,
    responses=ERRORS | UNKNOWN,
)
async def delete_item(http: Request, item_id: NewId) -> Response:
    """Take the item out of every list: once this is answered, no worker gives it again.

    It stays so over restarts and new bundles, until it is put again.
    """
    service, deployment = _served(http)
    known = _known(service, deployment, item_id)
    gone = ItemRecord(item_id, since=known.since, is_available=False, is_deleted=True)
    await _change(service, item_id, lambda _: gone, "delete")
    return Response(status_code=204)


def _served(http: Request) -> tuple[Service, Deployment]:
    """Give the service and what it serves.

    Raises:
        RefusalError: it is starting, or does not know yet what was told of items.
    """
    service: Service = http.app.state.service
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    if not service.item_store.loaded.is_set():
        raise RefusalError(503, "the store has not told yet of changed items", retry_after=1)
    return service, service.deployment


def _known(service: Service, deployment: Deployment, item_id: str) -> ItemRecord:
    """Give what was told of an item; nothing, for one of the bundle that nobody changed.

    Raises:
        RefusalError: there is no such item.
    """
    told = service.item_store.items.get(item_id)
    if told is not None:
        return told
    if deployment.live_items.base.ids.row(item_id) < 0:
        raise RefusalError(404, f"there is no item {item_id}; PUT it to make it")
    return ItemRecord(item_id, since=time.time())


def _require_room(service: Service, deployment: Deployment, item: ItemRecord) -> None:
    """Refuse an item for which there is no row.

    Raises:
        RefusalError: all are taken.
    """
    if deployment.live_items.has_room_for(item):
        return
    service.metrics.count_item_change("put", "full")
    raise RefusalError(
        507,
        f"all {service.settings.spare_items} spare rows are taken: train a bundle that knows "
        "the new items, delete some, or raise spare_items",
        "item_id",
    )


async def _change(
    service: Service, item_id: str, changed: Callable[[ItemRecord | None], ItemRecord], change: str
) -> ItemRecord:
    """Store a change, and wait until every worker has applied it.

    Raises:
        RefusalError: the store did not take it, or a worker does not answer.
    """
    try:
        item, place = await service.item_store.change(item_id, changed)
        late = await service.item_store.workers.unconfirmed(place, CONFIRM_WITHIN)
    except StageError as error:
        service.metrics.count_item_change(change, "lost")
        raise RefusalError(503, f"the item was not changed: {error}", retry_after=1) from error
    service.metrics.count_item_change(change, "unconfirmed" if late else "accepted")
    if late:
        raise RefusalError(
            503,
            f"the change is stored, but {len(late)} of the workers ({late[0]}) did not confirm it "
            f"within {CONFIRM_WITHIN:g} s and may still answer as before: ask again",
            retry_after=1,
        )
    return item


def _told(deployment: Deployment, item: ItemRecord) -> dict[str, Any]:
    """Say how an item is served.

    Raises:
        RefusalError: it has no row yet.
    """
    served = deployment.live_items.completed(item)
    if served is None:
        raise RefusalError(503, f"the item {item.item_id} waits for a spare row", retry_after=1)
    told = asdict(served)
    known = deployment.live_items.base.ids.row(item.item_id) >= 0
    return {name: told[name] for name in ItemView.model_fields if name in told} | {
        "source": "bundle" if known else "live"
    }
