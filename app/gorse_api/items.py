"""``/api/item`` and ``/api/items``: the catalogue, with labels of any form, comments and times."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from app.api.endpoint import await_store, json_response
from app.api.errors import RefusalError
from app.api.item_batches import require_rows, store_items
from app.api.item_bodies import ItemUpdate, update_of
from app.api.item_search import MAX_BLOCKS, MAX_WORDS, without_deleted
from app.api.items import (
    change_item,
    find_item,
    items_access,
    remove_item,
    require_item,
    set_item_fields,
)
from app.api.schemas import PathId
from app.catalogue.item_search import ItemSearch
from app.contracts import NO_ROWS, Rows
from app.gorse_api.bodies import SLICE, naming_row, read_id, read_object, read_rows
from app.gorse_api.item_records import (
    NEW_ITEM,
    body_of,
    read_item,
    render_item_row,
    seconds_of_record,
)
from app.gorse_api.queries import affected, encode_cursor, read_cursor, read_page_size
from app.gorse_api.schemas import (
    FULL,
    UNKNOWN,
    GorseItem,
    ItemsPage,
    RowsAffected,
    describe_body,
    page_query,
)
from app.live_catalogue.live_items import ItemRecord
from app.service.deployment import Deployment
from app.service.service import Service
from app.state.gorse_feedback import delete_item_feedback
from app.state.gorse_records import (
    GorseRecord,
    delete_item_record,
    gorse_item_key,
    merge_record,
    read_records,
    write_item_time,
    write_items,
)

router = APIRouter(prefix="/api", tags=["gorse"])
SEARCH = {"name": "q", "in": "query", "schema": {"type": "string"}, "description": "Words."}


@router.get("/items", summary="Items", response_model=ItemsPage, openapi_extra=page_query(SEARCH))
async def gorse_items(http: Request) -> Response:
    """Return items in the order of their ids, or those whose comments have the words of `q`."""
    n, start, words = read_page_size(http), read_cursor(http), http.query_params.get("q", "")
    if len(set(words.split())) > MAX_WORDS:
        raise RefusalError(400, f"q has too many words: write at most {MAX_WORDS}")
    service, deployment = items_access(http)
    rows = await _find_rows(service, deployment, ItemSearch("", words), start, n + 1)
    ids = deployment.live_items.catalogue.ids.names(rows) if len(rows) else []
    cursor = encode_cursor(ids[n]) if len(ids) > n and not words else ""
    items = await render_items(service, deployment, ids[:n])
    return json_response({"Cursor": cursor, "Items": items})


@router.post(
    "/items",
    summary="Insert items",
    response_model=RowsAffected,
    responses=FULL,
    openapi_extra=describe_body(GorseItem, is_list=True),
)
async def gorse_insert_items(http: Request) -> Response:
    """Store items; those that exist are replaced."""
    rows = await read_rows(http)
    await _store_rows(*items_access(http), rows)
    return affected(len(rows))


@router.post(
    "/item",
    summary="Insert an item",
    response_model=RowsAffected,
    responses=FULL,
    openapi_extra=describe_body(GorseItem),
)
async def gorse_insert_item(http: Request) -> Response:
    """Store an item; one that exists is replaced."""
    row = await read_object(http)
    await _store_rows(*items_access(http), [row])
    return affected(1)


@router.get("/item/{item_id}", summary="An item", response_model=GorseItem, responses=UNKNOWN)
async def gorse_item(http: Request, item_id: PathId) -> Response:
    """Return an item."""
    service, deployment = items_access(http)
    _require_item(service, deployment, item_id)
    return json_response((await render_items(service, deployment, [item_id]))[0])


@router.patch(
    "/item/{item_id}",
    summary="Change an item",
    response_model=RowsAffected,
    responses=UNKNOWN | FULL,
    openapi_extra=describe_body(GorseItem),
)
async def gorse_update_item(http: Request, item_id: PathId) -> Response:
    """Change the fields that are sent and are not null. An item that does not exist is refused."""
    body = await read_object(http)
    service, deployment = items_access(http)
    _require_item(service, deployment, item_id)
    fields = {name: value for name, value in body.items() if value is not None}
    whole = read_item(fields)
    changes = {name: whole[name] for name in whole if name in fields}
    update = body_of(whole, changes, deployment.live_items.base)
    await set_item_fields(service, deployment, item_id, update, must_exist=True)
    await _merge(service, deployment, item_id, changes)
    return affected(1)


@router.delete("/item/{item_id}", summary="Delete an item", response_model=RowsAffected)
async def gorse_delete_item(http: Request, item_id: PathId) -> Response:
    """Remove the item from every list, and delete its feedback."""
    service, deployment = items_access(http)
    prefix = service.settings.key_prefix
    if deployment.live_items.base.ids.row(item_id) >= 0 or item_id in service.item_store.items:
        await remove_item(service, find_item(service, deployment, item_id))
    await await_store(delete_item_record(service.writer, prefix, item_id))
    rules = service.settings.feedback_types.excluding
    await await_store(delete_item_feedback(service.writer, prefix, item_id, rules))
    return affected(1)


@router.put(
    "/item/{item_id}/category/{category}",
    summary="Add a category",
    response_model=RowsAffected,
    responses=UNKNOWN,
)
async def gorse_add_category(http: Request, item_id: PathId, category: PathId) -> Response:
    """Add a category to an item. An item that does not exist is refused."""
    await _change_categories(http, item_id, lambda names: [*names, category])
    return affected(1)


@router.delete(
    "/item/{item_id}/category/{category}",
    summary="Remove a category",
    response_model=RowsAffected,
    responses=UNKNOWN,
)
async def gorse_delete_category(http: Request, item_id: PathId, category: PathId) -> Response:
    """Remove a category from an item. An item that does not exist is refused."""
    await _change_categories(http, item_id, lambda names: [n for n in names if n != category])
    return affected(1)


def _require_item(service: Service, deployment: Deployment, item_id: str) -> None:
    """Refuse an item that is unknown or deleted."""
    try:
        require_item(service, deployment, item_id)
    except RefusalError as refusal:
        raise RefusalError(refusal.status, f"there is no item {item_id}") from None


async def add_missing_items(
    service: Service, deployment: Deployment, item_ids: Sequence[str]
) -> None:
    """Create those items that do not exist. One that was deleted stays deleted."""
    base, stored = deployment.live_items.base.ids, service.item_store.items
    unknown = [name for name in dict.fromkeys(item_ids) if name not in stored]
    rows = base.rows(unknown)
    missing = [name for name, row in zip(unknown, rows.tolist(), strict=True) if row < 0]
    if missing:
        body = body_of(NEW_ITEM, {}, deployment.live_items.base)
        updates = {name: _keeping(update_of(deployment, name, body)) for name in missing}
        require_rows(service, deployment, updates)
        await store_items(service, updates)


def _keeping(update: ItemUpdate) -> ItemUpdate:
    """Return an update that leaves a record as it is that somebody else has stored meanwhile."""
    return lambda before: update(None) if before is None else before


async def render_items(
    service: Service, deployment: Deployment, item_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """Return items as Gorse does."""
    prefix = service.settings.key_prefix
    keys = [gorse_item_key(prefix, name) for name in item_ids]
    records = await await_store(read_records(service.writer, keys))
    items = []
    for n, (name, record) in enumerate(zip(item_ids, records, strict=True)):
        if n % SLICE == SLICE - 1:
            await asyncio.sleep(0)  # lists go first
        items.append(render_item_row(_served(service, deployment, name), record))
    return items


def _served(service: Service, deployment: Deployment, item_id: str) -> ItemRecord:
    """Return an item as it is served; one that waits for a row, as it will be."""
    item = service.item_store.items.get(item_id) or ItemRecord(item_id, since=0.0)
    return deployment.live_items.complete_record(item) or item


async def _store_rows(
    service: Service, deployment: Deployment, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Store items in the catalogue and beside it. Refuse all of them if one is not valid."""
    records: dict[str, GorseRecord] = {}
    updates: dict[str, ItemUpdate] = {}
    for n, row in enumerate(rows):
        with naming_row(n, len(rows)):
            name, record = read_id(row, "ItemId"), read_item(row)
            body = body_of(record, record, deployment.live_items.base)
            updates[name], records[name] = update_of(deployment, name, body), record
        if n % SLICE == 0:
            await asyncio.sleep(0)  # lists go first
    if not records:
        return
    require_rows(service, deployment, updates)
    times = {name: at for name in records if (at := seconds_of_record(records[name])) is not None}
    prefix = service.settings.key_prefix
    await await_store(write_items(service.writer, prefix, records, times))
    await store_items(service, updates)


