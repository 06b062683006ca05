"""``/onboarding``: items to ask a new user about, and the user's picks."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.endpoint import (
    describe_parameters,
    json_response,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.errors import RefusalError, require_configured_type
from app.api.events import EventsAccepted, store_events
from app.api.item_fields import ItemFields, add_fields
from app.api.item_lists import build_query, unknown_rules_notes
from app.api.list_options import require_valid_options
from app.api.schemas import (
    MAX_SCENE_LENGTH,
    NEW_USER,
    ItemListQuery,
    PathId,
    PublicId,
    error_bodies,
)
from app.service.deployment import Deployment
from app.settings import HOME
from app.state.event_codec import Event

router = APIRouter(tags=["users"])
MIN_ITEMS, DEFAULT_ITEMS, MAX_ITEMS = 1, 16, 24
EVENT_TYPES = {"liked": "like", "disliked": "dislike"}  # by the field of the body
STARTING = error_bodies(
    {
        422: "The request is not valid; the answer says where.",
        503: "Not ready yet, or the store does not answer; ask again.",
    }
)
ERRORS = STARTING | error_bodies({422: "The picks are not valid; nothing was stored."})


class OnboardingItem(BaseModel):
    """An item to ask about."""

    item_id: str
    title: str | None
    categories: list[str]
    fields: dict[str, Any] | None = Field(None, description="As `fields` of the request names.")


class OnboardingQuery(BaseModel):
    """How many items to ask about, where, and what the answer says of them."""

    model_config = ConfigDict(extra="forbid")
    scene: str = Field(
        HOME, max_length=MAX_SCENE_LENGTH, description="Only what this scene may show."
    )
    n: int = Field(DEFAULT_ITEMS, ge=MIN_ITEMS, le=MAX_ITEMS, description="12 to 24 is usual.")
    fields: ItemFields = Field(default_factory=list)


class OnboardingList(BaseModel):
    """Items to ask about, the most informative first."""

    bundle: str
    items: list[OnboardingItem]
    notes: list[str] | None = Field(None, description="Why the list may not be as expected.")


class OnboardingPicks(BaseModel):
    """The items that a new user likes and dislikes; those that were skipped are left out."""

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
    openapi_extra=describe_parameters(OnboardingQuery),
)
async def list_onboarding_items(http: Request) -> Response:
    """Return items that many users like, and that differ from one another."""
    query = read_query_string(http, OnboardingQuery)
    service = service_of(http)
    deployment = require_deployment(service)
    catalogue = deployment.live_items.catalogue
    options = ItemListQuery(k=query.n, scene=query.scene)
    require_valid_options(service, deployment, options, query.fields)
    allowed = build_query(deployment.funnel, options, http.scope["arrived"])
    rows = deployment.onboarding[catalogue.available[deployment.onboarding]]
    rows = rows[allowed.allows(rows)][: query.n]
    columns = zip(
        catalogue.ids.names(rows), catalogue.titles.take(rows), rows.tolist(), strict=True
    )
    items = [
        {"item_id": item_id, "title": title, "categories": catalogue.category_lists.names_of(row)}
        for item_id, title, row in columns
    ]
    add_fields(items, catalogue, rows, query.fields)
    body: dict[str, Any] = {"bundle": deployment.bundle.version, "items": items}
    notes = unknown_rules_notes(http)
    if len(items) < query.n:
        notes.append(
            f"there are {len(items)} items to ask about in this scene: the others of the bundle's "
            f"{len(deployment.onboarding)} are not available, or blocked or forbidden there"
        )
    if notes:
        body["notes"] = notes
    return json_response(body)


@router.post(
    "/users/{user_id}/onboarding",
    summary="What a new user picked",
    status_code=202,
    response_model=EventsAccepted,
    responses=ERRORS,
)
async def store_picks(
    http: Request,
    user_id: Annotated[PathId, Path(json_schema_extra=NEW_USER)],
    picks: OnboardingPicks,
) -> Response:
    """Store the picks as events, `like` and `dislike`. They change the user's next list."""
    service = service_of(http)
    deployment = require_deployment(service)
    now = time.time()
    events = _build_events(deployment, user_id, picks, now)
    counts = await store_events(service, events, now)
    return json_response(counts | {"event_ids": [event.event_id for event in events]}, 202)


def _build_events(
    deployment: Deployment, user: str, picks: OnboardingPicks, now: float
) -> list[Event]:
    """Build the events of the picks. Refuse none, repeated ones, unknown items and event types."""
    event_weights = deployment.bundle.manifest.event_weights()
    items = [*picks.liked, *picks.disliked]
    if not items or len(set(items)) < len(items):
        raise RefusalError(422, "name at least one item, and each item once", "liked")
    is_unknown = deployment.live_items.catalogue.ids.rows(items) < 0
    if is_unknown.any():
        raise RefusalError(422, f"there is no item {items[int(is_unknown.argmax())]}", "liked")
    events = []
    for field, event_type in EVENT_TYPES.items():
        picked: list[str] = getattr(picks, field)
        if picked:
            require_configured_type(event_type, event_weights, field)
        events += [  # the ids are the same each time, so a pick that is sent again counts once
            Event(f"onboarding:{event_type}:{item}", user, item, event_type, timestamp=now)
            for item in picked
        ]
    return events
