"""Steps before a request is routed: arrival time, admission, ids with a slash."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_response
from app.api.schemas import SLASH_PLACEHOLDER
from app.deadline import OverloadError
from app.observe.metrics import Metrics
from app.service.admission import AdmittedRequest
from app.service.service import Service


class RoutePath(NamedTuple):
    """The path of a route, for the metrics of a request that is refused before it is routed."""

    path: str


SMALL_BODY = 16_384  # bytes; a larger body of events is an import
IMPORT_PATHS = frozenset(
    {"/events", "/items", "/users", "/api/items", "/api/users", "/api/feedback"}
)
FUNNEL_ROUTES = {path: RoutePath(path) for path in ("/recommend", "/rank", "/explain")}
OVERLOAD = "the service is overloaded; try again later"
OVERLOADED = error_response(503, OVERLOAD, retry_after=1)


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
    """Refuses a list that cannot be whole within its budget, before its body is parsed.

    An admitted request carries the share of the candidates that it may use. It counts from the end
    of its body to the begin of its answer: a client that sends or reads slowly takes no turn of
    others. Imports let lists go first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service = scope["app"].state.service
        if scope["path"] not in FUNNEL_ROUTES:
            if service.admission.in_flight and is_import(scope):
                await service.admission.yield_to_lists()
            await self._app(scope, receive, send)
            return
        flight = _Flight(service, scope, receive, send)
        try:
            if scope["method"] == "GET":
                flight.begin()
            await self._app(scope, flight.receive, flight.send)
        except OverloadError:
            flight.end(is_refused=True)
            scope["route"] = FUNNEL_ROUTES[scope["path"]]
            service.metrics.count("requests_rejected")
            await OVERLOADED(scope, receive, send)
        finally:
            flight.end()


@dataclass(slots=True, eq=False)
class _Flight:
    """The time for which one request counts as in flight."""

    service: Service
    scope: Scope
    receive_part: Receive
    send_part: Send
    admitted: AdmittedRequest | None = None
    has_begun: bool = False

    def begin(self) -> None:
        """Admit the request.

        Raises:
            OverloadError: it cannot be answered within its budget.
        """
        self.has_begun = True
        key = self.scope["caller"].key if "caller" in self.scope else None
        admission, name = self.service.admission, key.name if key else ""
        self.admitted = admission.admit(self.scope["arrived"], name)
        self.scope["candidate_share"] = self.admitted.candidate_share
        self.scope["end_flight"] = self.end

    def end(self, *, is_refused: bool = False) -> None:
        """Leave the place to others, once."""
        admitted, self.admitted = self.admitted, None
        if admitted is not None:
            self.service.admission.release(admitted, is_refused=is_refused)

    async def receive(self) -> Message:
        """Return the next part of the body; admit the request at the last one.

        Raises:
            HTTPException: it cannot be answered within its budget.
        """
        message = await self.receive_part()
        is_last = message["type"] == "http.request" and not message.get("more_body")
        if is_last and not self.has_begun:
            try:
                self.begin()
            except OverloadError:  # whoever reads the body passes on an ``HTTPException`` alone
                self.service.metrics.count("requests_rejected")
                raise HTTPException(503, OVERLOAD, headers={"Retry-After": "1"}) from None
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer. When it begins, the list has been computed."""
        self.end()
        await self.send_part(message)


def leave_flight(scope: Scope) -> None:
    """End the flight of a request whose list is computed, before slow work that no list needs."""
    end: Callable[[], None] | None = scope.get("end_flight")
    if end is not None:
        end()


def is_import(scope: Scope) -> bool:
    """Return whether a request writes many events, items or users, or one item of many."""
    method, path = scope["method"], scope["path"]
    if method in {"PUT", "PATCH"} and path.startswith(("/items/", "/api/item/")):
        return True
    if method not in {"POST", "PUT"} or path not in IMPORT_PATHS:
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
