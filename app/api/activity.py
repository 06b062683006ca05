"""``/activity``: lists, their time, and events by the hour; and the newest lists by scene."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.endpoint import (
    await_store,
    describe_parameters,
    json_response,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.schemas import error_bodies
from app.observe.activity import MAX_HOURS, SECONDS, Counts, by_labels
from app.observe.metrics import BUCKETS
from app.state.event_codec import (
    EventEntry,
    Impression,
    decode_entries,
    decode_event,
    decode_impression,
    events_key,
    impressions_key,
)

router = APIRouter(tags=["operations"])
STORED = ("accepted", "out_of_order", "too_old")  # outcomes of events that were stored
WITHOUT_EFFECT = ("duplicate", "trained")
NEWEST_LISTS, NEWEST_EVENTS = 1_000, 2_000  # which one answer looks at
ERRORS = error_bodies({422: "The request is not valid.", 503: "The store did not answer."})


class ActivityQuery(BaseModel):
    """The query string of ``GET /activity``."""

    model_config = ConfigDict(extra="forbid")
    hours: int = Field(24, ge=1, le=MAX_HOURS, description="How many hours, this one included.")


class HourOfActivity(BaseModel):
    """What all workers counted in one hour."""

    at: int = Field(description="Its first second, unix time.")
    lists: int
    degraded: int
    rejected: int = Field(description="Lists refused with 503, because the service was full.")
    p50_ms: float | None = Field(description="Time of a list from arrival; null: no lists.")
    p99_ms: float | None
    events: int = Field(description="Stored events.")
    refused_events: int


class CountOf(BaseModel):
    """A number, and what was counted: the labels of the metric."""

    labels: list[str]
    n: int


class ShownInScene(BaseModel):
    """What one scene showed, and the events that name one of its lists."""

    scene: str
    lists: int
    items: int = Field(description="Items of these lists.")
    events: dict[str, int] = Field(description="By type.")


class ActivityTotal(BaseModel):
    """The sums of all hours of the answer."""

    lists: int
    p50_ms: float | None
    p99_ms: float | None
    degraded: list[CountOf] = Field(description="Lists by stage and outcome.")
    events: list[CountOf] = Field(description="Events by type and outcome.")
    refused_requests: list[CountOf] = Field(description="Requests by reason.")
    scenes: list[ShownInScene] = Field(description="The one with the most lists first.")


class ActivityBody(BaseModel):
    """What the service did, by the hour."""

    budget_ms: float
    hours: list[HourOfActivity] = Field(description="The oldest first.")
    total: ActivityTotal


@router.get(
    "/activity",
    summary="Lists and events by the hour",
    response_model=ActivityBody,
    responses=ERRORS,
    openapi_extra=describe_parameters(ActivityQuery),
)
async def activity(http: Request) -> Response:
    """Return what all workers counted in the last hours: lists, their time, and events.

    The counters are kept in Redis for a week. A worker adds its own to them once a minute. Times
    are estimated from a histogram whose steps are those of `recfunnel_request_seconds`.
    """
    query = read_query_string(http, ActivityQuery)
    service = service_of(http)
    by_hour = await await_store(service.activity.read(query.hours))
    body = await asyncio.to_thread(_render, by_hour)
    return json_response({"budget_ms": service.settings.budget_ms, **body})


def _render(by_hour: Mapping[int, Counts]) -> dict[str, Any]:
    total: Counts = Counter()
    for counts in by_hour.values():
        total.update(counts)
    return {
        "hours": [{"at": at, **_summarise(counts)} for at, counts in by_hour.items()],
        "total": {
            "lists": count_lists(total),
            "p50_ms": quantile_ms(total, 0.5),
            "p99_ms": quantile_ms(total, 0.99),
            "degraded": _listed(total, "degraded"),
            "events": _listed(total, "events"),
            "refused_requests": _listed(total, "requests_refused"),
            "scenes": _list_scenes(total),
        },
    }


def _summarise(counts: Counts) -> dict[str, Any]:
    events = by_labels(counts, "events")
    others = (*STORED, *WITHOUT_EFFECT)
    return {
        "lists": count_lists(counts),
        "degraded": counts["answers", "degraded"],
        "rejected": counts["requests_rejected",],
        "p50_ms": quantile_ms(counts, 0.5),
        "p99_ms": quantile_ms(counts, 0.99),
        "events": sum(n for labels, n in events.items() if labels[-1] in STORED),
        "refused_events": sum(n for labels, n in events.items() if labels[-1] not in others),
    }


def count_lists(counts: Counts) -> int:
    """Return the number of lists, whole or degraded."""
    return sum(by_labels(counts, "answers").values())


def _listed(counts: Counts, family: str) -> list[dict[str, Any]]:
    return [{"labels": labels, "n": n} for labels, n in by_labels(counts, family).items()]


def _list_scenes(counts: Counts) -> list[dict[str, Any]]:
    events: dict[str, dict[str, int]] = {}
    for (scene, kind), n in by_labels(counts, "scene_events").items():
        events.setdefault(scene, {})[kind] = n
    items = by_labels(counts, "items_shown")
    return [
        {
            "scene": scene,
            "lists": n,
            "items": items.get((scene,), 0),
            "events": events.pop(scene, {}),
        }
        for (scene,), n in by_labels(counts, "lists_shown").items()
    ]


def quantile_ms(counts: Counts, share: float) -> float | None:
    """Return the time within which a share of the lists was answered, milliseconds.

    It is interpolated within a bucket of the histogram. Above the last bound it is that bound.
    None stands for no lists.
    """
    buckets = [counts[SECONDS, str(n)] for n in range(len(BUCKETS) + 1)]
    remaining = share * sum(buckets)
    if not remaining:
        return None
    bounds = (0.0, *BUCKETS, BUCKETS[-1])
    for n, count in enumerate(buckets):
        if count and remaining <= count:
            within = (bounds[n + 1] - bounds[n]) * remaining / count
            return round((bounds[n] + within) * 1000, 3)
        remaining -= count
    return BUCKETS[-1] * 1000


class SceneActivity(BaseModel):
    """The newest lists of one scene, and what their users did with them."""

    scene: str
    lists: int
    users: int
    items: int = Field(description="Different items in these lists.")
    coverage: float = Field(description="The share of the items of the catalogue.")
    answered_lists: int = Field(description="Lists with at least one event that names them.")
    events: dict[str, int] = Field(description="Events that name one of the lists, by type.")


class ScenesBody(BaseModel):
    """The newest lists by scene."""

    lists: int
    since: float | None = Field(description="When the oldest of them was shown, unix seconds.")
    scenes: list[SceneActivity]


@router.get(
    "/activity/scenes",
    summary="The newest lists by scene",
    response_model=ScenesBody,
    responses=ERRORS,
)
async def scene_activity(http: Request) -> Response:
    """Return how many items the newest 1,000 lists covered, and what users did, by scene.

    An event counts if its `request_id` names one of these lists and it is among the newest 2,000.
    """
    service = service_of(http)
    deployment = require_deployment(service)
    prefix = service.settings.key_prefix
    newest = [
        ("XREVRANGE", impressions_key(prefix), "+", "-", "COUNT", NEWEST_LISTS),
        ("XREVRANGE", events_key(prefix), "+", "-", "COUNT", NEWEST_EVENTS),
    ]
    lists, events = await await_store(service.writer.pipeline("activity", newest))
    n_items = int(deployment.live_items.catalogue.available.sum())
    return json_response(await asyncio.to_thread(_render_scenes, lists, events, n_items))


def _render_scenes(lists: Sequence[Any], events: Sequence[Any], n_items: int) -> dict[str, Any]:
    shown = [one for one in decode_entries(_texts(lists), decode_impression) if one]
    named: dict[str, list[EventEntry]] = {}
    for event in decode_entries(_texts(events), decode_event):
        if event and event.request_id:
            named.setdefault(event.request_id, []).append(event)
    by_scene: dict[str, list[Impression]] = {}
    for each in shown:
        by_scene.setdefault(each.scene, []).append(each)
    times = [each.at for each in shown if each.at is not None]
    return {
        "lists": len(shown),
        "since": min(times, default=None),
        "scenes": [
            _summarise_scene(scene, by_scene[scene], named, n_items)
            for scene in sorted(by_scene, key=lambda name: -len(by_scene[name]))
        ],
    }


def _summarise_scene(
    scene: str, lists: Sequence[Impression], named: Mapping[str, list[EventEntry]], n_items: int
) -> dict[str, Any]:
    items = {item for each in lists for item in each.items}
    events = [event for each in lists for event in named.get(each.request_id, ())]
    return {
        "scene": scene,
        "lists": len(lists),
        "users": len({each.user for each in lists}),
        "items": len(items),
        "coverage": len(items) / max(n_items, 1),
        "answered_lists": len({event.request_id for event in events}),
        "events": dict(Counter(event.type for event in events).most_common()),
    }


def _texts(entries: Sequence[Any]) -> list[bytes]:
    """Return the stored texts of stream entries."""
    return [fields[-1] for _, fields in entries]
