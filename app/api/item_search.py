"""``GET /items``: find items by the beginning of their ids, words of their titles, and a filter."""

import asyncio
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.api.endpoint import describe_parameters, json_response, read_query_string
from app.api.errors import Fault, RefusalError
from app.api.item_fields import ItemFields, add_fields, field_faults
from app.api.items import items_access
from app.api.schemas import FILTER_DESCRIPTION, error_bodies
from app.catalogue.attributes import column_kinds
from app.catalogue.item_search import ItemSearch
from app.contracts import NO_ROWS, Rows
from app.expressions.item_filter import (
    MAX_FILTER_LENGTH,
    ExpressionFilter,
    FilterError,
    parse_filter,
)
from app.live_catalogue.catalogue_overlay import CatalogueOverlay
from app.live_catalogue.item_store import ItemStore

router = APIRouter(tags=["items"])
MAX_LIMIT = 200
MAX_WORDS = 10  # each is looked for in every title
MAX_BLOCKS = 50  # of 2,000 items that one request looks at; the next page goes on from there
ERRORS = error_bodies(
    {422: "The request is not valid; the answer says where.", 503: "Not ready yet; ask again."}
)


class ItemSearchQuery(BaseModel):
    """The query string of ``GET /items``."""

    model_config = ConfigDict(extra="forbid")
    prefix: str = Field("", max_length=256, description="With what the id begins.")
    title: str = Field(
        "", max_length=200, description="Words of the title, or how they begin, in any order."
    )
    filter: str = Field("", max_length=MAX_FILTER_LENGTH, description=FILTER_DESCRIPTION)
    fields: ItemFields = Field(default_factory=list)
    limit: int = Field(20, ge=1, le=MAX_LIMIT, description="How many items, at most.")
    cursor: str = Field("", max_length=256, description="Of the page before.")

    @field_validator("title")
    @classmethod
    def _has_few_words(cls, title: str) -> str:
        if len(set(title.casefold().split())) > MAX_WORDS:
            raise ValueError(f"name at most {MAX_WORDS} words of the title")
        return title


class MatchingItem(BaseModel):
    """An item that matches."""

    item_id: str
    title: str | None
    is_available: bool
    source: str = Field(description="`bundle`, or `live` for an item that is not in the bundle.")
    fields: dict[str, Any] | None = Field(None, description="As `fields` of the request names.")


class ItemPage(BaseModel):
    """Items in the order of their ids."""

    items: list[MatchingItem]
    cursor: str | None = Field(
        description="For the next page; null: no more items. A page can be short, even empty, "
        "while there are more."
    )


@router.get(
    "/items",
    summary="Find items",
    response_model=ItemPage,
    responses=ERRORS,
    openapi_extra=describe_parameters(ItemSearchQuery),
)
async def search_items(http: Request) -> Response:
    """Return the items that match, in the order of their ids, whether or not they are available.

    Deleted items are left out. One request looks at 100,000 items at most; `cursor` goes on.
    """
    options = read_query_string(http, ItemSearchQuery)
    service, deployment = items_access(http)
    catalogue = deployment.live_items.catalogue
    rows, cursor = await _search(catalogue, service.item_store, options)
    shown = rows[: options.limit]
    items = _render(catalogue, shown)
    add_fields(items, catalogue, shown, options.fields)
    if len(rows) > len(shown):
        cursor = items[-1]["item_id"]
    return json_response({"items": items, "cursor": cursor or None})


async def _search(
    catalogue: CatalogueOverlay, item_store: ItemStore, options: ItemSearchQuery
) -> tuple[Rows, str]:
    """Return matching rows, some more than the limit if there are, and where the search ended."""
    condition = _read_filter(catalogue, options)
    search = ItemSearch(options.prefix, options.title, options.cursor)
    rows, cursor = NO_ROWS, ""
    new = await asyncio.to_thread(search.sort_added, catalogue.ids.added_rows.copy())
    for number, (block, block_end) in enumerate(search.blocks(catalogue, new), 1):
        cursor = block_end
        matching = block[condition.allows(block)] if condition else block
        rows = np.concatenate([rows, without_deleted(catalogue, item_store, matching)])
        if len(rows) > options.limit or number == MAX_BLOCKS:
            break
        await asyncio.sleep(0)
    return rows, cursor


def _read_filter(catalogue: CatalogueOverlay, options: ItemSearchQuery) -> ExpressionFilter | None:
    """Return the filter, if there is one. Refuse faulty filters and unknown fields."""
    faults = field_faults(catalogue, options.fields)
    condition = None
    if options.filter:
        try:
            test = parse_filter(options.filter, column_kinds(catalogue.attributes))
            condition = ExpressionFilter(test, catalogue)
        except FilterError as error:
            faults.append(Fault(str(error), "filter"))
    if faults:
        raise RefusalError.of(faults)
    return condition


def without_deleted(catalogue: CatalogueOverlay, item_store: ItemStore, rows: Rows) -> Rows:
    """Return the rows without deleted items."""
    off = np.flatnonzero(~catalogue.available[rows])
    records = [item_store.items.get(name) for name in catalogue.ids.names(rows[off])]
    is_deleted = [record is not None and record.is_deleted for record in records]
    return np.delete(rows, off[np.array(is_deleted, np.bool_)])


def _render(catalogue: CatalogueOverlay, rows: Rows) -> list[dict[str, Any]]:
    columns = zip(
        catalogue.ids.names(rows),
        catalogue.titles.take(rows),
        catalogue.available[rows].tolist(),
        (rows < catalogue.published_count).tolist(),
        strict=True,
    )
    return [
        {
            "item_id": item_id,
            "title": title,
            "is_available": is_available,
            "source": "bundle" if is_published else "live",
        }
        for item_id, title, is_available, is_published in columns
    ]
