"""``/popular`` and ``/trending``: what is liked most: by all, in a category, segment or scene."""

from collections.abc import Sequence

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import Field

from app.api.endpoint import (
    describe_parameters,
    read_query_string,
    require_deployment,
    service_of,
)
from app.api.errors import RefusalError, unknown_name
from app.api.item_lists import ItemListBody, ItemListResult, build_query, item_list_response
from app.api.list_options import require_valid_options
from app.api.schemas import MAX_SCENE_LENGTH, ItemListQuery, error_bodies
from app.artifacts import Segments
from app.catalogue.unknown_names import unknown_tag_notes
from app.contracts import Rows
from app.features.user_segments import segment_codes
from app.service.item_lists import PopularityList, needs_a_thread
from app.settings import HOME
from app.state.counters import POPULAR, TRENDING, PopularityCounters

router = APIRouter(tags=["recommend"])
MAX_SEGMENTS = 10
ERRORS = error_bodies(
    {
        422: "The request is not valid; the answer says where.",
        503: "Not ready yet; see Retry-After.",
    }
)


class PopularQuery(ItemListQuery):
    """The query string of ``/popular`` and ``/trending``."""

    scene: str = Field(
        HOME,
        max_length=MAX_SCENE_LENGTH,
        description="Only what this scene may show; what is liked on its lists counts more.",
    )
    category: str = Field("", max_length=256, description="Only items of this category.")
    segment: list[str] = Field(
        default_factory=list,
        max_length=MAX_SEGMENTS,
        description="What these users prefer counts more: an attribute of users and its value, "
        "such as age:24-28. May come more than once.",
    )
    explain: bool = Field(default=False, description="Explain how each item came to be here.")


@router.get(
    "/popular",
    summary="What is liked most over months",
    response_model=ItemListBody,
    responses=ERRORS,
    openapi_extra=describe_parameters(PopularQuery),
)
async def popular_items(http: Request) -> Response:
    """Return the items with the most likes, which fade with a half-life of 90 days.

    Live events count within a second. Scores are these likes; a `segment` or a `scene` multiplies
    them by how much more these users like the item than all users do.
    """
    return await _respond(http, "popular")


@router.get(
    "/trending",
    summary="What is liked most over days",
    response_model=ItemListBody,
    responses=ERRORS,
    openapi_extra=describe_parameters(PopularQuery),
)
async def trending_items(http: Request) -> Response:
    """Return the items with the most likes, which fade with a half-life of 7 days.

    Else as `/popular`.
    """
    return await _respond(http, "trending")


async def _respond(http: Request, name: str) -> Response:
    options = read_query_string(http, PopularQuery)
    service = service_of(http)
    deployment = require_deployment(service)
    require_valid_options(service, deployment, options, options.fields)
    models = deployment.bundle.models
    codes = _read_segments(models.segments, options.segment)
    scene = options.scene if "scene" in options.model_fields_set else ""
    wanted = PopularityList(name, options.category, codes, scene)
    with deployment.state.reading() as replica:
        query = build_query(replica.reader, options, http.scope["arrived"])
        work = models, replica.counters, query
        if needs_a_thread(models):  # a rare category may take a look at the whole catalogue
            proposal = await deployment.cpu(wanted.select, *work)
        else:
            proposal = wanted.select(*work)
        explanations = _explain(replica.counters, proposal.rows) if options.explain else ()
    categories = [options.category] if options.category else []
    lists = deployment.live_items.catalogue.category_lists
    notes = unknown_tag_notes(lists, categories, "category")
    result = ItemListResult(proposal, notes, explanations)
    return item_list_response(http, deployment, options, result)


def _explain(counters: PopularityCounters, rows: Rows) -> list[dict[str, float]]:
    """Return the likes behind each score, by half-life, and how often the item was shown."""
    likes = counters.liked_at(counters.now, rows)
    return [
        {
            "likes_90_days": round(float(likes[POPULAR, n]), 4),
            "likes_7_days": round(float(likes[TRENDING, n]), 4),
            "liked": float(counters.positives[row]),
            "shown": float(counters.exposures[row]),
        }
        for n, row in enumerate(rows.tolist())
    ]


def _read_segments(segments: Segments, texts: Sequence[str]) -> NDArray[np.int32] | None:
    """Return the codes of ``attribute:value`` texts, (a,); None without texts. Refuse others."""
    if not texts:
        return None
    values = dict(_read_segment(segments, text) for text in texts)
    if len(values) < len(texts):
        raise RefusalError(422, "name each attribute once", "segment")
    return segment_codes(segments, values)


def _read_segment(segments: Segments, text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not value:
        raise RefusalError(
            422, f"{text!r} is no segment: write an attribute and its value, age:24-28", "segment"
        )
    if name not in segments.names:
        raise RefusalError(422, _unknown_attribute(segments, name), "segment")
    at = segments.names.index(name)
    if segment_codes(segments, {name: value})[at] < 0:
        existing = [f"{name}:{label}" for label in segments.labels[at]]
        raise RefusalError(422, unknown_name(text, existing), "segment")
    return name, value


def _unknown_attribute(segments: Segments, name: str) -> str:
    if not segments.names:
        return "the bundle has no segments: train with attributes of users"
    return unknown_name(f"segment {name}", segments.names)
