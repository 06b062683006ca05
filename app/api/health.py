"""``/healthz``, ``/readyz`` and ``/metrics``: for orchestrators and Prometheus."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from app.api.access_control import Caller
from app.api.endpoint import json_response, service_of
from app.process.draining_server import DRAINING

router = APIRouter(tags=["operations"])


class Readiness(BaseModel):
    """Whether a bundle is in service. A caller without a key sees ``ready`` alone."""

    ready: bool
    draining: bool | None = None
    bundle: str | None = None
    trained: bool | None = None
    refused: str | None = None
    fallback: bool | None = None
    warnings: list[str] | None = None
    redis: Literal["ok", "down"] | None = None
    writes: str | None = None


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    """Answer that the process is alive."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    summary="Is a bundle in service?",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "No bundle is in service."}},
)
async def readyz(http: Request) -> Response:
    """Answer whether a bundle is in service, verified and warmed up, and what is wrong with it.

    `redis` is about reads. `writes` is `refused` while Redis answers and takes nothing: lists go
    on, and events are answered with 503. `fallback` is true while the last good bundle is served
    instead of the one that `current` names. `draining` is true after SIGTERM. `trained` is false
    while nothing has been trained. Lists then hold new, popular and similar items.
    """
    service = service_of(http)
    deployment = service.deployment
    is_draining = bool(http.scope.get("state", {}).get(DRAINING))
    is_ready = deployment is not None and not is_draining
    if not http.scope.get("caller", Caller()).is_trusted:
        return json_response({"ready": is_ready}, 200 if is_ready else 503)
    body = {
        "ready": is_ready,
        "draining": is_draining,
        "bundle": deployment.bundle.version if deployment else None,
        "trained": bool(deployment and not deployment.bundle.manifest.is_starter),
        "refused": service.refusal,
        "fallback": service.is_fallback,
        "warnings": [
            *service.tasks.alerts,
            *service.drift_monitor.alerts,
            *service.store_health.alerts,
            *service.rules.alerts,
            *http.app.state.keys.alerts,
        ],
        "redis": "down" if service.store.breaker.is_open else "ok",
        "writes": service.store_health.writes,
    }
    return json_response(body, 200 if is_ready else 503)


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
async def metrics(http: Request) -> Response:
    """Return all workers' metrics as Prometheus text."""
    text = await asyncio.to_thread(service_of(http).metrics.scrape)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
