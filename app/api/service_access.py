"""Helpers of endpoints: access to the service and its store, and JSON responses."""

from collections.abc import Awaitable
from typing import Any, TypeVar

import orjson
from fastapi import Request, Response

from app.api.errors import RefusalError
from app.contracts import StageError
from app.service.deployment import Deployment
from app.service.service import Service

Reply = TypeVar("Reply")


def service_of(http: Request) -> Service:
    """Return the service that answers this request."""
    service: Service = http.app.state.service
    return service


def require_deployment(service: Service) -> Deployment:
    """Return the bundle in service.

    Raises:
        RefusalError: there is none yet.
    """
    if service.deployment is None:
        raise RefusalError(503, service.refusal or "the service is starting", retry_after=1)
    return service.deployment


async def await_store(work: Awaitable[Reply], failure: str = "the store did not answer") -> Reply:
    """Wait for a reply of the store.

    Args:
        work: sends the commands.
        failure: says what did not happen, if it fails.

    Raises:
        RefusalError: the store does not answer.
    """
    try:
        return await work
    except StageError as error:
        raise RefusalError(503, f"{failure}: {error}", retry_after=1) from error


def json_response(content: Any, status: int = 200) -> Response:
    """Build a JSON answer."""
    return Response(orjson.dumps(content), status, media_type="application/json")
