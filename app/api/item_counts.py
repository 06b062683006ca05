"""``/items/{id}/counts``: what everybody does with an item, as this worker knows it."""

from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from app.api.errors import RefusalError
from app.api.path_ids import PathId
from app.api.schemas import ITEM, ErrorBody
from app.artifacts import DAY, HALF_LIVES, Segments
from app.service import Service
from app.state.counters import PopularityCounters

router = APIRouter(tags=["items"])
ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "No such item."}
}


class InScene(BaseModel):
    """What became of an item in one scene."""

    shown: float
    liked: float = Field(description="Positive events that name a list of the scene.")


class Counts(BaseModel):
    """What everybody did with an item."""

    item_id: str
    shown: float = Field(description="In lists, since the bundle's data end.")
    liked: float = Field(description="Positive events since then.")
    trend: dict[str, float] = Field(description="Likes, fading, by half-life in days.")
    scenes: dict[str, InScene]
    segments: dict[str, dict[str, float]] = Field(description="Live likes of 30 days by segment.")


@router.get(
    "/items/{item_id}/counts",
    summary="What everybody does with an item",
    response_model=Counts,
    responses=ERRORS,
)
async def get_counts(
    http: Request, item_id: Annotated[PathId, Path(json_schema_extra=ITEM)]
) -> Response:
    """Give the live counts of an item: all workers have the same within a second."""
    service: Service = http.app.state.service
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    row = service.deployment.bundle.models.catalogue.ids.row(item_id)
    if row < 0:
        raise RefusalError(404, f"there is no item {item_id}", "item_id")
    live = service.deployment.counters
    trend = live.liked_at(live.now, np.array([row]))[:, 0]
    told: dict[str, Any] = {
        "item_id": item_id,
        "shown": float(live.exposures[row]),
        "liked": float(live.clicks[row]),
        "trend": {
            "all" if np.isinf(h) else f"{h / DAY:g}": round(float(likes), 6)
            for h, likes in zip(HALF_LIVES, trend, strict=True)
        },
        "scenes": {
            scene: {"shown": shown, "liked": liked}
            for scene, (shown, liked) in live.scenes.counts_of(row).items()
        },
    }
    told["segments"] = _by_segment(live, service.deployment.bundle.models.segments, row)
    return Response(orjson.dumps(told), media_type="application/json")


def _by_segment(
    live: PopularityCounters, segments: Segments, row: int
) -> dict[str, dict[str, float]]:
    """Name the likes of each segment; nothing where they are not counted."""
    if not len(live.segments):
        return {}
    every = np.arange(len(live.segments) - 1)  # the last is everybody
    likes = live.segments.at(live.now, every, np.array([row]))[:, 0].astype(np.float64)
    parts = np.split(likes, segments.offsets[1:-1])
    return {
        name: dict(zip(labels, part.round(6).tolist(), strict=True))
        for name, labels, part in zip(segments.names, segments.labels, parts, strict=True)
    }
