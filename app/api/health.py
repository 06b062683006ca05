"""``/healthz``, ``/readyz`` and ``/metrics``: what orchestrators and Prometheus ask."""

import asyncio

import orjson
from fastapi import APIRouter, Request, Response

from app.service import Service

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "alive"}


@router.get("/readyz", summary="Is a bundle in service?")
async def readyz(http: Request) -> Response:
    """Say whether a bundle is in service, verified and warmed up; and what is wrong with it."""
    service: Service = http.app.state.service
    deployment = service.deployment
    told = {
        "ready": deployment is not None,
        "bundle": deployment.bundle.version if deployment else None,
        "refused": service.refusal,
        "warnings": list(service.drift_monitor.alerts),
        "redis": "down" if service.store.breaker.is_open else "ok",
    }
    return Response(orjson.dumps(told), 200 if deployment else 503, media_type="application/json")


@router.get("/metrics", summary="Prometheus metrics")
async def metrics(http: Request) -> Response:
    """Give all workers' metrics as Prometheus text."""
    service: Service = http.app.state.service
    text = await asyncio.to_thread(service.metrics.scrape)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
