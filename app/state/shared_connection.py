"""One connection to Redis that all callers of a worker share.

The commands of one turn of the event loop are written together, and replies are matched in order.
redis-py opens the connection: authentication, database, TLS and Unix sockets are as the URL says.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from time import monotonic
from typing import Any, TypeAlias

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool, DefaultParser
from redis.exceptions import ConnectionError as BrokenConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as ConnectTimeoutError
from typing_extensions import override

from app.state.redis_url import UNREADABLE_URL

MAX_OWED = 20_000  # replies that the server may owe; then calls are refused
CONNECT_TIMEOUT = 1.0  # seconds for one attempt to connect, the handshake included
MIN_STALE = 1.0  # seconds of silence after which a connection is replaced, at least
TICKS = 10  # checks within one time limit
CLOSE_TIMEOUT = 1.0  # seconds to close a connection in order

Replies: TypeAlias = list[Any]  # one for each command; an error of the server is a RedisError


class TooManyOwedError(Exception):
    """The server owes so many replies that the call was not sent."""


@dataclass(slots=True, eq=False)
class _Call:
    """Commands of one caller. It keeps its place in the order when the caller has given up."""

    packed: bytes
    n_replies: int
    since: float  # seconds, by the clock of the connection
    replied: asyncio.Future[Replies]
    replies: Replies = field(default_factory=list)
    is_late: bool = False
    is_repeated: bool = False

    def fail(self, error: Exception) -> None:
        if not self.replied.done():
            self.replied.set_exception(error)


class SharedConnection:
    """Connects on first use, and again at once when the connection breaks.

    A call whose connection breaks is sent once more on the next one. The time limit of a call
    counts only time in which this process could have read the reply: its clock advances by at most
    one tick between two checks, however long the event loop was busy.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        on_answer: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        """Prepare a connection.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            timeout: seconds from the sending of a call to its last reply.
            on_answer: called when the server has sent anything.
            on_failure: called for each call that the server left without any sign for
                ``timeout`` seconds, and for each that failed because the connection did.

        Raises:
            ValueError: the URL cannot be read. The text does not repeat it.
        """
        try:
            pool = ConnectionPool.from_url(url, protocol=2, socket_connect_timeout=CONNECT_TIMEOUT)
        except ValueError:
            raise ValueError(UNREADABLE_URL) from None
        kind = type("Opening", (_OpeningConnection, pool.connection_class), {})
        self._open: Callable[[], _OpeningConnection] = lambda: kind(**pool.connection_kwargs)
        self.on_answer = on_answer
        self.on_failure = on_failure
        self._timeout = timeout
        self._stale = max(timeout, MIN_STALE)
        self._tick_length = timeout / TICKS
        self._clock = 0.0  # seconds in which replies could have been read
        self._ticked = 0.0  # time.monotonic of the newest tick
        self._heard = -1.0  # when the server last sent anything, by the clock
        self._timer: asyncio.TimerHandle | None = None  # runs while replies are owed
        self._owed = 0
        self._unsent: deque[_Call] = deque()
        self._link: _Link | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def send(self, packed: bytes, n_replies: int) -> Replies:
        """Send packed commands and return their replies.

        Raises:
            TimeoutError: not all replies came in time.
            TooManyOwedError: the call was not sent.
            RedisError, OSError: the connection failed.
        """
        if self._owed + n_replies > MAX_OWED:
            raise TooManyOwedError
        loop, now = asyncio.get_running_loop(), monotonic()
        if self._timer is None:
            self._ticked = now
            self._timer = loop.call_later(self._tick_length, self._tick)
        since = self._clock + min(now - self._ticked, self._tick_length)
        call = _Call(packed, n_replies, since, loop.create_future())
        self._owed += n_replies
        if not self._unsent:
            loop.call_soon(self.flush)
        self._unsent.append(call)
        return await call.replied

    async def close(self) -> None:
        """Close the connection. Calls that wait for a reply fail."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._connecting:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        link, self._link = self._link, None
        for call in chain(link.waiting if link else (), self._unsent):
            call.fail(BrokenConnectionError("the connection was closed"))
        self._unsent.clear()
        self._owed = 0
        if link:
            await link.close()

    def hear(self) -> None:
        """Record that the server has sent something."""
        self._heard = self._clock
        self.on_answer()

    def settle(self, call: _Call) -> None:
        """Hand the replies to the caller."""
        self._owed -= call.n_replies
        if not call.replied.done():
            call.replied.set_result(call.replies)

    def lose(self, link: "_Link", reason: str) -> None:
        """Send the calls of a broken connection again, those that were sent once before."""
        if link is not self._link:
            return
        self._link = None
        again = []
        for call in link.waiting:
            if call.is_repeated or call.replied.done():
                self._owed -= call.n_replies
                if not call.replied.done():
                    self.on_failure()
                    call.fail(BrokenConnectionError(reason))
            else:
                call.is_repeated, call.replies = True, []
                again.append(call)
        self._unsent.extendleft(reversed(again))
        self.flush()

    def flush(self) -> None:
        """Write what waits, unless the caller has left; connect first where that is needed."""
        if not self._unsent or (self._link and self._link.is_full):
            return
        if self._link:
            calls, self._unsent = self._unsent, deque()
            wanted = [call for call in calls if not call.replied.done()]
            self._owed -= sum(call.n_replies for call in calls if call.replied.done())
            self._link.write(wanted)
        elif not self._connecting:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            while self._link is None and self._unsent:
                opening = self._open()
                try:
                    async with asyncio.timeout(CONNECT_TIMEOUT):
                        await opening.connect()  # type: ignore[no-untyped-call]
                    self._link = _Link(self, opening.hand_over())
                except (TimeoutError, ConnectTimeoutError):
                    pass  # the calls have their own limit
                except (RedisError, OSError) as error:
                    self._fail_unsent(error)
                finally:
                    opening.abandon()
        finally:
            self._connecting = None
        self.flush()

    def _fail_unsent(self, error: Exception) -> None:
        calls, self._unsent = self._unsent, deque()
        for call in calls:
            self._owed -= call.n_replies
            self.on_failure()
            call.fail(error)

    def _tick(self) -> None:
        """Advance the clock, and end the calls that are late."""
        now = monotonic()
        self._clock += min(now - self._ticked, self._tick_length)
        self._ticked = now
        link, waiting = self._link, self._link.waiting if self._link else deque[_Call]()
        for call in chain(waiting, self._unsent):
            if self._clock - call.since < self._timeout:
                break
            if not call.is_late:
                call.is_late = True
                if self._heard <= call.since:
                    self.on_failure()
                call.fail(TimeoutError())
        while self._unsent and self._unsent[0].is_late:
            self._owed -= self._unsent.popleft().n_replies
        if link and waiting and self._clock - max(self._heard, waiting[0].since) >= self._stale:
            link.abort()
        self._timer = None
        if self._owed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._tick_length, self._tick)


class _OpeningConnection(AbstractConnection):
    """A connection of redis-py that is used only for the handshake."""

    def hand_over(self) -> asyncio.StreamWriter:
        """Return the open stream, which is no longer this object's."""
        writer, self._writer, self._reader = self._writer, None, None
        assert writer  # noqa: S101 - ``connect`` has returned
        return writer

    def abandon(self) -> None:
        """Close the stream if it has not been handed over."""
        self._close()  # type: ignore[no-untyped-call]


