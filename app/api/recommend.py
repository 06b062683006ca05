"""``/recommend``: convert a caller's parameters to a request record, and the answer to JSON.

``PlainQueries`` answers the usual ``GET`` before FastAPI routes it, which saves most of the CPU
time that the edge takes. The routes answer everything else, and describe the interface.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import time
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from app.api.contributions import add_contributions
from app.api.endpoint import (
    describe_parameters,
    json_response,
    read_query_string,
    require_deployment,
)
from app.api.errors import RefusalError, refusal_response, require_configured_type
from app.api.explanations import explain_missing_item
from app.api.item_fields import add_fields
from app.api.list_options import require_valid_options
from app.api.middleware import RoutePath, leave_flight
from app.api.paging import PageTokenError, decode_page_token
from app.api.pins import read_pins
from app.api.response import AnswerBody, render_answer
from app.api.routes import iterate_routes
from app.api.schemas import (
    MAX_EXCLUSIONS,
    MAX_SCENE_LENGTH,
    InlineEvent,
    ListOptions,
    RecommendBody,
    RecommendOptions,
    RecommendQuery,
    error_bodies,
    plain_id,
)
from app.request_log.request_record import RequestRecord, SentEvent
from app.service.answering import Answer
from app.service.deployment import Deployment
from app.service.service import Service
from app.timestamps import MAX_CLOCK_SKEW

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
    return await _respond(http.scope, read_query_string(http, RecommendQuery))


@router.post(
    "/recommend", summary="A list for a session", response_model=AnswerBody, responses=ERRORS
)
async def recommend_session(http: Request, body: RecommendBody) -> Response:
    """Return a list for a history that is sent along: for sessions and anonymous users."""
    return await _respond(http.scope, body, body.history)


PATH = "/recommend"
# Not among the times of lists that are shown.
PREVIEW = RoutePath("/recommend?preview=true")
WITH_CONTRIBUTIONS = RoutePath("/recommend?contributions=true")


class PlainQueries:
    """Answers ``GET /recommend`` before it is routed, if its query string is a plain one.

    It is an ASGI middleware. Those that are added later are passed before it, and hold. Where the
    route has dependencies, which may be an authentication, it leaves every request to the route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._is_bare: bool | None = None  # unknown before the first request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        options = None
        if scope.get("path") == PATH and scope.get("method") == "GET":
            if self._is_bare is None:
                self._is_bare = has_bare_route(scope["app"])
            options = read_plain_query(scope["query_string"]) if self._is_bare else None
        if options is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = router.routes[0]  # for the metrics
        response: Response
        try:
            response = await _respond(scope, options)
        except RefusalError as refusal:
            response = refusal_response(refusal)
        await response(scope, receive, send)


def has_bare_route(app: FastAPI) -> bool:
    """Return whether ``GET /recommend`` goes to our route, without dependencies of any kind."""
    for route in iterate_routes(app.routes):
        if getattr(route, "path", None) == PATH and "GET" in (route.methods or ()):
            return route.endpoint is recommend and not route.dependencies
    return False


def _plain_scene(text: str) -> str | None:
    return text if text.isascii() and len(text) <= MAX_SCENE_LENGTH else None


DEFAULT_QUERY = RecommendQuery(user_id="-")
PLAIN_FLAG = {"true": True, "false": False}.get
# By parameter: its value, as the general reader gives it; None if the text is unusual.
PLAIN_VALUES: Mapping[str, Callable[[str], Any]] = {
    "user_id": plain_id,
    "exclude": plain_id,
    "k": {str(n): n for n in range(1, 1_000)}.get,
    "scene": _plain_scene,
    "explain": PLAIN_FLAG,
    "explore": PLAIN_FLAG,
}


def read_plain_query(query: bytes) -> RecommendQuery | None:
    """Read a query string as ``read_query_string`` does, if nothing in it is unusual.

    None stands for a query string that needs the general reader, which also refuses the faulty.
    """
    values: dict[str, Any] = {}
    exclude: list[str] = []
    for pair in query.decode("latin-1").split("&"):
        name, _, text = pair.partition("=")
        if "%" in text or "+" in text:
            text = unquote(text.replace("+", " "))
        value = PLAIN_VALUES[name](text) if name in PLAIN_VALUES else None
        if value is None:
            return None
        if name == "exclude":
            exclude.append(value)
        else:
            values[name] = value
    if "user_id" not in values or len(exclude) > MAX_EXCLUSIONS:
        return None
    return DEFAULT_QUERY.model_copy(update=values | {"exclude": exclude})


class AnswerResponse(Response):
    """The answer as JSON. Its side effects run after its bytes are on their way."""

    def __init__(self, service: Service, answer: Answer, body: bytes) -> None:
        super().__init__(body, media_type="application/json")
        self._run_side_effects = partial(service.run_side_effects, answer)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server writes at the end of the event loop's turn, so the effects take the next one.
        asyncio.get_running_loop().call_soon(self._run_side_effects)
        await super().__call__(scope, receive, send)


async def _respond(
    scope: Scope, options: RecommendOptions, history: Sequence[InlineEvent] = ()
) -> Response:
    service: Service = scope["app"].state.service
    deployment = require_deployment(service)
    earlier = _items_of_earlier_pages(options.page_token) if options.page_token else []
    request_id = uuid4().hex
    record = build_record(service, deployment, options, request_id, candidate_share(scope))
    if earlier:
        record = replace(record, offset=len(earlier), exclude=(*record.exclude, *earlier))
    if history:
        record = replace(record, history=with_times(deployment, history))
    explain = None
    if options.why:
        explain = partial(explain_missing_item, deployment.bundle, record, options.why)
    arrived = scope["arrived"]
    answer = await service.recommend(request_id, record, arrived, explain)
    body = render_answer(answer, arrived, explain=options.explain or options.contributions)
    if options.fields:
        catalogue, rows = answer.deployment.live_items.catalogue, answer.run.slate.pool.rows
        add_fields(body["items"], catalogue, rows, options.fields)
    if options.contributions:
        scope["route"] = PREVIEW if options.preview else WITH_CONTRIBUTIONS
        leave_flight(scope)
        await add_contributions(body, answer, service.contributions)
    if options.preview:
        scope["route"] = PREVIEW
        return json_response(body)
    return AnswerResponse(service, answer, orjson.dumps(body))


def candidate_share(scope: Scope) -> float:
    """Return the share of the candidates with which the request was admitted."""
    share: float = scope.get("candidate_share", 1.0)
    return share


def build_record(
    service: Service,
    deployment: Deployment,
    options: ListOptions,
    request_id: str,
    candidate_share: float,
) -> RequestRecord:
    """Check the options, and return the record; the request's id gives the seed."""
    require_valid_options(service, deployment, options, getattr(options, "fields", ()))
    return RequestRecord(
        user=options.user_id or "",
        k=options.k,
        seed=zlib.crc32(request_id.encode()),
        scene=options.scene,
        filter=options.filter,
        explore=options.explore,
        candidate_share=candidate_share,
        exclude=tuple(options.exclude),
        boosts=tuple(options.boost),
        pins=read_pins(options.pin),
    )


def _items_of_earlier_pages(token: str) -> list[str]:
    """Read the page token, or refuse it."""
    try:
        return decode_page_token(token)
    except PageTokenError as error:
        raise RefusalError(422, str(error), "page_token") from None


def with_times(deployment: Deployment, events: Sequence[InlineEvent]) -> tuple[SentEvent, ...]:
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
