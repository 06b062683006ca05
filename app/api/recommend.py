"""``/recommend``: from a caller's words to a request in rows, and back."""

import zlib
from dataclasses import replace
from time import monotonic, time
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response

from app.api import answer
from app.api.direct import DirectRoute
from app.api.errors import RefusalError, require_known
from app.api.models import FUTURE, Answer, Error, InlineEvent, RecommendBody, RecommendQuery
from app.api.paging import PageTokenError, page_token, shown_before
from app.contracts import NO_HISTORY, NO_ROWS, History
from app.contracts import Request as FunnelRequest
from app.rerank.expression import FilterError, parse
from app.service import Deployment, Service
from app.state.events import Interpreter

HOME = "home"  # the scene where none is said; always known
router = APIRouter(tags=["recommend"])
direct = APIRouter(tags=["recommend"], route_class=DirectRoute)
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": Error, "description": "The request is not valid; the answer says where."},
    503: {"model": Error, "description": "Overloaded, or not ready yet; see Retry-After."},
}


@direct.get("/recommend", summary="A list for a user", response_model=Answer, responses=ERRORS)
async def recommend(http: Request, asked: Annotated[RecommendQuery, Query()]) -> Response:
    """Give the items that this user should see now, best first."""
    return await _answer(http, asked, [])


@router.post("/recommend", summary="A list for a session", response_model=Answer, responses=ERRORS)
async def recommend_session(http: Request, body: RecommendBody) -> Response:
    """The same with a history sent along: for sessions and anonymous users."""
    return await _answer(http, body, body.history)


async def _answer(
    http: Request, body: RecommendQuery | RecommendBody, history: list[InlineEvent]
) -> Response:
    service: Service = http.app.state.service
    deployment = _admitted(service, body.k)
    before = _before(body.page_token) if body.page_token else []
    request_id = uuid4().hex
    service.in_flight += 1
    try:
        request = replace(
            _in_rows(service, deployment, body, request_id, before),
            arrived=http.scope["arrived"],
            inline=_history(deployment, history) if history else NO_HISTORY,
            quality=service.quality(),
        )
        slate = await service.recommend(deployment, request)
    finally:
        service.in_flight -= 1
    named = answer.degraded(slate)
    found = answer.items(deployment.bundle, slate)
    if body.explain:
        for item, why in zip(found, answer.explanations(slate), strict=True):
            item["explain"] = why
    service.metrics.steps(slate.steps)
    service.metrics.answer([(d["stage"], d["outcome"]) for d in named], answer.fallback(slate))
    service.impressions.note(request_id, body.user_id or "", [i["item_id"] for i in found])
    told: dict[str, Any] = {
        "request_id": request_id,
        "user_id": body.user_id,
        "bundle": deployment.bundle.version,
        "variant": "control",
        "items": found,
        "degraded": named,
        "took_ms": round((monotonic() - request.arrived) * 1000, 3),
    }
    if len(found) == body.k:
        told["page_token"] = page_token(before + [item["item_id"] for item in found])
    if body.explain:
        told["policies"] = answer.policies(slate)
        told["stages"] = answer.stages(slate)
    return Response(orjson.dumps(told), media_type="application/json")


def _admitted(service: Service, k: int) -> Deployment:
    """Refuse at once what cannot be answered in time.

    Raises:
        RefusalError: not ready, too many requests in flight, or too many items asked for.
    """
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    if service.in_flight >= service.settings.max_in_flight:
        service.metrics.rejected()
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
        return shown_before(token)
    except PageTokenError as error:
        raise RefusalError(422, str(error), "page_token") from None


def _in_rows(
    service: Service,
    deployment: Deployment,
    body: RecommendQuery | RecommendBody,
    request_id: str,
    before: list[str],
) -> FunnelRequest:
    """Turn the question into rows.

    Raises:
        RefusalError: the filter cannot be used, or there are scenes and this is none of them.
    """
    scenes = service.settings.scenes
    if scenes and body.scene not in scenes and body.scene != HOME:
        known = ", ".join(sorted({HOME, *scenes}))
        raise RefusalError(422, f"there is no scene {body.scene}; there are {known}", "scene")
    if body.filter:
        try:
            parse(body.filter)
        except FilterError as error:
            raise RefusalError(422, str(error), "filter") from None
    left_out = body.exclude + before if before else body.exclude
    excluded = deployment.bundle.models.catalogue.ids.rows(left_out) if left_out else NO_ROWS
    return FunnelRequest(
        user=body.user_id or "",
        k=body.k,
        seed=zlib.crc32(request_id.encode()),
        arrived=0.0,
        exclude=excluded[excluded >= 0],
        explore=body.explore,
        scene=body.scene,
        filter=body.filter,
        offset=len(before),
    )


def _history(deployment: Deployment, events: list[InlineEvent]) -> History:
    """Turn events sent along into a history; those without a time are taken in their order.

    Raises:
        RefusalError: an event's type is not configured.
    """
    manifest, live = deployment.bundle.manifest, deployment.live
    preferences = manifest.preferences()
    for event in events:
        require_known(event.type, preferences, "history.type")
    newest = live.now + manifest.time_shift
    times = [
        newest - n if e.timestamp is None else min(e.timestamp, max(newest, time()) + FUTURE)
        for n, e in enumerate(events)
    ]
    read = Interpreter(
        deployment.bundle.models.catalogue.ids, preferences, manifest.time_shift
    ).read(
        [event.item_id for event in events],
        [event.type for event in events],
        [event.amount for event in events],
        np.array(times),
    )
    return read.take(np.lexsort((read.rows, -read.times)))
