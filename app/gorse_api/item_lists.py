"""``/api/latest``, ``/api/non-personalized``, ``…/neighbors``: lists for no user in particular."""

from collections.abc import Sequence

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from app.api.endpoint import await_store, json_response, require_deployment, service_of
from app.api.errors import RefusalError
from app.api.item_lists import build_query
from app.api.list_options import require_valid_options
from app.api.schemas import ItemListQuery, PathId, UserPathId
from app.api.user_search import is_erased
from app.contracts import NO_HISTORY, NO_ROWS, Proposal, Query, Rows, StageError
from app.contracts import Request as FunnelRequest
from app.gorse_api.latest import newest_rows
from app.gorse_api.queries import Slice, filter_of, number_of, read_categories, read_slice
from app.gorse_api.schemas import CATEGORY, Scored, list_query
from app.gorse_api.times import NO_TIME, time_of_year
from app.service.deployment import Deployment
from app.service.item_lists import (
    PopularityList,
    has_behaviour,
    needs_a_thread,
    similar_by_behaviour,
    similar_by_content,
    variants_of,
)
from app.service.service import Service
from app.service.similar_users import find_similar_users
from app.state.gorse_feedback import MICROSECONDS
from app.state.gorse_records import read_item_times

router = APIRouter(prefix="/api", tags=["gorse"])
POPULAR, TRENDING, NEIGHBORS = "popular", "trending", "neighbors"  # names of the lists there are
OF_CATEGORIES = list_query(CATEGORY)


@router.get(
    "/latest", summary="The newest items", response_model=list[Scored], openapi_extra=OF_CATEGORIES
)
async def gorse_latest(http: Request) -> Response:
    """Return the newest items; scores are their times in unix seconds."""
    return await _latest(http, None)


@router.get(
    "/latest/{category}",
    summary="The newest items of a category",
    response_model=list[Scored],
    openapi_extra=OF_CATEGORIES,
)
async def gorse_latest_category(http: Request, category: PathId) -> Response:
    """Return the newest items of a category."""
    return await _latest(http, category)


@router.get(
    "/popular", summary="Popular items", response_model=list[Scored], openapi_extra=OF_CATEGORIES
)
async def gorse_popular(http: Request) -> Response:
    """Return the items that are liked most."""
    return await _popular(http, POPULAR, None)


@router.get(
    "/popular/{category}",
    summary="Popular items of a category",
    response_model=list[Scored],
    openapi_extra=OF_CATEGORIES,
)
async def gorse_popular_category(http: Request, category: PathId) -> Response:
    """Return the items of a category that are liked most."""
    return await _popular(http, POPULAR, category)


@router.get(
    "/non-personalized/{name}",
    summary="Popular or trending items",
    response_model=list[Scored],
    openapi_extra=OF_CATEGORIES,
)
async def gorse_non_personalized(http: Request, name: PathId) -> Response:
    """Return the list `popular`, `trending` or `latest`; one of another name is empty."""
    if name == "latest":
        return await _latest(http, None)
    if name in {POPULAR, TRENDING}:
        return await _popular(http, name, None)
    return json_response([])


@router.get(
    "/item/{item_id}/neighbors",
    summary="Similar items",
    response_model=list[Scored],
    openapi_extra=OF_CATEGORIES,
)
async def gorse_item_neighbors(http: Request, item_id: PathId) -> Response:
    """Return what the same users liked, or for a new item what it resembles."""
    return await _similar_items(http, item_id, None)


@router.get(
    "/item/{item_id}/neighbors/{category}",
    summary="Similar items of a category",
    response_model=list[Scored],
    openapi_extra=OF_CATEGORIES,
)
async def gorse_item_neighbors_category(
    http: Request, item_id: PathId, category: PathId
) -> Response:
    """Return similar items of a category."""
    return await _similar_items(http, item_id, category)


@router.get(
    "/item-to-item/{name}/{item_id}",
    summary="Similar items by the name of the list",
    response_model=list[Scored],
    openapi_extra=OF_CATEGORIES,
)
async def gorse_item_to_item(http: Request, name: PathId, item_id: PathId) -> Response:
    """Return the list `neighbors`; one of another name is empty."""
    return await _similar_items(http, item_id, None) if name == NEIGHBORS else json_response([])


@router.get(
    "/user/{user_id}/neighbors",
    summary="Similar users",
    response_model=list[Scored],
    openapi_extra=list_query(),
)
async def gorse_user_neighbors(http: Request, user_id: UserPathId) -> Response:
    """Return the users of the bundle who liked the same items."""
    return await _similar_users(http, user_id)


