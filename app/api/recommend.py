"""``/recommend``: convert a caller's parameters to a request record, and the answer to JSON."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import time
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from app.api.endpoint import (
    describe_parameters,
    json_response,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.errors import RefusalError, require_configured_type
from app.api.explanations import explain_missing_item
from app.api.paging import PageTokenError, decode_page_token
from app.api.response import AnswerBody, render_answer
from app.api.schemas import (
    MAX_CLOCK_SKEW,
    InlineEvent,
    ListOptions,
    RecommendBody,
    RecommendOptions,
    RecommendQuery,
    error_bodies,
)
from app.catalogue.attributes import column_kinds
from app.expressions.item_filter import FilterError, parse_filter
from app.request_log.request_record import RequestRecord, SentEvent
from app.service.deployment import Deployment
from app.service.service import Service

HOME = "home"  # the default scene; it always exists
router = APIRouter(tags=["recommend"])
ERRORS = error_bodies(
    {
        422: "The request is not valid; the answer says where.",
        503: "Overloaded, or not ready yet; see Retry-After.",
    }
)


@router.get(
    "/recommend",
    summary="A list for a user",
    response_model=AnswerBody,
    responses=ERRORS,
    openapi_extra=describe_parameters(RecommendQuery),
)
async def recommend(http: Request) -> Response:
    """Return the items that this user should see now, best first."""
    return await _respond(http, read_query_string(http, RecommendQuery))


@router.post(
    "/recommend", summary="A list for a session", response_model=AnswerBody, responses=ERRORS
)
async def recommend_session(http: Request, body: RecommendBody) -> Response:
    """Return a list for a history that is sent along: for sessions and anonymous users."""
    return await _respond(http, body, body.history)


async def _respond(
    http: Request, options: RecommendOptions, history: Sequence[InlineEvent] = ()
) -> Response:
    service = service_of(http)
    deployment = admit(service, options.k)
    earlier = _items_of_earlier_pages(options.page_token) if options.page_token else []
    request_id = uuid4().hex
    record = build_record(service, deployment, options, request_id)
    if earlier:
        record = replace(record, offset=len(earlier), exclude=(*record.exclude, *earlier))
    if history:
        record = replace(record, history=_with_times(deployment, history))
    explain = None
    if options.why:
        explain = partial(explain_missing_item, deployment.bundle, record, options.why)
    arrived = http.scope["arrived"]
    answer = await service.recommend(request_id, record, arrived, explain)
    return json_response(render_answer(answer, arrived, explain=options.explain))


def admit(service: Service, k: int) -> Deployment:
    """Return the bundle in service. Refuse if too many requests are in flight or k is too large."""
    deployment = require_deployment(service)
    if service.in_flight >= service.settings.max_in_flight:
        service.metrics.count("requests_rejected")
        raise RefusalError(503, "too many requests in flight", retry_after=1)
    if k > service.settings.k_max:
        raise RefusalError(422, f"k is {k}, the maximum is {service.settings.k_max}", "k")
    return deployment


def build_record(
    service: Service, deployment: Deployment, options: ListOptions, request_id: str
) -> RequestRecord:
    """Check the scene and the filter, and return the record; the request's id gives the seed."""
    scenes = service.settings.scenes
    if scenes and options.scene not in scenes and options.scene != HOME:
        names = ", ".join(sorted({HOME, *scenes}))
        raise RefusalError(422, f"there is no scene {options.scene}; there are {names}", "scene")
    if options.filter:
        try:
            columns = deployment.bundle.models.catalogue.attributes
            parse_filter(options.filter, column_kinds(columns))
        except FilterError as error:
            raise RefusalError(422, str(error), "filter") from None
    return RequestRecord(
        user=options.user_id or "",
        k=options.k,
        seed=zlib.crc32(request_id.encode()),
        scene=options.scene,
        filter=options.filter,
        explore=options.explore,
        candidate_share=service.candidate_share(),
        exclude=tuple(options.exclude),
    )


def _items_of_earlier_pages(token: str) -> list[str]:
    """Read the page token, or refuse it."""
    try:
        return decode_page_token(token)
    except PageTokenError as error:
        raise RefusalError(422, str(error), "page_token") from None


def _with_times(deployment: Deployment, events: Sequence[InlineEvent]) -> tuple[SentEvent, ...]:
    """Return the events with a time each; those without one keep their order."""
    manifest = deployment.bundle.manifest
    event_weights = manifest.event_weights()
    for event in events:
        require_configured_type(event.type, event_weights, "history.type")
    newest = deployment.counters.now + manifest.time_shift
    latest = max(newest, time()) + MAX_CLOCK_SKEW
    times = [
        newest - n if event.timestamp is None else min(event.timestamp, latest)
        for n, event in enumerate(events)
    ]
    return tuple(
        (event.item_id, event.type, event.amount, moment)
        for event, moment in zip(events, times, strict=True)
    )
