"""Every error of the API in one shape: ``{"error": {"code", "message", "field"}}``.

A request with several faults is refused for all of them: ``message`` and ``field`` are of the
first, and ``faults`` lists them, at most ``MAX_FAULTS``.

Anything in ``app.api`` may refuse a request: "refuse" in a docstring means ``RefusalError``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.api.routes import allowed_methods
from app.event_types import find_event_type
from app.event_weights import EventWeights

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
    431: "headers_too_large",
    500: "internal",
    503: "unavailable",
    507: "full",
}
METHOD_NOT_ALLOWED = 405
PLACES = frozenset({"query", "path", "header", "body"})  # where FastAPI has found a value
MAX_FAULTS = 20  # that an answer lists


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request."""

    message: str
    field: str | None = None  # path of the parameter or of the field of the body


class RefusalError(Exception):
    """A request is refused: what is wrong, and for a passing fault when to try again."""

    def __init__(
        self, status: int, message: str, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.retry_after = retry_after  # seconds
        self.faults: Sequence[Fault] = ()  # all of them; (): the one of ``message``

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> "RefusalError":
        """Build the refusal of a request that is not valid for one or several reasons."""
        refusal = cls(422, faults[0].message, faults[0].field)
        refusal.faults = faults
        return refusal


def error_response(
    status: int,
    message: str,
    field: str | None = None,
    retry_after: int | None = None,
    faults: Sequence[Fault] = (),
) -> Response:
    """Build the answer that says what is wrong."""
    detail: dict[str, Any] = {"code": CODES.get(status, "error"), "message": message}
    detail["field"] = field
    if len(faults) > 1:
        detail["faults"] = [{"field": one.field, "message": one.message} for one in faults]
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return Response(orjson.dumps({"error": detail}), status, headers, media_type="application/json")


def refusal_response(refusal: RefusalError) -> Response:
    """Build the answer to a refused request."""
    return error_response(
        refusal.status, str(refusal), refusal.field, refusal.retry_after, refusal.faults
    )


def fault_message(fault: Mapping[str, Any], names: Iterable[str] = ()) -> str:
    """Return pydantic's message of one fault, without its own prefix.

    Args:
        fault: one of pydantic's errors.
        names: the names that may stand where an unknown one stands.
    """
    if fault["type"] == "extra_forbidden" and names:
        return unknown_name(str(fault["loc"][-1]), names)
    return str(fault["msg"]).removeprefix("Value error, ")


def unknown_name(name: str, names: Iterable[str]) -> str:
    """Return the message about a name that does not exist, with the nearest one that does."""
    existing = sorted(names)
    near = get_close_matches(name, existing, n=1)
    start = f"did you mean {near[0]}? There" if near else "there"
    return f"there is no {name}: {start} are {', '.join(existing)}"


def install(app: FastAPI) -> None:
    """Make the application answer all its errors in this shape."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, fault: RequestValidationError) -> Response:
        errors = fault.errors()
        if errors[0]["type"] == "json_invalid":
            return error_response(422, f"the body is not JSON: {errors[0]['ctx']['error']}")
        model = _body_model(request)
        faults = [_fault(each, model) for each in errors[:MAX_FAULTS]]
        return refusal_response(RefusalError.of(faults))

    @app.exception_handler(HTTPException)
    async def http(request: Request, fault: HTTPException) -> Response:
        if isinstance(fault.__cause__, ValueError):  # of FastAPI, when it reads the body
            return error_response(422, "the body is not JSON: write it in UTF-8")
        response = error_response(fault.status_code, str(fault.detail))
        response.headers.update(fault.headers or {})
        if fault.status_code == METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(allowed_methods(app, request.url.path))
        return response

    @app.exception_handler(RefusalError)
    async def refused(_request: Request, fault: RefusalError) -> Response:
        return refusal_response(fault)

    @app.exception_handler(Exception)
    async def bug(_request: Request, _fault: Exception) -> Response:
        return error_response(500, "an internal error; the log has its traceback")


def _fault(error: Mapping[str, Any], model: Any) -> Fault:
    path = [str(part) for part in error["loc"]]
    if path and path[0] in PLACES:
        path = path[1:]
    own_names = error.get("names") or _names_beside(model, path)
    field, message = ".".join(path), fault_message(error, own_names)
    is_sentence = not field or error["type"] in {"extra_forbidden", "value_error"}
    return Fault(message if is_sentence else f"{field}: {message}", field or None)


def _body_model(request: Request) -> Any:
    """Return the model of the body that the route of the request reads, if there is one."""
    body = getattr(request.scope.get("route"), "body_field", None)
    return getattr(getattr(body, "field_info", None), "annotation", None)


def _names_beside(model: Any, path: Sequence[str]) -> Sequence[str]:
    """Return the fields that may stand where a path into a model ends; none if it is no model."""
    for part in path[:-1]:
        fields = getattr(model, "model_fields", None)
        if fields is None:
            model = next(
                iter(get_args(model)[-1:]), None
            )  # of a list or of the values of an object
        else:
            model = fields[part].annotation if part in fields else None
    return list(getattr(model, "model_fields", ()))


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
