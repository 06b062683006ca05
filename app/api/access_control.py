"""The first step of every request: whether its key allows it, and the headers of safe answers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.key_ring import KeyRing
from app.access.keys import ApiKey
from app.access.roles import OPEN_PATHS, is_console_path, is_open_path, required_role
from app.api.batch_bodies import add_record_schema
from app.api.errors import error_response
from app.api.schemas import SLASH_PLACEHOLDER
from app.observe.metrics import Metrics

audit = logging.getLogger("recfunnel.audit")

BEARER = b"bearer "
KEY_NEEDED = error_response(
    401, "this service needs an API key: send it as X-API-Key or as Authorization: Bearer"
)
KEY_UNKNOWN = error_response(401, "the API key is unknown or has expired")
for answer in (KEY_NEEDED, KEY_UNKNOWN):
    answer.headers["WWW-Authenticate"] = "Bearer"
PAGE_PATHS = ("/docs", "/redoc")
PAGE_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: https:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
# The console has no inline script or style. Its forms are handled by its script alone.
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: https:{pictures}; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)


Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
CACHE_CONTROL = b"cache-control"
SAFE_HEADERS: Headers = ((b"x-content-type-options", b"nosniff"),)
PRIVATE_HEADERS: Headers = (*SAFE_HEADERS, (CACHE_CONTROL, b"private, no-store"))


def _page_headers(policy: str) -> Headers:
    return (
        *SAFE_HEADERS,
        (b"content-security-policy", policy.encode()),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    )


PAGE_HEADERS = _page_headers(PAGE_POLICY)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request; without keys, or for a probe, nobody is known."""

    key: ApiKey | None = None
    is_trusted: bool = True  # False: a probe without a key, which is shown a status alone


class AccessControl:
    """Refuses a request without a valid key, or whose key lacks the role, before anything is read.

    It is the first middleware, so it holds for every path: ``/metrics``, ``/docs`` and paths that
    do not exist. Without configured keys everyone may do everything; the service then listens on
    the loopback only. What needs an admin is logged by ``recfunnel.audit``, refusals too.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, metrics: Metrics) -> None:
        self._app = app
        self._keys = keys
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not self._keys.is_configured:
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        presented = presented_key(scope["headers"])
        key = self._keys.find(presented) if presented else None
        if is_open_path(path):
            scope["caller"] = Caller(key, is_trusted=key is not None)
            await self._app(scope, receive, send)
            return
        role = required_role(method, path)
        if key is None:
            self._metrics.count("requests_refused", "no_key" if not presented else "bad_key")
            await (KEY_UNKNOWN if presented else KEY_NEEDED)(scope, receive, send)
            return
        if role == "admin":
            send = log_status(key.name, method, path, send)
        if not key.allows(role):
            self._metrics.count("requests_refused", "role")
            refusal = error_response(403, f"this needs a key with the role {role}")
            await refusal(scope, receive, send)
        else:
            scope["caller"] = Caller(key)
            await self._app(scope, receive, send)


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the key that a request sends, "" for none; the first that is found counts."""
    for name, value in headers:
        if name == b"x-api-key":
            return value.decode("latin-1").strip()
        if name == b"authorization" and value[: len(BEARER)].lower() == BEARER:
            return value[len(BEARER) :].decode("latin-1").strip()
    return ""


def log_status(name: str, method: str, path: str, send: Send) -> Send:
    """Return ``send`` that also logs who did what, and how it ended: one line, whatever is sent."""
    shown = path.replace(SLASH_PLACEHOLDER, "%2F")
    shown = shown if shown.isprintable() else ascii(shown)

    async def logged(message: Message) -> None:
        if message["type"] == "http.response.start":
            audit.info("%s: %s %s -> %d", name, method, shown, message["status"])
        await send(message)

    return logged


class SecurityHeaders:
    """Adds the headers that keep answers out of caches, frames and guesses at their type."""

    def __init__(self, app: ASGIApp, picture_base: str | None = None) -> None:
        """Take the setting ``picture_base``: the console may show pictures from there, too."""
        self._app = app
        origin = picture_origin(picture_base or "")
        policy = CONSOLE_POLICY.format(pictures=f" {origin}" if origin else "")
        self._console_headers = _page_headers(policy)

    def _headers_of_page(self, path: str) -> Headers:
        """Return the headers of a path that shows a page; none for any other path."""
        if path.startswith(PAGE_PATHS):
            return PAGE_HEADERS
        return self._console_headers if is_console_path(path) else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page_headers = self._headers_of_page(scope["path"])

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                if page_headers:
                    added = page_headers
                elif any(name == CACHE_CONTROL for name, _ in headers):
                    added = SAFE_HEADERS
                else:
                    added = PRIVATE_HEADERS
                message = {**message, "headers": [*headers, *added]}
            await send(message)

        await self._app(scope, receive, secured)


def picture_origin(address: str) -> str:
    """Return the scheme, host and port of an address of HTTP or HTTPS; "" of a path."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


BOUNDS = {  # what every route may answer, see app.process.bounded_protocol
    "400": "This is not HTTP, or the address is too long.",
    "408": "The request did not arrive in time.",
    "431": "The headers are too large.",
}
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe_security(app: FastAPI) -> None:
    """Add to OpenAPI how to send a key, the role of each operation, and the bounds of requests."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
            servers=app.servers,
        )
        schema.setdefault("components", {})["securitySchemes"] = SCHEMES
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                add_record_schema(operation, schema["components"].setdefault("schemas", {}))
                for status, text in BOUNDS.items():
                    operation["responses"].setdefault(status, {"description": text})
                if "requestBody" in operation:
                    too_large = {"description": "The body is too large."}
                    operation["responses"].setdefault("413", too_large)
                if path in OPEN_PATHS:
                    operation["security"] = [{}, *({name: []} for name in SCHEMES)]
                    continue
                operation["security"] = [{name: []} for name in SCHEMES]
                responses = operation["responses"]
                responses.setdefault("429", {"description": "The key sends too many requests."})
                operation["x-role"] = required_role(method.upper(), path)
                responses.setdefault("401", {"description": "No valid API key was sent."})
                responses.setdefault("403", {"description": "The key lacks the role."})
        app.openapi_schema = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
