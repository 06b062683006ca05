"""``/api/recommend``, ``/api/session/recommend``, ``/api/collaborative-filtering``: lists by users.

They run the funnel as ``/recommend`` does, and leave out what the user's feedback marks as read.
"""

import time
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from app.api.access_control import Caller
from app.api.endpoint import await_store, json_response, require_deployment, service_of
from app.api.errors import RefusalError
from app.api.list_options import require_valid_options
from app.api.middleware import OVERLOAD
from app.api.recommend import AnswerResponse, candidate_share, with_times
from app.api.schemas import InlineEvent, PathId, SelectionOptions, UserPathId
from app.catalogue.public_ids import public_id_fault
from app.contracts import StageError
from app.deadline import OverloadError
from app.gorse_api.bodies import read_feedback_rows, read_rows
from app.gorse_api.feedback_events import require_few_types
from app.gorse_api.queries import Slice, filter_of, read_categories, read_slice
from app.gorse_api.schemas import CATEGORY, GorseFeedback, Scored, describe_body, list_query
from app.gorse_api.times import read_duration
from app.request_log.request_record import RequestRecord, SentEvent
from app.service.answering import Answer
from app.service.deployment import Deployment
from app.service.service import Service
from app.settings import HOME
from app.state.gorse_feedback import MICROSECONDS, FeedbackRow, read_excluded_items, write_feedback

router = APIRouter(prefix="/api", tags=["gorse"])
SCORED_VERSION = "2"  # of the header ``X-API-Version``: items with scores
SEED_PERIOD = 600.0  # seconds in which the pages of a user's list have one seed
MAX_SESSION = 500  # events
WRITE_BACK = (
    {
        "name": "write-back-type",
        "in": "query",
        "schema": {"type": "string"},
        "description": "Store the answer as feedback of this type.",
    },
    {
        "name": "write-back-delay",
        "in": "query",
        "schema": {"type": "string"},
        "description": "How much later it counts, such as 10m.",
    },
)


@dataclass(frozen=True, slots=True)
class WantedList:
    """A list that a request asks for."""

    user: str  # "" for a session
    part: Slice
    categories: Sequence[str]
    exclude: tuple[str, ...] = ()
    history: tuple[SentEvent, ...] = ()


@router.get(
    "/recommend/{user_id}",
    summary="A list for a user",
    response_model=list[str] | list[Scored],
    openapi_extra=list_query(CATEGORY, *WRITE_BACK),
)
async def gorse_recommend(http: Request, user_id: UserPathId) -> Response:
    """Return the items that this user should see now: ids, or with `X-API-Version: 2` scores too.

    An unknown user gets a list too.
    """
    return await _recommend(http, user_id, None)


@router.get(
    "/recommend/{user_id}/{category}",
    summary="A list of a category for a user",
    response_model=list[str] | list[Scored],
    openapi_extra=list_query(CATEGORY, *WRITE_BACK),
)
async def gorse_recommend_category(
    http: Request, user_id: UserPathId, category: PathId
) -> Response:
    """Return the items of a category that this user should see now."""
    return await _recommend(http, user_id, category)


async def _recommend(http: Request, user: str, category: str | None) -> Response:
    service = service_of(http)
    part = _bounded(service, read_slice(http, takes_negative=True))
    kind, delay = _read_write_back(http)
    await require_few_types(service, {kind} if kind else ())
    answer = await _answer_user(http, user, part, read_categories(http, category))
    if kind:
        await _write_back(service, user, answer.item_ids, kind, delay)
    is_scored = http.headers.get("x-api-version") == SCORED_VERSION
    content = _scored(answer) if is_scored else list(answer.item_ids)
    return AnswerResponse(service, answer, orjson.dumps(content))


@router.get(
    "/collaborative-filtering/{user_id}",
    summary="A list for a user that does not count as shown",
    response_model=list[Scored],
    openapi_extra=list_query(CATEGORY),
)
async def gorse_collaborative_filtering(http: Request, user_id: UserPathId) -> Response:
    """Return the list of `recommend` with scores. It does not count as shown."""
    part = _bounded(service_of(http), read_slice(http))
    answer = await _answer_user(http, user_id, part, read_categories(http))
    return json_response(_scored(answer))


@router.post(
    "/session/recommend",
    summary="A list for a session",
    response_model=list[Scored] | None,
    openapi_extra=describe_body(GorseFeedback, is_list=True) | list_query(CATEGORY),
)
async def gorse_session_recommend(http: Request) -> Response:
    """Return a list for the feedback that is sent; null if no item of it is known."""
    return await _recommend_session(http, None)


@router.post(
    "/session/recommend/{category}",
    summary="A list of a category for a session",
    response_model=list[Scored] | None,
    openapi_extra=describe_body(GorseFeedback, is_list=True) | list_query(CATEGORY),
)
async def gorse_session_recommend_category(http: Request, category: PathId) -> Response:
    """Return a list of a category for the feedback that is sent."""
    return await _recommend_session(http, category)


async def _recommend_session(http: Request, category: str | None) -> Response:
    rows = await read_feedback_rows(await read_rows(http))
    if len(rows) > MAX_SESSION:
        raise RefusalError(413, f"the session has {len(rows)} rows: send at most {MAX_SESSION}")
    service = service_of(http)
    deployment = require_deployment(service)
    history = _session_events(service, deployment, rows)
    if not history:
        return json_response(None)
    items = tuple(dict.fromkeys(row.item for row in rows))
    categories = read_categories(http, category)
    part = _bounded(service, read_slice(http))
    wanted = WantedList("", part, categories, items, history)
    async with _admitted(http, service):
        answer = await _answer(http, service, deployment, wanted)
    return AnswerResponse(service, answer, orjson.dumps(_scored(answer) or None))


