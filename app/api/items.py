"""``/items/{id}``: the catalogue, changed while it is served, and counts of all users' actions."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from app.api.endpoint import json_response, require_deployment, service_of
from app.api.errors import RefusalError
from app.api.item_bodies import ItemBody, ItemUpdate, ItemView, render_item, update_of
from app.api.schemas import ITEM, PathId, error_bodies
from app.artifacts import DAY, HALF_LIVES, Segments
from app.contracts import StageError
from app.live_catalogue.live_items import ItemRecord
from app.service.deployment import Deployment
from app.service.service import Service
from app.state.counters import PopularityCounters

router = APIRouter(tags=["items"])
ERRORS = error_bodies(
    {
        422: "The item is not valid; nothing was changed.",
        503: "Not confirmed by the store or every worker; ask again.",
    }
)
UNKNOWN = error_bodies({404: "No such item."})
FULL = error_bodies({507: "No spare row left."})
ItemId = Annotated[PathId, Path(json_schema_extra=ITEM)]
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

    A new item for which no row is free yet is stored, and can be in lists some seconds later.
    With `"is_available": false` it is in no list from then on.
    """
    service, deployment = items_access(http)
    item = await set_item_fields(service, deployment, item_id, body)
    return json_response(render_item(deployment, item))


@router.patch(
    "/items/{item_id}",
    summary="Change an item that exists",
    response_model=ItemView,
    responses=ERRORS | UNKNOWN | FULL,
)
async def patch_item(http: Request, item_id: NewId, body: ItemBody) -> Response:
    """Change the fields that the body names, as `PUT` does. An item that does not exist is refused.

    So a misspelt id creates nothing.
    """
    service, deployment = items_access(http)
    require_item(service, deployment, item_id)
    item = await set_item_fields(service, deployment, item_id, body, must_exist=True)
    return json_response(render_item(deployment, item))


async def set_item_fields(
    service: Service,
    deployment: Deployment,
    item_id: str,
    body: ItemBody,
    *,
    must_exist: bool = False,
) -> ItemRecord:
    """Set the fields of an item in every worker, and return the item.

    ``must_exist`` refuses an item that the store has not, or has deleted, when the change is made.
    """
    update = update_of(deployment, item_id, body)

    def update_if_it_fits(before: ItemRecord | None) -> ItemRecord:
        if must_exist:
            _require_existing(deployment, item_id, before)
        item = update(before)
        _require_row(service, deployment, item)
        return item

    item = await change_item(service, item_id, update_if_it_fits, "put")
    require_item(service, deployment, item_id)  # others may have deleted it since
    return item


@router.get(
    "/items/{item_id}",
    summary="An item as it is served",
    response_model=ItemView,
    responses=ERRORS | UNKNOWN,
)
async def get_item(http: Request, item_id: ItemId) -> Response:
    """Return an item: the bundle's values, and those that callers set."""
    service, deployment = items_access(http)
    item = require_item(service, deployment, item_id)
    return json_response(render_item(deployment, item))


@router.delete(
    "/items/{item_id}", summary="Show an item no more", status_code=204, responses=ERRORS | UNKNOWN
)
async def delete_item(http: Request, item_id: NewId) -> Response:
    """Remove the item from every list. After the answer no worker shows it again.

    The deletion holds over restarts and new bundles, until the item is put again.
    """
    service, deployment = items_access(http)
    item = find_item(service, deployment, item_id)
    await remove_item(service, item)
    return Response(status_code=204)


async def remove_item(service: Service, item: ItemRecord) -> None:
    """Delete an item in every worker."""
    deleted = ItemRecord(item.item_id, since=item.since, is_available=False, is_deleted=True)
    await change_item(service, item.item_id, lambda _: deleted, "delete")


def items_access(http: Request) -> tuple[Service, Deployment]:
    """Return the service and its bundle. Refuse while changed items have not been read yet."""
    service = service_of(http)
    deployment = require_deployment(service)
    if not service.item_store.loaded.is_set():
        raise RefusalError(503, "the changed items have not been read yet", retry_after=1)
    return service, deployment


def find_item(service: Service, deployment: Deployment, item_id: str) -> ItemRecord:
    """Return the record of an item, an empty one where it is unchanged. Refuse an unknown item."""
    record = service.item_store.items.get(item_id)
    if record is not None:
        return record
    if deployment.live_items.base.ids.row(item_id) < 0:
        raise RefusalError(404, f"there is no item {item_id}; PUT it to create it")
    return ItemRecord(item_id, since=time.time())


def require_item(service: Service, deployment: Deployment, item_id: str) -> ItemRecord:
    """Return the record of an item. Refuse an item that is unknown or deleted."""
    item = find_item(service, deployment, item_id)
    _require_existing(deployment, item_id, item)
    return item


