"""The step that gives a request its trace. It exists only where traces are on."""

import asyncio
from time import monotonic, time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observe.request_trace import CURRENT, RequestTrace
from app.observe.request_tracer import RequestTracer

# Asked by machines again and again, or files of the console: nobody wants traces of them.
UNTRACED = ("/healthz", "/readyz", "/metrics", "/console", "/docs", "/redoc", "/openapi.json")
FIRST_SERVER_ERROR = 500


class RequestTracing:
    """Records when a request arrived and was answered, and hands its trace to the tracer.

    It stands after the keys and the rate limits, so that nobody without a key causes traces.
    """

    def __init__(self, app: ASGIApp, tracer: RequestTracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace = None
        if scope["type"] == "http" and not scope["path"].startswith(UNTRACED):
            parent, state = (header(scope, name) for name in (b"traceparent", b"tracestate"))
            trace = self._tracer.begin(parent, state)
        if trace is None:
            await self._app(scope, receive, send)
            return
        status = FIRST_SERVER_ERROR

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status, trace.answered = message["status"], monotonic()
            await send(message)

        token = CURRENT.set(trace)
        try:
            await self._app(scope, receive, observe)
        finally:
            CURRENT.reset(token)
            describe_request(trace, scope, status)
            # The server writes at the end of the event loop's turn: the rest takes the next one.
            asyncio.get_running_loop().call_soon(self._tracer.add, trace)


def describe_request(trace: RequestTrace, scope: Scope, status: int) -> None:
    """Record the route, the status and the times of a request that has ended.

    The path is not recorded, because it may hold a user's id.
    """
    trace.arrived, trace.ended = scope["arrived"], monotonic()
    trace.clock_offset = time() - trace.ended
    route, method = scope.get("route"), scope["method"]
    path = route.path if route else ""
    trace.name = f"{method} {path}".rstrip()
    trace.is_error = status >= FIRST_SERVER_ERROR
    trace.facts["http.request.method"] = method
    trace.facts["http.response.status_code"] = status
    if path:
        trace.facts["http.route"] = path


def header(scope: Scope, name: bytes) -> str:
    """Return the value of a header; "" if the request has none of this name."""
    for each, value in scope["headers"]:
        if each == name:
            text: str = value.decode("latin-1")
            return text
    return ""
