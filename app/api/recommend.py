"""``/recommend``: from a caller's words to a request in rows, and back."""

import zlib
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, time
from typing import Annotated, Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.api import response
from app.api.direct import DirectRoute
from app.api.errors import RefusalError, require_configured_type
from app.api.missing_item import explain_missing as why_not
from app.api.paging import PageTokenError, decode_page_token, encode_page_token
from app.api.schemas import (
    MAX_CLOCK_SKEW,
    Answer,
    ErrorBody,
    InlineEvent,
    RecommendBody,
    RecommendQuery,
)
from app.catalogue.attributes import column_kinds
from app.expressions.item_filter import FilterError, parse_filter
from app.funnel import Slate
from app.request_log.request_record import RequestRecord, SentEvent
from app.service import CONTROL, Deployment, Service

HOME = "home"  # the scene where none is said; always known
router = APIRouter(tags=["recommend"])
direct = APIRouter(tags=["recommend"], route_class=DirectRoute)
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorBody, "description": "The request is not valid; the answer says where."},
    503: {"model": ErrorBody, "description": "Overloaded, or not ready yet; see Retry-After."},
}


@direct.get("/recommend", summary="A list for a user", response_model=Answer, responses=ERRORS)
async def recommend(http: Request, asked: Annotated[RecommendQuery, Query()]) -> Response:
    """Give the items that this user should see now, best first."""
    return await _answer(http, asked, [])


@router.post("/recommend", summary="A list for a session", response_model=Answer, responses=ERRORS)
async def recommend_session(http: Request, body: RecommendBody) -> Response:
    """The same with a history sent along: for sessions and anonymous users."""
    return await _answer(http, body, body.history)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A list, before it becomes an answer."""

    deployment: Deployment
    asked: RequestRecord
    slate: Slate
    request_id: str
    before: list[str]  # what earlier pages had
    why: dict[str, Any] | None  # of the item that was asked for


async def made(
    http: Request, body: RecommendQuery | RecommendBody, history: list[InlineEvent]
) -> Made:
    """Make the list that is asked for.

    Raises:
        RefusalError: the question cannot be answered, or not now.
    """
    service: Service = http.app.state.service
    deployment = _admitted(service, body.k)
    before = _before(body.page_token) if body.page_token else []
    request_id, bundle, why = uuid4().hex, deployment.bundle, None
    service.in_flight += 1
    try:
        asked = _asked(service, deployment, body, request_id, before)
        if history:
            asked = replace(asked, history=_sent(deployment, history))
        request = asked.to_request(bundle, http.scope["arrived"])
        with deployment.state.reading() as side:
            slate = await service.recommend(deployment, request)
            if body.why:
                work = partial(why_not, bundle, side.reader, slate, asked, body.why)
                why = await service.cpu(work)
    finally:
        service.in_flight -= 1
    slate = response.without_unavailable(slate, deployment.live_items.catalogue.available)
    return Made(deployment, asked, slate, request_id, before, why)


async def _answer(
    http: Request, body: RecommendQuery | RecommendBody, history: list[InlineEvent]
) -> Response:
    service: Service = http.app.state.service
    done = await made(http, body, history)
    deployment, slate, request_id = done.deployment, done.slate, done.request_id
    named = response.degraded(slate)
    found = response.items(deployment.bundle, slate)
    if body.explain:
        for item, why in zip(found, response.explanations(slate), strict=True):
            item["explain"] = why
    service.metrics.record_stages(slate.results)
    service.metrics.record_answer(
        [(d["stage"], d["outcome"]) for d in named], response.fallback(slate)
    )
    shown = [item["item_id"] for item in found]
    service.impressions.add_list(request_id, body.user_id or "", shown, body.scene)
    deployment.drift.add(slate.selection)
    service.log_answer(deployment, done.asked, request_id, shown, slate)
    told: dict[str, Any] = {
        "request_id": request_id,
        "user_id": body.user_id,
        "bundle": deployment.bundle.version,
        "variant": CONTROL,
        "items": found,
        "degraded": named,
        "took_ms": round((monotonic() - http.scope["arrived"]) * 1000, 3),
    }
    if len(found) == body.k:
        told["page_token"] = encode_page_token(done.before + shown)
    if body.explain:
        told["policies"] = response.policies(
            slate, deployment.funnel.query_builder, done.asked.exclusions(deployment.bundle)
        )
        told["stages"] = response.stages(slate, deployment.funnel.fine.scorer)
    if done.why:
        told["why"] = done.why
    return Response(orjson.dumps(told), media_type="application/json")


def _admitted(service: Service, k: int) -> Deployment:
    """Refuse at once what cannot be answered in time.

    Raises:
        RefusalError: not ready, too many requests in flight, or too many items asked for.
    """
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    if service.in_flight >= service.settings.max_in_flight:
        service.metrics.count_rejected()
        raise RefusalError(503, "too many requests in flight", retry_after=1)
    if k > service.settings.k_max:
        raise RefusalError(422, f"k is {k}, at most {service.settings.k_max} are given", "k")
    return service.deployment


def _before(token: str) -> list[str]:
    """Give what earlier pages had.

    Raises:
        RefusalError: the token is none.
    """
    try:
        return decode_page_token(token)
    except PageTokenError as error:
        raise RefusalError(422, str(error), "page_token") from None


def _asked(
    service: Service,
    deployment: Deployment,
    body: RecommendQuery | RecommendBody,
    request_id: str,
    before: list[str],
) -> RequestRecord:
    """Check the question, and keep it as it is admitted.

    Raises:
        RefusalError: the filter cannot be used, or there are scenes and this is none of them.
    """
    scenes = service.settings.scenes
    if scenes and body.scene not in scenes and body.scene != HOME:
        known = ", ".join(sorted({HOME, *scenes}))
        raise RefusalError(422, f"there is no scene {body.scene}; there are {known}", "scene")
    if body.filter:
        try:
            parse_filter(body.filter, column_kinds(deployment.bundle.models.catalogue.attributes))
        except FilterError as error:
            raise RefusalError(422, str(error), "filter") from None
    return RequestRecord(
        user=body.user_id or "",
        k=body.k,
        seed=zlib.crc32(request_id.encode()),
        scene=body.scene,
        filter=body.filter,
        explore=body.explore,
        quality=service.quality_factor(),
        offset=len(before),
        exclude=(*body.exclude, *before),
    )


def _sent(deployment: Deployment, events: list[InlineEvent]) -> tuple[SentEvent, ...]:
    """Give events sent along a time each; those without one are taken in their order.

    Raises:
        RefusalError: an event's type is not configured.
    """
    manifest = deployment.bundle.manifest
    preferences = manifest.event_weights()
    for event in events:
        require_configured_type(event.type, preferences, "history.type")
    newest = deployment.counters.now + manifest.time_shift
    latest = max(newest, time()) + MAX_CLOCK_SKEW
    times = [
        newest - n if e.timestamp is None else min(e.timestamp, latest)
        for n, e in enumerate(events)
    ]
    return tuple(
        (event.item_id, event.type, event.amount, moment)
        for event, moment in zip(events, times, strict=True)
    )