async def _merge(
    service: Service, deployment: Deployment, item_id: str, changes: GorseRecord
) -> None:
    """Change fields of an item's record; one that has none gets what the catalogue has."""
    prefix = service.settings.key_prefix
    key = gorse_item_key(prefix, item_id)
    if changes:
        served = render_item_row(_served(service, deployment, item_id), None)
        first = read_item(served)
        record = await await_store(merge_record(service.writer, key, changes, first))
        at = seconds_of_record(record)
        await await_store(write_item_time(service.writer, prefix, item_id, at))


async def _change_categories(
    http: Request, item_id: str, change: Callable[[list[str]], list[str]]
) -> None:
    """Change the categories of an item, and no other change is lost."""
    service, deployment = items_access(http)
    _require_item(service, deployment, item_id)
    served = _served(service, deployment, item_id)

    def update(before: ItemRecord | None) -> ItemRecord:
        if before is not None and before.is_deleted:
            raise RefusalError(404, f"the item {item_id} was deleted; insert it again")
        item = before or ItemRecord(item_id, since=time.time())
        names = item.categories if item.categories is not None else served.categories
        return replace(item, categories=tuple(dict.fromkeys(change(list(names or ())))))

    item = await change_item(service, item_id, update, "put")
    await _merge(service, deployment, item_id, {"Categories": list(item.categories or ())})


async def _find_rows(
    service: Service, deployment: Deployment, search: ItemSearch, start: str, n: int
) -> Rows:
    """Return the rows of the first ``n`` matching items from ``start`` on, in the order of ids."""
    catalogue = deployment.live_items.catalogue
    first = catalogue.ids.row(start) if start else -1
    rows = without_deleted(
        catalogue, service.item_store, np.array([first] if first >= 0 else [], np.int64)
    )
    search = replace(search, after=start)
    new = await asyncio.to_thread(search.sort_added, catalogue.ids.added_rows.copy())
    for number, (block, _) in enumerate(search.blocks(catalogue, new), 1):
        listed = without_deleted(catalogue, service.item_store, block)
        rows = np.concatenate([rows, listed])
        if len(rows) >= n or (search.words and number == MAX_BLOCKS):
            break
        await asyncio.sleep(0)
    return rows[:n].astype(np.int64) if len(rows) else NO_ROWS
