"""Steps before a request is routed: arrival time, admission, ids with a slash."""

from time import monotonic
from typing import NamedTuple
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_response
from app.api.schemas import SLASH_PLACEHOLDER
from app.deadline import OverloadError
from app.observe.metrics import Metrics


class RoutePath(NamedTuple):
    """The path of a route, for the metrics of a request that is refused before it is routed."""

    path: str


SMALL_BODY = 16_384  # bytes; a larger body of events is an import
FUNNEL_ROUTES = {path: RoutePath(path) for path in ("/recommend", "/explain")}
OVERLOADED = error_response(503, "the service is overloaded; try again later", retry_after=1)


class ArrivalTiming:
    """Stores when a request arrived, and records its time and status, whatever the status is."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["arrived"] = monotonic()
        status = 500

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.request_started()
        try:
            await self._app(scope, receive, observe)
        finally:
            self._metrics.request_ended()
            route = scope.get("route")
            path = route.path if route else "unknown"
            self._metrics.record_request(path, status, monotonic() - scope["arrived"])


class AdmissionControl:
    """Refuses a list that cannot be whole within its budget, before the body is read.

    An admitted request carries the share of the candidates that it may use. Imports let lists go
    first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service = scope["app"].state.service
        admission = service.admission
        if scope["path"] not in FUNNEL_ROUTES:
            if admission.in_flight and is_import(scope):
                await admission.yield_to_lists()
            await self._app(scope, receive, send)
            return
        try:
            key = scope["caller"].key if "caller" in scope else None
            admitted = admission.admit(scope["arrived"], key.name if key else "")
            is_refused = False
            try:
                scope["candidate_share"] = admitted.candidate_share
                await self._app(scope, receive, send)
            except OverloadError:
                is_refused = True
                raise
            finally:
                admission.release(admitted, is_refused=is_refused)
        except OverloadError:
            scope["route"] = FUNNEL_ROUTES[scope["path"]]
            service.metrics.count("requests_rejected")
            await OVERLOADED(scope, receive, send)


def is_import(scope: Scope) -> bool:
    """Return whether a request writes many events, or an item, of which there may be many."""
    if scope["method"] == "PUT":
        return str(scope["path"]).startswith("/items/")
    if scope["method"] != "POST" or scope["path"] != "/events":
        return False
    sizes = [value for name, value in scope["headers"] if name == b"content-length"]
    return not sizes or not sizes[0].isdigit() or int(sizes[0]) > SMALL_BODY


class EncodedSlashes:
    """Keeps a slash within an id apart from those between the parts of a path.

    ``/users/a%2Fb/friends`` is about the user ``a/b``. A server decodes a path before it is routed,
    and the two kinds of slash are then the same. The router therefore gets an encoded slash as a
    character that no id may hold; ``schemas.PathId`` restores it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path") or b""
        if b"%2F" in raw or b"%2f" in raw:
            parts = raw.decode("latin-1").replace("%2f", "%2F").split("%2F")
            path = SLASH_PLACEHOLDER.join(map(unquote, parts))
            scope = {**scope, "path": path}  # the server's log shows the original
        await self._app(scope, receive, send)
