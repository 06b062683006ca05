"""``/bundles``: the bundles in the folder of this machine, and which one is in service."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from app.api.endpoint import json_response, service_of
from app.api.errors import RefusalError
from app.api.overview import MeasuredMean, summarise_manifest
from app.api.schemas import error_bodies
from app.bundle.activation import can_activate, rollback
from app.bundle.manifest import BundleError, GateCheck, Manifest
from app.bundle.pointer import current_version
from app.bundle.stored_bundles import StoredBundle, list_bundles, service_history

router = APIRouter(tags=["operations"])
PATIENCE = 5.0  # seconds that a request waits, in a thread, for another change
MAX_BUNDLES = 50  # the newest ones; training keeps five
READ_ONLY = (
    "{out} cannot be written here: run `recfunnel rollback --to` where bundles are trained, in "
    "compose with `docker compose run --rm train`"
)
ERRORS = error_bodies(
    {
        404: "There is no such bundle.",
        409: "It is in service already, it must not be served, or another change is under way.",
        503: "The folder cannot be written here, see `can_activate` of `/bundles`.",
    }
)


class StoredBundleBody(BaseModel):
    """A bundle. One that is damaged has a `fault` and a version alone."""

    version: str
    in_service: bool = Field(description="Whether `current` names it.")
    was_in_service: bool
    fault: str | None
    created: float | None = Field(None, description="Unix seconds.")
    data_end: float | None = Field(None, description="Time of its last event, unix seconds.")
    dataset: str | None = None
    trained: bool | None = None
    gate: str | None = Field(None, description="`passed`, `refused` or `forced`.")
    checks: list[GateCheck] | None = Field(None, description="The comparisons of the gate.")
    ndcg: MeasuredMean | None = None
    metrics: dict[str, float | None] | None = Field(
        None, description="Mean of each metric of the funnel in the test."
    )
    rows: dict[str, int] | None = Field(None, description="Users, items and so on.")
    bytes: int | None = None
    training_seconds: float | None = None
    settings: dict[str, Any] | None = Field(None, description="Settings of the training.")


class BundlesBody(BaseModel):
    """The bundles, newest first."""

    bundles: list[StoredBundleBody]
    can_activate: bool = Field(
        description="Whether this service may write `current`: its folder may be read-only."
    )


class ActivatedBody(BaseModel):
    """Which bundle is in service instead of which."""

    version: str
    before: str | None


@router.get(
    "/bundles",
    summary="The bundles",
    response_model=BundlesBody,
    responses=error_bodies({503: "The folder cannot be read."}),
)
async def get_bundles(http: Request) -> Response:
    """Return the newest 50 bundles with the gate's verdict and the figures of their test."""
    out = service_of(http).settings.out
    try:
        bundles, writable = await asyncio.to_thread(lambda: (_describe_all(out), can_activate(out)))
    except OSError as error:
        raise RefusalError(503, f"{out} cannot be read: {error}") from None
    return json_response({"bundles": bundles, "can_activate": writable})


def _describe_all(out: Path) -> list[dict[str, Any]]:
    current, history = current_version(out), service_history(out)
    return [_describe(bundle, current, history) for bundle in list_bundles(out)[:MAX_BUNDLES]]


def _describe(bundle: StoredBundle, current: str | None, history: Sequence[str]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "version": bundle.version,
        "in_service": bundle.version == current,
        "was_in_service": bundle.version in history,
        "fault": bundle.fault or None,
    }
    return body | _describe_manifest(bundle.manifest) if bundle.manifest else body


def _describe_manifest(manifest: Manifest) -> dict[str, Any]:
    metrics = {
        name: figures["funnel"]["mean"]
        for name, figures in manifest.metrics.items()
        if isinstance(figures, dict) and isinstance(figures.get("funnel"), dict)
    }
    return {
        **summarise_manifest(manifest),
        "version": manifest.version,
        "checks": [check.model_dump() for check in manifest.gate.checks] if manifest.gate else [],
        "metrics": metrics,
        "rows": manifest.rows,
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "training_seconds": round(sum(manifest.seconds.values()), 1),
        "settings": manifest.settings,
    }


@router.post(
    "/bundles/{version}/activate",
    summary="Put a bundle into service",
    response_model=ActivatedBody,
    responses=ERRORS,
)
async def activate_bundle(
    http: Request,
    version: Annotated[
        str,
        PathParameter(
            max_length=128,
            description="As `/bundles` has it.",
            json_schema_extra={"example": "20261124T000901Z-16d1d500"},
        ),
    ],
) -> Response:
    """Put an earlier bundle into service, as `recfunnel rollback --to` does.

    Its files are verified first. Every worker loads it within some seconds; lists go on meanwhile.
    """
    service = service_of(http)
    out = service.settings.out
    if not await asyncio.to_thread(can_activate, out):  # before minutes of verification
        raise RefusalError(503, READ_ONLY.format(out=out))
    if version not in {bundle.version for bundle in await asyncio.to_thread(list_bundles, out)}:
        raise RefusalError(404, f"there is no bundle {version}: GET /bundles lists them", "version")
    before = current_version(out)
    try:
        await asyncio.to_thread(rollback, out, version, PATIENCE)
    except BundleError as error:
        raise RefusalError(409, str(error), "version") from None
    except OSError as error:
        raise RefusalError(503, f"{READ_ONLY.format(out=out)} ({error})") from None
    service.reload()
    return json_response({"version": version, "before": before})