def _require_existing(deployment: Deployment, item_id: str, record: ItemRecord | None) -> None:
    """Refuse an item that is deleted, or that has neither a record nor a row in the bundle."""
    if record is None and deployment.live_items.base.ids.row(item_id) < 0:
        raise RefusalError(404, f"there is no item {item_id}; PUT it to create it")
    if record is not None and record.is_deleted:
        raise RefusalError(404, f"the item {item_id} was deleted; PUT it to create it again")


def _require_row(service: Service, deployment: Deployment, item: ItemRecord) -> None:
    """Refuse an item for which there is no row, or whose record would be one too many."""
    records, limit = service.item_store.items, service.settings.item_limit
    if item.item_id not in records and len(records) >= limit:
        service.metrics.count("item_changes", "put", "full")
        raise RefusalError(
            507,
            f"{len(records)} items were changed or deleted, and item_limit is {limit}: raise it",
            "item_id",
        )
    items, maximum = deployment.live_items, service.settings.max_spare_items
    if items.has_row_for(item):
        return
    if items.will_fit(maximum):
        service.add_spare_rows_soon()
        return
    service.metrics.count("item_changes", "put", "full")
    raise RefusalError(
        507,
        f"{items.spare_count} items or providers are new, and max_spare_items is {maximum}: train "
        "a bundle that has them, delete some, or raise max_spare_items",
        "item_id",
    )


async def change_item(
    service: Service, item_id: str, update: ItemUpdate, change: str
) -> ItemRecord:
    """Store a change. Refuse it unless the store takes it and every worker confirms it."""
    with refused_if_lost(service, change, "the item was not changed"):
        item, position = await service.item_store.change(item_id, update)
        late = await service.item_store.workers.unconfirmed(position, service.confirm_timeout)
    require_confirmed(service, late, change)
    return item


@contextmanager
def refused_if_lost(service: Service, change: str, failure: str) -> Iterator[None]:
    """Refuse, with ``failure``, a change of items that the store did not confirm."""
    try:
        yield
    except StageError as error:
        service.metrics.count("item_changes", change, "lost")
        raise RefusalError(503, f"{failure}: {error}", retry_after=1) from error


def require_confirmed(service: Service, late: Sequence[str], change: str, n: int = 1) -> None:
    """Count ``n`` changes. Refuse if some workers, ``late``, have not confirmed them."""
    service.metrics.count("item_changes", change, "unconfirmed" if late else "accepted", n=n)
    if late:
        raise RefusalError(
            503,
            f"the change is stored, but {len(late)} of the workers ({late[0]}) did not confirm it "
            f"within {service.confirm_timeout:g} s and may still answer as before: ask again",
            retry_after=1,
        )


class ItemSceneCounts(BaseModel):
    """Interactions of the users of one scene with an item."""

    shown: float
    liked: float = Field(description="Positive events that name a list of the scene.")


class ItemCounts(BaseModel):
    """Interactions of all users with an item."""

    item_id: str
    shown: float = Field(description="In lists, since the end of the bundle's data.")
    liked: float = Field(description="Positive events since then.")
    trend: dict[str, float] = Field(description="Likes, fading, by half-life in days.")
    scenes: dict[str, ItemSceneCounts]
    segments: dict[str, dict[str, float]] = Field(description="Live likes of 30 days by segment.")


@router.get(
    "/items/{item_id}/counts",
    summary="How all users interact with an item",
    response_model=ItemCounts,
    responses=UNKNOWN,
)
async def get_counts(http: Request, item_id: ItemId) -> Response:
    """Return the live counts of an item; all workers have the same within a second."""
    deployment = require_deployment(service_of(http))
    models, counters = deployment.bundle.models, deployment.counters
    row = models.catalogue.ids.row(item_id)
    if row < 0:
        raise RefusalError(404, f"there is no item {item_id}", "item_id")
    trend = counters.liked_at(counters.now, np.array([row]))[:, 0]
    return json_response(
        {
            "item_id": item_id,
            "shown": float(counters.exposures[row]),
            "liked": float(counters.positives[row]),
            "trend": {
                "all" if np.isinf(half_life) else f"{half_life / DAY:g}": round(float(likes), 6)
                for half_life, likes in zip(HALF_LIVES, trend, strict=True)
            },
            "scenes": {
                scene: {"shown": shown, "liked": liked}
                for scene, (shown, liked) in counters.scenes.counts_of(row).items()
            },
            "segments": _count_by_segment(counters, models.segments, row),
        }
    )


def _count_by_segment(
    counters: PopularityCounters, segments: Segments, row: int
) -> dict[str, dict[str, float]]:
    """Return the likes of each segment; empty when they are not counted."""
    if not len(counters.segments):
        return {}
    rows = np.arange(len(counters.segments) - 1)  # the last row counts all users
    likes = counters.segments.at(counters.now, rows, np.array([row]))[:, 0].astype(np.float64)
    parts = np.split(likes, segments.offsets[1:-1])
    return {
        name: dict(zip(labels, part.round(6).tolist(), strict=True))
        for name, labels, part in zip(segments.names, segments.labels, parts, strict=True)
    }
