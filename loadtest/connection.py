"""An HTTP/1.1 client with keep-alive that takes a few tens of microseconds a request.

General clients take as much CPU as the service that they measure.
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


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One response."""

    status: int
    body: bytes


class HttpConnection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._reply: asyncio.Future[HttpReply] | None = None
        self._begin()

    async def send(self, request: bytes) -> HttpReply:
        """Send a request and await the response.

        Raises:
            ConnectionError: the connection ended before the response did.
        """
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._reply

    @property
    def local_port(self) -> int:
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self.is_open = True

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._reply and not self._reply.done():
            broken = ConnectionResetError(f"closed before the response: {exc}")
            self._reply.set_exception(broken)

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body. The parser calls this."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Deliver the response. The parser calls this."""
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
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._idle: list[HttpConnection] = []

    async def send(self, call: HttpCall) -> HttpReply:
        """Send one request. If the server has just closed an idle connection, send it again.

        Raises:
            OSError: the server cannot be reached, closes the connection, or exceeds the time-out.
        """
        request = self._encode(call)
        async with asyncio.timeout(self._timeout):
            idle = self._take_idle()
            if idle:
                try:
                    return await self._send_on(idle, request)
                except ConnectionError:
                    pass
            return await self._send_on(await self._open(), request)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _send_on(self, connection: HttpConnection, request: bytes) -> HttpReply:
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
        head += self._headers
        return f"{head}{length if call.body else ''}\r\n".encode() + call.body
