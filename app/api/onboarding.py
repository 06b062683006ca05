"""``/onboarding``: what to ask somebody new about, and what they answered."""

import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import RefusalError, require_configured_type
from app.api.events import store_events
from app.api.path_ids import PathId
from app.api.schemas import NEW_USER, ErrorBody, EventsAccepted, PublicId
from app.service import Deployment, Service
from app.state.event_codec import Event

router = APIRouter(tags=["users"])
MIN_ITEMS, DEFAULT_ITEMS, MAX_ITEMS = 1, 16, 24
ANSWERS = {"liked": "like", "disliked": "dislike"}  # fields of the body, and types of events
STARTING: dict[int | str, dict[str, Any]] = {
    503: {
        "model": ErrorBody,
        "description": "Not ready yet, or the store does not answer; ask again.",
    }
}
ERRORS = STARTING | {
    422: {"model": ErrorBody, "description": "The picks are not valid; nothing was stored."}
}


class OnboardingItem(BaseModel):
    """An item to ask about."""

    item_id: str
    title: str | None
    categories: list[str]


class OnboardingList(BaseModel):
    """Items to ask about, the most telling first."""

    bundle: str
    items: list[OnboardingItem]


class OnboardingPicks(BaseModel):
    """What somebody said to the items they were asked about, less those that they skipped."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"liked": ["50"], "disliked": ["288"]}]}
    )
    liked: list[PublicId] = Field(default_factory=list, max_length=500)
    disliked: list[PublicId] = Field(default_factory=list, max_length=500)


@router.get(
    "/onboarding",
    summary="What to ask a new user about",
    response_model=OnboardingList,
    responses=STARTING,
)
async def propose(
    http: Request,
    n: Annotated[
        int, Query(ge=MIN_ITEMS, le=MAX_ITEMS, description="12 to 24 is usual.")
    ] = DEFAULT_ITEMS,
) -> Response:
    """Give items that many like, and that lie far apart."""
    deployment = _served(http)
    known = deployment.live_items.catalogue
    rows = deployment.onboarding[known.available[deployment.onboarding]][:n]
    named = zip(known.ids.names(rows), known.titles.take(rows), rows.tolist(), strict=True)
    told = {
        "bundle": deployment.bundle.version,
        "items": [
            {"item_id": item, "title": title, "categories": known.tags_of(row, "category")}
            for item, title, row in named
        ],
    }
    return Response(orjson.dumps(told), media_type="application/json")


@router.post(
    "/users/{user_id}/onboarding",
    summary="What a new user picked",
    status_code=202,
    response_model=EventsAccepted,
    responses=ERRORS,
)
async def pick(
    http: Request,
    user_id: Annotated[PathId, Path(json_schema_extra=NEW_USER)],
    picks: OnboardingPicks,
) -> Response:
    """Take the picks as events, `like` and `dislike`. The user's next list knows of them."""
    deployment = _served(http)
    now = time.time()
    events = _events(deployment, user_id, picks, now)
    counts = await store_events(http.app.state.service, events, now)
    told = counts | {"event_ids": [event.event_id for event in events]}
    return Response(orjson.dumps(told), 202, media_type="application/json")


def _served(http: Request) -> Deployment:
    service: Service = http.app.state.service
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    return service.deployment


def _events(deployment: Deployment, user: str, picks: OnboardingPicks, now: float) -> list[Event]:
    """Make the events of what was picked.

    Raises:
        RefusalError: nothing was, an item twice or one that nobody knows, or types of that name do
            not count here.
    """
    preferences = deployment.bundle.manifest.event_weights()
    picked = [*picks.liked, *picks.disliked]
    if not picked or len(set(picked)) < len(picked):
        raise RefusalError(422, "name at least one item, and each item once", "liked")
    unknown = deployment.live_items.catalogue.ids.rows(picked) < 0
    if unknown.any():
        raise RefusalError(422, f"there is no item {picked[int(unknown.argmax())]}", "liked")
    events = []
    for name, kind in ANSWERS.items():
        items: list[str] = getattr(picks, name)
        if items:
            require_configured_type(kind, preferences, name)
        events += [  # the same ids each time: a pick that is sent again counts once
            Event(f"onboarding:{kind}:{item}", user, item, kind, timestamp=now) for item in items
        ]
    return events
