"""``/items/{id}/similar`` and ``/bought-together``: items that go with one item, for its page."""

from typing import Any, Literal, TypeAlias

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.api.endpoint import (
    describe_parameters,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.errors import RefusalError
from app.api.item_lists import ItemListBody, ItemListResult, build_query, item_list_response
from app.api.items import ERRORS, UNKNOWN, ItemId, require_item
from app.api.list_options import require_valid_options
from app.api.schemas import ItemListQuery
from app.artifacts import Models
from app.catalogue.catalogue import Catalogue
from app.contracts import Query
from app.service.deployment import Deployment
from app.service.item_lists import (
    NO_SIMILAR_ITEMS,
    TOGETHER,
    SimilarItems,
    bought_together,
    has_behaviour,
    needs_a_thread,
    similar_by_behaviour,
    similar_by_content,
    variants_of,
)

router = APIRouter(tags=["items"])
Likeness: TypeAlias = Literal["behaviour", "content"]


class SimilarQuery(ItemListQuery):
    """The query string of ``/items/{id}/similar``."""

    by: Likeness = Field(
        "behaviour",
        description="`behaviour`: what the same users liked. `content`: attributes and text.",
    )
    explain: bool = Field(default=False, description="Explain how each item came to be here.")


class SimilarBody(ItemListBody):
    """Items that resemble one item."""

    item_id: str
    by: Likeness = Field(description="`content` where there is no behaviour; a note says so.")


class TogetherBody(ItemListBody):
    """Items that are bought together with one item."""

    item_id: str


@router.get(
    "/items/{item_id}/similar",
    summary="Items that resemble an item",
    response_model=SimilarBody,
    responses=ERRORS | UNKNOWN,
    openapi_extra=describe_parameters(SimilarQuery),
)
async def similar_items(http: Request, item_id: ItemId) -> Response:
    """Return what the same users liked, or what resembles the item by attributes and text.

    What is popular now has no part in it. The item and its other editions are left out, and so is
    what is unavailable or forbidden in the scene. An item without behaviour, such as one that is
    newer than the bundle, has similar items by content, and `notes` says so.
    """
    options = read_query_string(http, SimilarQuery)
    deployment, row = _find_row(http, item_id, options)
    models, by, notes = deployment.bundle.models, options.by, []
    funnel, arrived = deployment.funnel, http.scope["arrived"]
    query = build_query(funnel, options, arrived, variants_of(models, row))
    similar = NO_SIMILAR_ITEMS
    if by == "behaviour":
        similar = similar_by_behaviour(models, query, row)
        if has_behaviour(models, row):
            notes += [] if len(similar.items) else [_NOTHING_ALLOWED]
        else:
            by = "content"
            notes.append(_why_no_behaviour(models.catalogue, item_id, row))
    if by == "content":
        similar = await _compare_content(deployment, query, row)
        if not models.content.items[row].any():
            notes.append(f"the item {item_id} has no content: PUT a title or categories")
    explanations = _explain(models.catalogue, similar, row) if options.explain else ()
    result = ItemListResult(similar.items, notes, explanations)
    return item_list_response(http, deployment, options, result, item_id=item_id, by=by)


@router.get(
    "/items/{item_id}/bought-together",
    summary="Items that are bought together with an item",
    response_model=TogetherBody,
    responses=ERRORS | UNKNOWN,
    openapi_extra=describe_parameters(ItemListQuery),
)
async def items_bought_together(http: Request, item_id: ItemId) -> Response:
    """Return what users bought in the same visit more often than by chance, the highest lift first.

    Training counts purchases, or what was added to carts if there are no purchases. Where it
    knows nothing, the list is empty, and `notes` says why.
    """
    options = read_query_string(http, ItemListQuery)
    deployment, row = _find_row(http, item_id, options)
    models = deployment.bundle.models
    query = build_query(deployment.funnel, options, http.scope["arrived"], np.array([row]))
    proposal = bought_together(models, query, row)
    notes = [] if len(proposal) else [_why_not_together(models, item_id, row)]
    result = ItemListResult(proposal, notes)
    return item_list_response(http, deployment, options, result, item_id=item_id)


def _find_row(http: Request, item_id: str, options: ItemListQuery) -> tuple[Deployment, int]:
    """Return the bundle in service and the row of an item. Refuse wrong options, unknown items."""
    service = service_of(http)
    deployment = require_deployment(service)  # without Redis too: the bundle has what is needed
    require_valid_options(service, deployment, options, options.fields)
    require_item(service, deployment, item_id)
    row = deployment.bundle.models.catalogue.ids.row(item_id)
    if row < 0:
        raise RefusalError(503, f"the item {item_id} waits for a spare row", retry_after=1)
    return deployment, row


async def _compare_content(deployment: Deployment, query: Query, row: int) -> SimilarItems:
    """Compare the content of all items with that of one, on a thread where that takes long."""
    work = deployment.bundle.models, deployment.bundle.indexes, query, row
    if needs_a_thread(deployment.bundle.models):
        return await deployment.cpu(similar_by_content, *work)
    return similar_by_content(*work)


_NOTHING_ALLOWED = (
    "none of the items that the same users liked may be shown in this scene and passes the filter: "
    "by=content looks at all items"
)


def _why_no_behaviour(catalogue: Catalogue, item_id: str, row: int) -> str:
    if row >= catalogue.published_count:
        reason = "is newer than the bundle, which knows nothing of its users"
    else:
        reason = "has no likes that the bundle was trained on"
    return f"the item {item_id} {reason}: these resemble it by content"


def _why_not_together(models: Models, item_id: str, row: int) -> str:
    if TOGETHER not in models.tables:
        return (
            "the bundle was trained without purchases and without items that were added to carts: "
            "train on events of the type purchase or add_to_cart"
        )
    if row >= models.catalogue.published_count:
        return f"the item {item_id} is newer than the bundle: train again to count its purchases"
    return (
        f"no item that may be shown was bought in two visits together with {item_id}, and more "
        "often than by chance"
    )


def _explain(catalogue: Catalogue, similar: SimilarItems, row: int) -> list[dict[str, Any]]:
    """Return the rank and the weight of each item in each table, and what both items share."""
    positions = {
        table: {item: n for n, item in enumerate(listed.rows.tolist())}
        for table, listed in similar.by_table.items()
    }
    categories = set(catalogue.category_lists.names_of(row))
    return [
        {
            "tables": {
                table: {"rank": at[item], "weight": float(similar.by_table[table].scores[at[item]])}
                for table, at in positions.items()
                if item in at
            },
            "shared_categories": sorted(
                categories.intersection(catalogue.category_lists.names_of(item))
            ),
        }
        for item in similar.items.rows.tolist()
    ]