class _Link(asyncio.Protocol):
    """One open connection, and the calls whose replies it owes, oldest first."""

    def __init__(self, owner: SharedConnection, writer: asyncio.StreamWriter) -> None:
        self.waiting: deque[_Call] = deque()
        self.is_full = False  # the server does not read as fast as callers write
        self._owner = owner
        self._writer = writer  # it closes the transport when it is deleted
        self._transport = writer.transport
        self._reader = hiredis.Reader(
            protocolError=BrokenConnectionError, replyError=DefaultParser.parse_error
        )
        self._closed = asyncio.get_running_loop().create_future()
        self._transport.set_protocol(self)

    def write(self, calls: list[_Call]) -> None:
        self.waiting.extend(calls)
        self._transport.write(b"".join([call.packed for call in calls]))

    def abort(self) -> None:
        """Close the connection, because the server is silent."""
        self._transport.abort()
        self._owner.lose(self, "the server was silent")

    async def close(self) -> None:
        self._transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._closed
        self._transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        owner, waiting, read = self._owner, self.waiting, self._reader.gets
        owner.hear()
        self._reader.feed(data)
        try:
            while (reply := read()) is not False:
                call = waiting[0]
                call.replies.append(reply)
                if len(call.replies) == call.n_replies:
                    waiting.popleft()
                    owner.settle(call)
        except (BrokenConnectionError, IndexError) as error:
            self._transport.abort()
            owner.lose(self, f"a reply cannot be read: {error}")

    @override
    def connection_lost(self, error: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
        self._owner.lose(self, f"Connection closed by server. {error or ''}".rstrip())

    @override
    def pause_writing(self) -> None:
        self.is_full = True

    @override
    def resume_writing(self) -> None:
        self.is_full = False
        self._owner.flush()
