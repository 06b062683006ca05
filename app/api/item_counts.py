"""``/items/{id}/counts``: how all users interact with an item, as this worker knows it."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from app.api.errors import RefusalError
from app.api.schemas import ITEM, ErrorBody, PathId
from app.api.service_access import json_response, require_deployment, service_of
from app.artifacts import DAY, HALF_LIVES, Segments
from app.state.counters import PopularityCounters

router = APIRouter(tags=["items"])
ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "No such item."}
}


class ItemSceneCounts(BaseModel):
    """Interactions of the users of one scene with an item."""

    shown: float
    liked: float = Field(description="Positive events that name a list of the scene.")


class ItemCounts(BaseModel):
    """Interactions of all users with an item."""

    item_id: str
    shown: float = Field(description="In lists, since the end of the bundle's data.")
    liked: float = Field(description="Positive events since then.")
    trend: dict[str, float] = Field(description="Likes, fading, by half-life in days.")
    scenes: dict[str, ItemSceneCounts]
    segments: dict[str, dict[str, float]] = Field(description="Live likes of 30 days by segment.")


@router.get(
    "/items/{item_id}/counts",
    summary="How all users interact with an item",
    response_model=ItemCounts,
    responses=ERRORS,
)
async def get_counts(
    http: Request, item_id: Annotated[PathId, Path(json_schema_extra=ITEM)]
) -> Response:
    """Return the live counts of an item; all workers have the same within a second."""
    deployment = require_deployment(service_of(http))
    models, counters = deployment.bundle.models, deployment.counters
    row = models.catalogue.ids.row(item_id)
    if row < 0:
        raise RefusalError(404, f"there is no item {item_id}", "item_id")
    trend = counters.liked_at(counters.now, np.array([row]))[:, 0]
    return json_response(
        {
            "item_id": item_id,
            "shown": float(counters.exposures[row]),
            "liked": float(counters.positives[row]),
            "trend": {
                "all" if np.isinf(half_life) else f"{half_life / DAY:g}": round(float(likes), 6)
                for half_life, likes in zip(HALF_LIVES, trend, strict=True)
            },
            "scenes": {
                scene: {"shown": shown, "liked": liked}
                for scene, (shown, liked) in counters.scenes.counts_of(row).items()
            },
            "segments": _count_by_segment(counters, models.segments, row),
        }
    )


def _count_by_segment(
    counters: PopularityCounters, segments: Segments, row: int
) -> dict[str, dict[str, float]]:
    """Return the likes of each segment; empty when they are not counted."""
    if not len(counters.segments):
        return {}
    rows = np.arange(len(counters.segments) - 1)  # the last row counts all users
    likes = counters.segments.at(counters.now, rows, np.array([row]))[:, 0].astype(np.float64)
    parts = np.split(likes, segments.offsets[1:-1])
    return {
        name: dict(zip(labels, part.round(6).tolist(), strict=True))
        for name, labels, part in zip(segments.names, segments.labels, parts, strict=True)
    }
