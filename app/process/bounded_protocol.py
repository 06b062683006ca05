"""uvicorn's HTTP connections with bounds: of headers, of time, of what follows an answer.

uvicorn alone keeps headers of any size in memory, waits for ever for a client that sends nothing
or reads nothing, and reads a refused body to its end.

The application may refuse a request as soon as its headers are read, which takes a fraction of the
time of a request: it leaves an ``EarlyAnswer`` in its state.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import orjson
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.process.connection_limits import ON_CLOSED, OpenConnections
from app.process.connection_share import ConnectionShare
from app.process.draining_server import DRAINING

MAX_HEADER_BYTES = 64 * 2**10  # of a request line and its headers; also of trailers
MAX_HEADERS = 100
# Of a body that still arrives after its answer: twice the largest one that a route reads. A client
# whose connection is closed while it sends does not see the answer, but that the connection broke.
MAX_DISCARDED_BYTES = 8 * 2**20
# Called with the address and the headers of a GET; returns the answer of status 503 to a request
# that is refused, without its status line, and None for any other.
EarlyAnswer: TypeAlias = Callable[[bytes, Sequence[tuple[bytes, bytes]]], bytes | None]
EARLY_ANSWER = "early_answer"  # in the state of the application
UNAVAILABLE = 503
MAX_PIPELINED = 16  # requests that a client sends before it has the answers
REFUSALS = {
    400: ("bad_request", "this is not a request of HTTP/1.1, or its address is too long"),
    408: ("timeout", "the request did not arrive in time; send it again"),
    431: (
        "headers_too_large",
        f"the headers have more than {MAX_HEADERS} lines or {MAX_HEADER_BYTES} bytes; "
        "send long lists in the body of a POST",
    ),
    503: ("unavailable", "too many connections are open; try again later"),
}


class BoundedProtocol(HttpToolsProtocol):
    """One connection. It is closed when a bound is exceeded.

    A single timer looks whether the connection is waiting since too long. A request costs no timer.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ConnectionShare,
        app_state: dict[str, Any],
        open_connections: OpenConnections,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._open = open_connections
        self._open.on_closed = app_state.get(ON_CLOSED, self._open.on_closed)
        self._times = open_connections.times
        self._share = server_state
        self._refuse_early: EarlyAnswer | None = app_state.get(EARLY_ANSWER)
        self._is_answering = False  # an earlier request of the connection
        self._is_refused = False  # the request that is arriving was refused early
        self._deadline: float | None = None  # by the loop's clock, until which the client must act
        self._timer: asyncio.TimerHandle | None = None
        self._unparsed = 0  # bytes since the last part of a request that was complete
        self._in_request = False  # between the first byte of a request and its last one
        self._has_headers = False  # of the request that is arriving, complete
        self._discarded = 0  # bytes of a body after its answer

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self._times.headers)
        self._watch()
        if not self._open.add(self, self.client[0] if self.client else None):
            self._refuse(503)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._unparsed += len(data)
        if not self._in_request and self._deadline is None:
            self._wait(self._times.headers)
        super().data_received(data)
        if self._unparsed > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(431)

    @override
    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            self._open.count("pipelined")
            self.transport.abort()
        self._in_request = True
        self._has_headers = False
        super().on_message_begin()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) < MAX_HEADERS:
            super().on_header(name, value)
        elif not self.transport.is_closing():
            self._refuse(431)

    @override
    def on_headers_complete(self) -> None:
        self._unparsed = self._discarded = 0
        if self.transport.is_closing():
            return
        if self._refuse_early is not None and self._answer_early(self._refuse_early):
            return
        self._wait(self._times.body)
        self._open.set_busy(self)
        self._is_answering = True
        super().on_headers_complete()  # raises if the address cannot be read
        self._has_headers = True
        if self._share.surplus and self.cycle.keep_alive:
            self._share.surplus -= 1
            self.cycle.keep_alive = False

    @override
    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        if self.transport.is_closing():
            return
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > MAX_DISCARDED_BYTES:
                self.transport.close()
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._in_request = False
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._is_refused:
            self._is_refused = False
            return
        super().on_message_complete()
        if self.cycle.response_complete:
            self._open.set_idle(self)

    @override
    def on_response_complete(self) -> None:
        self._is_answering = bool(self.pipeline)
        super().on_response_complete()
        if self._in_request:
            self._wait(self._times.discard)
        elif not self.pipeline:
            self._open.set_idle(self)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(self._times.write)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._deadline = None

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def close_idle(self) -> None:
        """Close the connection, which has no request, to make room for another."""
        self.transport.close()

    def _wait(self, seconds: float) -> None:
        """Wait for the client to act; the connection is closed if it does not."""
        self._deadline = self.loop.time() + seconds

    def _watch(self) -> None:
        """Close the connection if its client has not acted in time, else look again later."""
        now = self.loop.time()
        if self._deadline is None and self.flow.write_paused:
            self._wait(self._times.write)
        if self._deadline is not None and now >= self._deadline:
            self._close_late()
        elif not self.transport.is_closing():
            ahead = self._times.shortest if self._deadline is None else self._deadline - now
            pause = min(ahead, self._times.shortest)
            self._timer = self.loop.call_later(pause, self._watch)

    def _close_late(self) -> None:
        if self.flow.write_paused:
            self._open.count("unread answers")
            self.transport.abort()
        elif self._in_request and not self._has_answered():
            self._refuse(408)
        else:
            self._open.count("silent")
            self.transport.close()

    def _answer_early(self, refuse: EarlyAnswer) -> bool:
        """Answer a usual request that the application refuses; return whether it does."""
        parser = self.parser
        if (
            parser.get_method() != b"GET"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or self._is_answering
            or self.flow.write_paused
            or self.app_state.get(DRAINING)
            or (answer := refuse(self.url, self.headers)) is None
        ):
            return False
        self._is_refused = True
        self._open.set_busy(self)
        self._open.set_idle(self)  # now it has been idle for the shortest time
        head = [STATUS_LINE[UNAVAILABLE]]
        for name, value in self.server_state.default_headers:
            head += [name, b": ", value, b"\r\n"]
        self.transport.write(b"".join([*head, answer]))
        self.server_state.total_requests += 1
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        return True

    def _has_answered(self) -> bool:
        """Return whether the answer to the request that is arriving has begun."""
        return self._has_headers and self.cycle.response_started

    def _refuse(self, status: int) -> None:
        """Answer outside the application, and close the connection."""
        self._open.count(str(status))
        if self.pipeline or self._has_answered():  # the client would take it for another answer
            self.transport.abort()
            return
        code, message = REFUSALS[status]
        body = orjson.dumps({"error": {"code": code, "message": message, "field": None}})
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )
        self.transport.close()
