"""``/rules/preview``: the lists of some users before and after a change of the rules."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.endpoint import json_response, require_deployment, service_of
from app.api.errors import RefusalError
from app.api.list_comparison import (
    PREVIEW_USERS,
    ListComparison,
    choose_users,
    compare_lists,
    record_of,
    rows_of,
)
from app.api.rules import rule_notes
from app.api.schemas import MAX_SCENE_LENGTH, EventId, error_bodies
from app.contracts import SLOTS
from app.funnel import FunnelRun
from app.rerank.rules import Rules
from app.rules.rule_effects import effect_notes
from app.service.deployment import Deployment
from app.settings import HOME

router = APIRouter(tags=["rules"])
MAX_PREVIEW_K = 20
SHOWN_NOTE = (
    "shown items are remembered only while a policy reads them: `shown` will act on what is shown "
    "after the rules are saved"
)


class PreviewIn(BaseModel):
    """Rules to try, the scene to try them in, and the users whose lists are compared."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"rules": {"policy": {"category_cap": 3}}, "scene": "home", "k": 10}]
        },
    )
    rules: Rules = Field(description="What shall differ from the settings.")
    scene: str = Field(HOME, max_length=MAX_SCENE_LENGTH, description="Where the list is shown.")
    k: int = Field(10, ge=1, le=MAX_PREVIEW_K, description="How many items.")
    users: list[EventId] = Field(
        default_factory=list,
        max_length=PREVIEW_USERS,
        description="Empty: 20 users of the bundle, the same ones each time.",
    )


class PreviewItem(BaseModel):
    """An item of a list, and its position in the other list."""

    item_id: str
    title: str | None
    slot: Literal["organic", "explore", "sponsored", "pinned"]
    other: int | None = Field(description="Its position in the other list; null: it is not there.")
    reason: str | None = Field(description="Why it is not in the other list.")


class PreviewUser(BaseModel):
    """The lists of one user."""

    user_id: str
    is_changed: bool
    before: list[PreviewItem]
    after: list[PreviewItem]
    degraded: list[str] = Field(
        description="Stages that failed: the lists may differ for that reason too."
    )


class PreviewBody(BaseModel):
    """The lists before and after, and what else the rules would do."""

    bundle: str
    version: int = Field(description="The version of the rules that is in force, `before`.")
    changed: int = Field(description="How many of the users would get another list.")
    entered: int = Field(description="Items that lists have after and not before.")
    left: int = Field(description="Items that lists have before and not after.")
    users: list[PreviewUser]
    notes: list[str] = Field(description="Names in the rules that no item has, and what to know.")


@router.post(
    "/rules/preview",
    summary="Try rules on some users",
    response_model=PreviewBody,
    responses=error_bodies(
        {
            422: "Not valid.",
            503: "No bundle is in service, or this worker computes another preview.",
        }
    ),
)
async def preview_rules(http: Request, preview: PreviewIn) -> Response:
    """Return the lists of up to 20 users before and after, without saving anything.

    The lists do not count as shown. Requests for lists go first.
    """
    service = service_of(http)
    deployment = require_deployment(service)
    policies = preview.rules.apply(service.rules.base)
    scenes = {HOME, *policies.scenes}
    if service.settings.scenes and preview.scene not in scenes:
        names = ", ".join(sorted(scenes))
        raise RefusalError(422, f"there is no scene {preview.scene}; there are {names}", "scene")
    if deployment.preview_turn.locked():
        raise RefusalError(503, "another preview is being computed; try again", retry_after=1)
    users = preview.users or choose_users(deployment.bundle)
    version = service.rules.version.number
    comparisons = {}
    async with deployment.preview_turn:
        for user in users or [""]:  # without any user, what a new one gets
            record = record_of(user, preview.scene, preview.k)
            comparisons[user] = await compare_lists(
                deployment, record, policies, service.admission.yield_to_lists
            )
    rendered = [_render(deployment, user, one) for user, one in comparisons.items()]
    in_force = service.rules.rules
    notes = rule_notes(deployment.live_items.catalogue, preview.rules)
    notes += effect_notes(preview.rules, in_force, service.rules.base, HOME)
    if preview.scene not in scenes:
        notes.append(
            f'neither the settings nor these rules have the scene "{preview.scene}": what holds '
            "for all scenes acts in it"
        )
    memory = service.settings.with_policies(policies).shown_memory()
    if memory and not service.impressions.recently_shown_limit:
        notes.append(SHOWN_NOTE)
    body = {
        "bundle": deployment.bundle.version,
        "version": version,
        "changed": sum(user["is_changed"] for user in rendered),
        "entered": _count_alone(rendered, "after"),
        "left": _count_alone(rendered, "before"),
        "users": rendered,
        "notes": notes,
    }
    return json_response(body)


def _render(deployment: Deployment, user: str, comparison: ListComparison) -> dict[str, Any]:
    before, after = comparison.before, comparison.after
    is_changed = rows_of(before) != rows_of(after) or bool(
        (before.slate.slots != after.slate.slots).any()
    )
    return {
        "user_id": user,
        "is_changed": is_changed,
        "before": _render_list(deployment, before, after, comparison.reasons),
        "after": _render_list(deployment, after, before, comparison.reasons),
        "degraded": comparison.degraded,
    }


def _render_list(
    deployment: Deployment, run: FunnelRun, other: FunnelRun, reasons: Mapping[int, str]
) -> list[dict[str, Any]]:
    catalogue, rows = deployment.live_items.catalogue, run.slate.pool.rows
    positions = {row: n for n, row in enumerate(rows_of(other), start=1)}
    columns = zip(
        rows.tolist(),
        catalogue.ids.names(rows),
        catalogue.titles.take(rows),
        run.slate.slots.tolist(),
        strict=True,
    )
    return [
        {
            "item_id": name,
            "title": title or None,
            "slot": SLOTS[slot],
            "other": positions.get(row),
            "reason": None if row in positions else reasons.get(row),
        }
        for row, name, title, slot in columns
    ]


def _count_alone(users: list[dict[str, Any]], name: str) -> int:
    return sum(item["other"] is None for user in users for item in user[name])
