"""``/overview``: the bundle in service and what the service offers, for the console."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.access.keys import ROLES
from app.api.access_control import Caller
from app.api.endpoint import json_response, service_of
from app.bundle.manifest import Manifest
from app.catalogue.item_fields import field_names
from app.service.deployment import Deployment

router = APIRouter(tags=["operations"])


class MeasuredMean(BaseModel):
    """A mean and its 95 % interval, as measured in training."""

    mean: float | None
    low: float | None
    high: float | None


class BundleSummary(BaseModel):
    """The bundle in service."""

    version: str
    created: float = Field(description="Unix seconds.")
    data_end: float = Field(description="Time of the last event of its data, unix seconds.")
    dataset: str
    trained: bool
    gate: Literal["passed", "refused", "forced"] | None = Field(description="Null: it did not run.")
    ndcg: MeasuredMean | None = Field(description="NDCG@10 of the funnel in the test.")
    users: int
    items: int


class OverviewBody(BaseModel):
    """The bundle in service, and what requests may ask for."""

    release: str
    key: str | None = Field(description="The name of the caller's key; null: keys are not used.")
    roles: list[str] = Field(description="What the caller may do.")
    bundle: BundleSummary | None = Field(description="Null: no bundle is in service.")
    refused: str | None
    budget_ms: float
    k_max: int
    scenes: list[str]
    fields: list[str] = Field(description="Attributes of the items.")
    event_types: list[str]
    picture_base: str | None = Field(
        description="What is before a relative address of a picture; null: it is not known."
    )


@router.get("/overview", summary="What is in service", response_model=OverviewBody)
async def overview(http: Request) -> Response:
    """Return the bundle in service, the roles of the caller's key, and what requests may name.

    `/readyz` has the warnings, `/activity` has what the service did.
    """
    service = service_of(http)
    deployment, settings = service.deployment, service.settings
    key = http.scope.get("caller", Caller()).key
    return json_response(
        {
            "release": http.app.version,
            "key": key.name if key else None,
            "roles": [role for role in ROLES if key is None or key.allows(role)],
            "bundle": summarise_deployment(deployment) if deployment else None,
            "refused": service.refusal,
            "budget_ms": settings.budget_ms,
            "k_max": settings.k_max,
            "scenes": service.scene_names,
            "fields": field_names(deployment.live_items.catalogue) if deployment else [],
            "event_types": sorted(deployment.bundle.manifest.type_weights) if deployment else [],
            "picture_base": settings.picture_base,
        }
    )


def summarise_deployment(deployment: Deployment) -> dict[str, Any]:
    """Return the bundle in service as ``BundleSummary`` describes it."""
    bundle = deployment.bundle
    return {
        **summarise_manifest(bundle.manifest),
        "users": len(bundle.models.users.ids),
        "items": int(deployment.live_items.catalogue.available.sum()),
    }


def summarise_manifest(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest says of its bundle, without numbers of users and items."""
    ndcg = manifest.metrics.get("ndcg@10", {}).get("funnel")
    return {
        "version": manifest.version,
        "created": manifest.created,
        "data_end": manifest.data_end,
        "dataset": manifest.dataset,
        "trained": not manifest.is_starter,
        "gate": manifest.gate.verdict if manifest.gate else None,
        "ndcg": {name: ndcg[name] for name in ("mean", "low", "high")} if ndcg else None,
    }
