"""An HTTP/1.1 client with keep-alive that takes a few tens of microseconds a request.

General clients take as much CPU as the service that they measure. This one reads an answer that
arrives in one piece without a parser, and watches all time-outs with one timer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast
from urllib.parse import urlsplit

import httptools
from typing_extensions import override

from loadtest.traffic import HttpCall

TICKS = 8  # looks at the requests in flight within one time-out
LENGTH = b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One response."""

    status: int
    body: bytes


class HttpConnection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self.began = 0.0  # when the newest request was sent, by the clock of the event loop
        self._loop = asyncio.get_running_loop()
        self._reply: asyncio.Future[HttpReply] | None = None
        self._parser: httptools.HttpResponseParser | None = None  # of a reply in several pieces
        self._body: list[bytes] = []

    def send(self, request: bytes) -> "asyncio.Future[HttpReply]":
        """Send a request and return the response, which is yet to come.

        It is a ``ConnectionError`` if the connection ends before the response does.
        """
        self.began = self._loop.time()
        self._reply = self._loop.create_future()
        self._transport.write(request)
        return self._reply

    @property
    def local_port(self) -> int:
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        self._transport.close()

    def fail(self, error: Exception) -> None:
        """End the connection; the request in flight has this error."""
        self.is_open = False
        if self._reply and not self._reply.done():
            self._reply.set_exception(error)
        self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self.is_open = True

    @override
    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            if (whole := read_whole(data)) is not None:
                self._deliver(*whole)
                return
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(ConnectionError(f"this is not a response of HTTP/1.1: {error}"))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(ConnectionResetError(f"closed before the response: {exc}"))

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body. The parser calls this."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Deliver the response. The parser calls this."""
        parser, self._parser = self._parser, None
        body, self._body = b"".join(self._body), []
        if parser is not None:
            self._deliver(HttpReply(parser.get_status_code(), body), parser.should_keep_alive())

    def _deliver(self, reply: HttpReply, is_kept: bool) -> None:  # noqa: FBT001 - of the response
        self.is_open = is_kept
        if self._reply and not self._reply.done():
            self._reply.set_result(reply)


def read_whole(data: bytes) -> tuple[HttpReply, bool] | None:
    """Read a response that arrived in one piece, and whether its connection is kept.

    None stands for one that needs a parser: a part of a response, or one of unknown length.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"HTTP/1.1 "):
        return None
    head = data[: end + 2].lower()
    at = head.find(LENGTH)
    if at < 0:
        return None
    at += len(LENGTH)
    length = head[at : head.index(b"\r\n", at)]
    if not length.isdigit() or end + 4 + int(length) != len(data):
        return None
    return HttpReply(int(data[9:12]), data[end + 4 :]), b"\r\nconnection: close" not in head


class HttpClient:
    """A pool that opens a connection when none is idle, as an open loop needs."""

    def __init__(
        self,
        url: str,
        timeout: float = 10.0,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._timeout = timeout
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._after_path = f" HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{lines}"
        self._idle: list[HttpConnection] = []
        self._busy: dict[HttpConnection, None] = {}  # the one whose request is the oldest first
        self._timer: asyncio.TimerHandle | None = None  # runs while requests are in flight

    async def send(self, call: HttpCall) -> HttpReply:
        """Send one request. If the server has just closed an idle connection, send it again.

        Raises:
            OSError: the server cannot be reached, closes the connection, or exceeds the time-out.
        """
        request = self._encode(call)
        while self._idle:
            idle = self._idle.pop()
            if not idle.is_open:
                continue
            try:
                return await self._send_on(idle, request)
            except TimeoutError:
                raise
            except ConnectionError:
                break
        return await self._send_on(await self._open(), request)

    def close(self) -> None:
        """Close all connections."""
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()
        if self._timer:
            self._timer.cancel()

    async def _send_on(self, connection: HttpConnection, request: bytes) -> HttpReply:
        if self._timer is None:
            self._look_again()
        self._busy[connection] = None
        try:
            reply = await connection.send(request)
        except BaseException:
            connection.close()
            raise
        finally:
            del self._busy[connection]
        if connection.is_open:
            self._idle.append(connection)
        return reply

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._timeout / TICKS, self._fail_late)

    def _fail_late(self) -> None:
        """End the requests that have lasted for too long."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._busy):
            if now < connection.began + self._timeout:
                break
            connection.fail(TimeoutError("the response did not come in time"))
        if self._busy:
            self._look_again()

    async def _open(self) -> HttpConnection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout):
            _, connection = await loop.create_connection(HttpConnection, self._host, self._port)
        return connection

    def _encode(self, call: HttpCall) -> bytes:
        head = f"{call.method} {call.path}{self._after_path}"
        if not call.body:
            return f"{head}\r\n".encode()
        length = f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n"
        return f"{head}{length}\r\n".encode() + call.body
