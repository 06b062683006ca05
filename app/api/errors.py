"""Every error of the API in one shape: ``{"error": {"code", "message", "field"}}``.

Anything in ``app.api`` may refuse a request: "refuse" in a docstring means ``RefusalError``.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.event_types import find_event_type
from app.event_weights import EventWeights

CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "invalid",
    500: "internal",
    503: "unavailable",
    507: "full",
}


class RefusalError(Exception):
    """A request is refused: what is wrong, and for a passing fault when to try again."""

    def __init__(
        self, status: int, message: str, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.retry_after = retry_after  # seconds


def error_response(
    status: int, message: str, field: str | None = None, retry_after: int | None = None
) -> Response:
    """Build the answer that says what is wrong."""
    detail = {"code": CODES.get(status, "error"), "message": message, "field": field}
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return Response(orjson.dumps({"error": detail}), status, headers, media_type="application/json")


def refusal_response(refusal: RefusalError) -> Response:
    """Build the answer to a refused request."""
    return error_response(refusal.status, str(refusal), refusal.field, refusal.retry_after)


def fault_message(fault: Mapping[str, Any]) -> str:
    """Return pydantic's message of one fault, without its own prefix."""
    return str(fault["msg"]).removeprefix("Value error, ")


def install(app: FastAPI) -> None:
    """Make the application answer all its errors in this shape."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, fault: RequestValidationError) -> Response:
        first = fault.errors()[0]
        if first["type"] == "json_invalid":
            return error_response(422, f"the body is not JSON: {first['ctx']['error']}")
        field = [str(part) for part in first["loc"] if part not in {"query", "body"}]
        return error_response(422, fault_message(first), ".".join(field) or None)

    @app.exception_handler(HTTPException)
    async def http(_request: Request, fault: HTTPException) -> Response:
        return error_response(fault.status_code, str(fault.detail))

    @app.exception_handler(RefusalError)
    async def refused(_request: Request, fault: RefusalError) -> Response:
        return refusal_response(fault)

    @app.exception_handler(Exception)
    async def bug(_request: Request, _fault: Exception) -> Response:
        return error_response(500, "an internal error; the log has its traceback")


def require_configured_type(event_type: str, event_weights: EventWeights, field: str) -> None:
    """Refuse an event whose type is not configured."""
    if not event_weights.accepts(event_type):
        raise RefusalError(422, unknown_type_message(event_type, event_weights), field)


def unknown_type_message(event_type: str, event_weights: EventWeights) -> str:
    """Return a sentence that names the types there are, and the one that a word means."""
    types = ", ".join(sorted(event_weights.type_weights))
    meant = find_event_type(event_type, event_weights.type_weights)
    hint = f"; write {meant}" if meant else ""
    return f"type {event_type} is not configured{hint}; there are {types}"
