"""``/api/health``: for probes. It needs no key."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.endpoint import json_response, service_of
from app.gorse_api.schemas import GorseHealth
from app.process.draining_server import DRAINING

router = APIRouter(prefix="/api/health", tags=["gorse"])


@router.get("/live", summary="Is the process alive?", response_model=GorseHealth)
async def gorse_live(http: Request) -> Response:
    """Answer that the process is alive, and whether it reaches Redis."""
    return json_response(_health(http))


@router.get("/ready", summary="Is a bundle in service?", response_model=GorseHealth)
async def gorse_ready(http: Request) -> Response:
    """Answer whether a bundle is in service, with 503 if there is none."""
    body = _health(http)
    return json_response(body, 200 if body["Ready"] else 503)


def _health(http: Request) -> dict[str, Any]:
    service = service_of(http)
    is_draining = bool(http.scope.get("state", {}).get(DRAINING))
    is_connected = not service.store.breaker.is_open
    error = None if is_connected else "Redis does not answer"
    return {
        "Ready": service.deployment is not None and not is_draining,
        "DataStoreError": error,
        "CacheStoreError": error,
        "DataStoreConnected": is_connected,
        "CacheStoreConnected": is_connected,
    }
