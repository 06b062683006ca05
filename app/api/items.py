"""``/items/{id}``: the catalogue, changed while it is served."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.api.errors import RefusalError
from app.api.item_bodies import ItemBody, ItemView, check_attributes, render_item
from app.api.schemas import ITEM, ErrorBody, PathId
from app.api.service_access import json_response, require_deployment, service_of
from app.contracts import StageError
from app.live_catalogue.live_items import ItemRecord
from app.service.deployment import Deployment
from app.service.service import Service

router = APIRouter(tags=["items"])
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
        description="The example is an item to create with PUT and remove with DELETE.",
        json_schema_extra={"example": "new-1"},
    ),
]


@router.put(
    "/items/{item_id}",
    summary="Put an item into the catalogue, or change one",
    response_model=ItemView,
    responses=ERRORS | FULL,
)
async def put_item(http: Request, item_id: NewId, body: ItemBody) -> Response:
    """Create or change an item in every worker. After the answer it can be in the next list.

    With `"is_available": false` it is in no list from then on.
    """
    service, deployment = _access(http)
    fields = body.model_dump(exclude_unset=True)
    attributes = check_attributes(deployment.live_items.base, body.attributes or {})

    def update(before: ItemRecord | None) -> ItemRecord:
        if before is None or before.is_deleted:
            before = ItemRecord(item_id, since=time.time())
        if body.attributes is not None:
            fields["attributes"] = {**(before.attributes or {}), **attributes}
        item = replace(before, **fields)
        _require_room(service, deployment, item)
        return item

    item = await _change(service, item_id, update, "put")
    return json_response(render_item(deployment, item))


@router.get(
    "/items/{item_id}",
    summary="An item as it is served",
    response_model=ItemView,
    responses=ERRORS | UNKNOWN,
)
async def get_item(http: Request, item_id: Id) -> Response:
    """Return an item: the bundle's values, and those that callers set."""
    service, deployment = _access(http)
    item = _find(service, deployment, item_id)
    if item.is_deleted:
        raise RefusalError(404, f"the item {item_id} was deleted; PUT it to create it again")
    return json_response(render_item(deployment, item))


@router.delete(
    "/items/{item_id}", summary="Show an item no more", status_code=204, responses=ERRORS | UNKNOWN
)
async def delete_item(http: Request, item_id: NewId) -> Response:
    """Remove the item from every list. After the answer no worker shows it again.

    The deletion holds over restarts and new bundles, until the item is put again.
    """
    service, deployment = _access(http)
    item = _find(service, deployment, item_id)
    deleted = ItemRecord(item_id, since=item.since, is_available=False, is_deleted=True)
    await _change(service, item_id, lambda _: deleted, "delete")
    return Response(status_code=204)


def _access(http: Request) -> tuple[Service, Deployment]:
    """Return the service and the bundle that it serves.

    Raises:
        RefusalError: the service is starting, or has not read the changed items yet.
    """
    service = service_of(http)
    deployment = require_deployment(service)
    if not service.item_store.loaded.is_set():
        raise RefusalError(503, "the changed items have not been read yet", retry_after=1)
    return service, deployment


def _find(service: Service, deployment: Deployment, item_id: str) -> ItemRecord:
    """Return the record of an item; an empty one for an unchanged item of the bundle.

    Raises:
        RefusalError: there is no such item.
    """
    record = service.item_store.items.get(item_id)
    if record is not None:
        return record
    if deployment.live_items.base.ids.row(item_id) < 0:
        raise RefusalError(404, f"there is no item {item_id}; PUT it to create it")
    return ItemRecord(item_id, since=time.time())


def _require_room(service: Service, deployment: Deployment, item: ItemRecord) -> None:
    """Refuse an item for which there is no row.

    Raises:
        RefusalError: all rows are taken.
    """
    if deployment.live_items.has_room_for(item):
        return
    service.metrics.count_item_change("put", "full")
    raise RefusalError(
        507,
        f"all {service.settings.spare_items} spare rows are taken: train a bundle that has "
        "the new items, delete some, or raise spare_items",
        "item_id",
    )


async def _change(
    service: Service, item_id: str, update: Callable[[ItemRecord | None], ItemRecord], change: str
) -> ItemRecord:
    """Store a change, and wait until every worker has applied it.

    Raises:
        RefusalError: the store did not take it, or a worker does not confirm it.
    """
    try:
        item, position = await service.item_store.change(item_id, update)
        late = await service.item_store.workers.unconfirmed(position, service.confirm_timeout)
    except StageError as error:
        service.metrics.count_item_change(change, "lost")
        raise RefusalError(503, f"the item was not changed: {error}", retry_after=1) from error
    service.metrics.count_item_change(change, "unconfirmed" if late else "accepted")
    if late:
        raise RefusalError(
            503,
            f"the change is stored, but {len(late)} of the workers ({late[0]}) did not confirm it "
            f"within {service.confirm_timeout:g} s and may still answer as before: ask again",
            retry_after=1,
        )
    return item
