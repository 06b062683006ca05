"""HTTP/1.1 over kept-alive connections at a few tens of microseconds a request.

Ready-made clients cost as much CPU as the service that they are to measure.
"""

import asyncio
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools
from typing_extensions import override

from loadtest.traffic import HttpCall


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer."""

    status: int
    body: bytes


class HttpConnection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._reply: asyncio.Future[HttpReply] | None = None
        self._begin()

    async def send(self, request: bytes) -> HttpReply:
        """Send a request and await its answer.

        Raises:
            ConnectionError: the connection ended before the answer did.
        """
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._reply

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.is_open = True

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._reply and not self._reply.done():
            broken = ConnectionResetError(f"closed before the answer: {exc}")
            self._reply.set_exception(broken)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body (called by the parser)."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over (called by the parser)."""
        reply = HttpReply(self._parser.get_status_code(), b"".join(self._body))
        if not self._parser.should_keep_alive():
            self.is_open = False
        self._begin()
        if self._reply and not self._reply.done():
            self._reply.set_result(reply)

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []


class HttpClient:
    """A pool that opens a connection whenever none is idle, as an open loop needs."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._timeout = timeout
        self._idle: list[HttpConnection] = []

    async def send(self, call: HttpCall) -> HttpReply:
        """Send one call; on an idle connection that the server has just closed, once more.

        Raises:
            OSError: the server cannot be reached, broke off, or took longer than the time-out.
        """
        request = self._encode(call)
        async with asyncio.timeout(self._timeout):
            idle = self._take_idle()
            if idle:
                try:
                    return await self._ask(idle, request)
                except ConnectionError:
                    pass
            return await self._ask(await self._open(), request)

    def close(self) -> None:
        """Close all idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _ask(self, connection: HttpConnection, request: bytes) -> HttpReply:
        try:
            reply = await connection.send(request)
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return reply

    def _take_idle(self) -> HttpConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _open(self) -> HttpConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(HttpConnection, self._host, self._port)
        return connection

    def _encode(self, call: HttpCall) -> bytes:
        length = f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n"
        head = f"{call.method} {call.path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        return f"{head}{length if call.body else ''}\r\n".encode() + call.body