def _session_events(
    service: Service, deployment: Deployment, rows: Sequence[FeedbackRow]
) -> tuple[SentEvent, ...]:
    """Return the events of feedback about items that exist, newest first."""
    weights = deployment.bundle.manifest.event_weights().type_weights
    types, ids = service.settings.feedback_types, deployment.bundle.models.catalogue.ids
    events = []
    for row in sorted(rows, key=lambda row: -row.at):
        kind = types.event_type(row.kind, row.value, weights)
        if kind is not None and ids.row(row.item) >= 0:
            at = row.at / MICROSECONDS if row.at > 0 else None
            value = row.value if row.value or kind == "rating" else None
            event = InlineEvent(item_id=row.item, type=kind, value=value, timestamp=at)
            events.append(event)
    return with_times(deployment, events)


def _bounded(service: Service, part: Slice) -> Slice:
    """Return a part of a list that is as long as the service's own may be."""
    return replace(part, longest=min(part.longest, service.settings.k_max))


async def _answer_user(http: Request, user: str, part: Slice, categories: Sequence[str]) -> Answer:
    """Make the list of a user, without what the user's feedback marks as read."""
    service = service_of(http)
    deployment = require_deployment(service)
    async with _admitted(http, service):
        exclude = await _read_items(service, user)
        wanted = WantedList(user, part, categories, exclude)
        return await _answer(http, service, deployment, wanted)


async def _read_items(service: Service, user: str) -> tuple[str, ...]:
    """Return the items that feedback marks as read by now.

    Without the store there are none: the list then lacks the user's live history too.
    """
    try:
        return await read_excluded_items(service.store, service.settings.key_prefix, user)
    except StageError:
        return ()


async def _answer(
    http: Request, service: Service, deployment: Deployment, wanted: WantedList
) -> Answer:
    """Run the funnel. For a later part of a list, run it for the part before, and exclude that."""
    condition = filter_of(wanted.categories)
    try:
        options = SelectionOptions(filter=condition)
    except ValidationError:
        raise RefusalError(400, "the categories are too long for a filter", "category") from None
    require_valid_options(service, deployment, options)
    seed = zlib.crc32(f"{wanted.user} {int(time.time() / SEED_PERIOD)}".encode())
    record = RequestRecord(
        user=wanted.user,
        k=max(wanted.part.end - wanted.part.offset, 1),
        seed=seed,
        scene=HOME,
        filter=condition,
        candidate_share=candidate_share(http.scope),
        exclude=wanted.exclude,
        history=wanted.history,
    )
    arrived = http.scope["arrived"]
    try:
        if wanted.part.offset:
            before = replace(record, k=min(wanted.part.offset, wanted.part.end))
            earlier = (await service.recommend(uuid4().hex, before, arrived)).item_ids
            record = replace(record, exclude=(*record.exclude, *earlier), offset=len(earlier))
        answer = await service.recommend(uuid4().hex, record, arrived)
    except OverloadError:
        raise _overloaded(service) from None
    return answer if wanted.part.end > wanted.part.offset else _without_items(answer)


def _without_items(answer: Answer) -> Answer:
    """Return an answer of no items: its part begins after the longest list."""
    none = answer.run.slate.take(np.empty(0, np.intp))
    return replace(answer, run=replace(answer.run, slate=none), item_ids=[])


@asynccontextmanager
async def _admitted(http: Request, service: Service) -> AsyncIterator[None]:
    """Count as a request for a list meanwhile. Refuse it if it cannot be in time."""
    key = http.scope.get("caller", Caller()).key
    try:
        admitted = service.admission.admit(http.scope["arrived"], key.name if key else "")
    except OverloadError:
        raise _overloaded(service) from None
    http.scope["candidate_share"] = admitted.candidate_share
    is_refused = False
    try:
        yield
    except RefusalError as refusal:
        is_refused = refusal.retry_after is not None
        raise
    finally:
        service.admission.release(admitted, is_refused=is_refused)


def _overloaded(service: Service) -> RefusalError:
    service.metrics.count("requests_rejected")
    return RefusalError(503, OVERLOAD, retry_after=1)


def _scored(answer: Answer) -> list[dict[str, Any]]:
    scores = answer.run.slate.pool.scores.tolist()
    pairs = zip(answer.item_ids, scores, strict=True)
    return [{"Id": item, "Score": score} for item, score in pairs]


def _read_write_back(http: Request) -> tuple[str, float]:
    """Return the feedback type as which the answer is stored, and by how many seconds later.

    Refuse a key that may only read.
    """
    kind = http.query_params.get("write-back-type", "")
    delay = http.query_params.get("write-back-delay", "")
    fault = public_id_fault(kind) if kind else None
    if fault:
        raise RefusalError(400, f"write-back-type {fault}")
    seconds = read_duration(delay, "write-back-delay") if delay else 0.0
    key = http.scope.get("caller", Caller()).key
    if kind and key is not None and not key.allows("write"):
        raise RefusalError(403, "write-back-type needs a key with the role write")
    return kind, seconds


async def _write_back(
    service: Service, user: str, items: Sequence[str], kind: str, delay: float
) -> None:
    """Store a list as feedback. It is no event: the list itself counts as shown."""
    at = round((time.time() + delay) * MICROSECONDS)
    rows = [FeedbackRow(kind, user, item, 0.0, at, at) for item in items]
    rules = service.settings.feedback_types.excluding
    await await_store(
        write_feedback(service.writer, service.settings.key_prefix, rows, "add", rules)
    )
    service.metrics.count("gorse_feedback", "written_back", n=len(rows))