@router.get(
    "/user-to-user/{name}/{user_id}",
    summary="Similar users by the name of the list",
    response_model=list[Scored],
    openapi_extra=list_query(),
)
async def gorse_user_to_user(http: Request, name: PathId, user_id: UserPathId) -> Response:
    """Return the list `neighbors`; one of another name is empty."""
    return await _similar_users(http, user_id) if name == NEIGHBORS else json_response([])


async def _latest(http: Request, category: str | None) -> Response:
    part, service = read_slice(http), service_of(http)
    deployment = require_deployment(service)
    query = _query(http, service, deployment, part, read_categories(http, category))
    catalogue = deployment.live_items.catalogue
    rows = await deployment.cpu(newest_rows, catalogue, query, part.end)
    names = catalogue.ids.names(rows)
    stored = await await_store(read_item_times(service.writer, service.settings.key_prefix, names))
    years = catalogue.released[rows].tolist()
    times = [
        _year_seconds(year) if at is None else at for at, year in zip(stored, years, strict=True)
    ]
    newest = sorted(zip(names, times, strict=True), key=lambda pair: -pair[1])
    page = newest[part.offset : part.end]
    return json_response([{"Id": name, "Score": number_of(at)} for name, at in page])


def _year_seconds(year: float) -> float:
    """Return the time of an item without a record, unix seconds."""
    at = NO_TIME if np.isnan(year) else time_of_year(year)
    return at / MICROSECONDS


async def _popular(http: Request, name: str, category: str | None) -> Response:
    part, service = read_slice(http), service_of(http)
    deployment = require_deployment(service)
    query = _query(http, service, deployment, part, read_categories(http, category))
    models, wanted = deployment.bundle.models, PopularityList(name)
    with deployment.state.reading() as replica:
        work = models, replica.counters, query
        if needs_a_thread(models):
            proposal = await deployment.cpu(wanted.select, *work)
        else:
            proposal = wanted.select(*work)
    return _scored(deployment, proposal, part)


async def _similar_items(http: Request, item_id: str, category: str | None) -> Response:
    part, service = read_slice(http), service_of(http)
    deployment = require_deployment(service)
    models = deployment.bundle.models
    row = models.catalogue.ids.row(item_id)
    if row < 0:
        return json_response([])
    excluded = variants_of(models, row)
    query = _query(http, service, deployment, part, read_categories(http, category), excluded)
    if has_behaviour(models, row):
        return _scored(deployment, similar_by_behaviour(models, query, row).items, part)
    work = models, deployment.bundle.indexes, query, row
    if needs_a_thread(models):
        similar = await deployment.cpu(similar_by_content, *work)
    else:
        similar = similar_by_content(*work)
    return _scored(deployment, similar.items, part)


async def _similar_users(http: Request, user: str) -> Response:
    part, service = read_slice(http), service_of(http)
    deployment = require_deployment(service)
    funnel = deployment.funnel
    try:
        recent = await funnel.histories.recent(user)
    except StageError:
        recent = NO_HISTORY  # what the bundle knows remains
    request = FunnelRequest(user, 1, 0, arrived=http.scope["arrived"])
    query = funnel.query_builder.build(request, recent)
    work = deployment.bundle.models, query, part.end
    near = await deployment.cpu(find_similar_users, *work)
    left = [pair for pair in near if not is_erased(service, deployment, pair[0])]
    page = left[part.offset : part.end]
    return json_response([{"Id": name, "Score": score} for name, score in page])


def _query(  # noqa: PLR0913, PLR0917 - the parts of a request
    http: Request,
    service: Service,
    deployment: Deployment,
    part: Slice,
    categories: Sequence[str],
    excluded: Rows = NO_ROWS,
) -> Query:
    """Build the query of a list without a user. Refuse categories that are too long."""
    try:
        options = ItemListQuery(k=1, filter=filter_of(categories))
    except ValidationError:
        raise RefusalError(400, "the categories are too long for a filter", "category") from None
    require_valid_options(service, deployment, options)
    options = options.model_copy(update={"k": max(part.end, 1)})
    return build_query(deployment.funnel, options, http.scope["arrived"], excluded)


def _scored(deployment: Deployment, proposal: Proposal, part: Slice) -> Response:
    """Build the answer: a part of the items, without those that were deleted meanwhile."""
    catalogue = deployment.live_items.catalogue
    shown = np.flatnonzero(catalogue.available[proposal.rows])[part.offset : part.end]
    names = catalogue.ids.names(proposal.rows[shown])
    pairs = zip(names, proposal.scores[shown].tolist(), strict=True)
    return json_response([{"Id": name, "Score": number_of(score)} for name, score in pairs])
