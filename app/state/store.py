"""All access to Redis: bounded, timed, and every failure is a ``StageError``.

Every function of the project that awaits the store raises ``StageError`` when the store cannot
answer, or does not confirm a change. Docstrings repeat it only where there is more to say.

Replies are as on the wire (RESP 2: bytes, integers, lists). The conversions of redis-py are
switched off, because every caller here decodes whole batches at once.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from hiredis import pack_command
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as BrokenConnectionError
from redis.exceptions import RedisError, ResponseError
from typing_extensions import override

from app.contracts import StageError
from app.state.redis_url import UNREADABLE_URL, public_address


class Breaker:
    """Opens after ``limit`` failures in a row, then admits one caller every ``rest`` seconds.

    The breakers of the libraries at hand admit every caller at once when they try again. A store
    that is only slow would then be flooded with requests that all miss their deadline.
    """

    def __init__(
        self, limit: int = 5, rest: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._rest = rest
        self._clock = clock
        self._failures = 0.0
        self._next_probe = 0.0  # while open: no caller is admitted before this time

    @property
    def is_open(self) -> bool:
        """True if callers are kept from the store."""
        return self._failures >= self._limit

    def admit(self) -> bool:
        """Return whether this caller may use the store; while open, one in ``rest`` seconds may."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._next_probe:
            return False
        self._next_probe = now + self._rest  # a probe that never reports does not block the next
        return True

    def record(self, *, answered: bool, weight: float = 1.0) -> None:
        """Record how an admitted call ended; a failure counts ``weight``."""
        if answered:
            self._failures = 0.0
            return
        self._failures += weight
        if self.is_open:
            self._next_probe = self._clock() + self._rest


CommandPart: TypeAlias = bytes | str | int | float
RoundTripObserver: TypeAlias = Callable[[str, float, str], None]  # command, seconds, outcome

MIN_LATE = 0.005  # seconds; a caller that gives up sooner proves nothing about the store
MIN_SILENCE = 0.1  # seconds without any answer, after which a late round trip is a failure
LATE_WEIGHT = 0.25  # a late round trip counts as this share of a failure


def unobserved(_command: str, _seconds: float, _outcome: str) -> None:
    """Ignore round trips."""


class HiredisPacking(AbstractConnection):
    """Packs commands in C: an MGET of a hundred keys costs a tenth of packing it in Python."""

    @override
    def pack_command(self, *args: Any) -> list[bytes]:
        return [pack_command(tuple(args))]


def open_client(url: str, timeout: float, connections: int) -> "Redis":
    """Return a client that connects on first use, and reconnects when its connection breaks."""
    try:
        pool = ConnectionPool.from_url(
            url,
            max_connections=connections,
            protocol=2,
            socket_timeout=None,  # one timer a round trip, in Store, costs less than one a read
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1, supported_errors=(BrokenConnectionError,)),
        )
    except ValueError:
        raise ValueError(UNREADABLE_URL) from None
    pool.connection_class = type("Packed", (HiredisPacking, pool.connection_class), {})
    client = Redis.from_pool(pool)
    client.response_callbacks.clear()
    return client


class Store:
    """A bounded pool of connections behind a circuit breaker. Lives as long as the worker.

    A command is retried only once, immediately, and only if its connection turns out to be broken.
    So the first command after a restart of the server succeeds.
    """

    def __init__(self, url: str, *, timeout: float, connections: int, breaker: Breaker) -> None:
        self.address = public_address(url)  # without secrets, for logs
        self.breaker = breaker
        self.on_round_trip: RoundTripObserver = unobserved
        self.min_late = MIN_LATE
        self._url = url
        self._answered = -MIN_SILENCE  # when the store last answered, by time.monotonic
        self._timeout = timeout
        self._client = open_client(url, timeout, connections)
        # A third cheaper than the waiting pool of redis-py.
        self._free = asyncio.Semaphore(connections)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        timeout: float = 0.25,
        connections: int = 32,
        min_late: float = MIN_LATE,
        on_round_trip: RoundTripObserver = unobserved,
    ) -> "Store":
        """Return a store that connects on first use.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            timeout: seconds for one round trip, waiting for a connection included.
            connections: open at a time, at most.
            min_late: seconds; a caller that gives up sooner proves nothing about the store.
            on_round_trip: called with command, seconds and outcome: ``ok``, ``late`` (also if the
                caller gave up), ``down``, ``refused`` (the reply is an error), ``bug``, or ``open``
                if the breaker did not admit the call.

        Raises:
            ValueError: the URL cannot be read. The text does not repeat it.
        """
        store = cls(url, timeout=timeout, connections=connections, breaker=Breaker())
        store.on_round_trip = on_round_trip
        store.min_late = min_late
        return store

    def dedicated(self, timeout: float) -> "Store":
        """Return a store with its own connection, for commands that take up to ``timeout`` s.

        The caller closes it. Its breaker never opens: the caller must pause after a failure.
        """
        never_open = Breaker(limit=sys.maxsize)
        return Store(self._url, timeout=timeout, connections=1, breaker=never_open)

    async def command(self, name: str, *arguments: CommandPart) -> Any:
        """Send one command and return its reply.

        Raises:
            StageError: no reply, an error as the reply, or the breaker is open.
        """
        send: Callable[..., Awaitable[Any]] = self._client.execute_command
        return await self._round_trip(name, lambda: send(name, *arguments))

    async def pipeline(self, name: str, commands: Sequence[tuple[CommandPart, ...]]) -> list[Any]:
        """Send commands in one round trip, not as a transaction, and return their replies.

        Args:
            name: of the round trip, in metrics and messages.
            commands: the parts of each, its name first.

        Raises:
            StageError: no reply, an error among the replies, or the breaker is open.
        """
        replies: list[Any] = await self._round_trip(name, lambda: self._send_all(commands))
        return replies

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> "Store":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send_all(self, commands: Sequence[tuple[CommandPart, ...]]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        replies: list[Any] = await pipe.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def _round_trip(self, name: str, send: Callable[[], Awaitable[Any]]) -> Any:
        if not self.breaker.admit():
            self.on_round_trip(name, 0.0, "open")
            raise StageError(
                f"Redis at {self.address} has not answered lately; it is tried again soon"
            )
        began = time.monotonic()
        outcome = "bug"
        try:
            async with asyncio.timeout(self._timeout), self._free:
                reply = await send()
            outcome = "ok"
        except asyncio.CancelledError:
            outcome = "late"
            raise
        except TimeoutError:
            outcome = "late"
            raise StageError(
                f"Redis at {self.address} did not answer {name} within "
                f"{self._timeout * 1000:.0f} ms; look at its load and its slow log"
            ) from None
        except ResponseError as error:
            outcome = "refused"
            raise StageError(f"Redis at {self.address} refused {name}: {error}") from None
        except (RedisError, OSError) as error:
            outcome = "down"
            raise StageError(
                f"Redis at {self.address} cannot be reached for {name}: {error}; check that "
                "it runs and that REDIS_URL points at it"
            ) from None
        finally:
            self._record(name, time.monotonic() - began, outcome)
        return reply

    def _record(self, name: str, seconds: float, outcome: str) -> None:
        now = time.monotonic()
        if outcome == "late":
            # A caller that gave up may itself have been slow. A store that answered others a
            # moment ago is not the cause.
            if seconds >= self.min_late and now - self._answered > MIN_SILENCE:
                weight = 1.0 if seconds >= self._timeout else LATE_WEIGHT
                self.breaker.record(answered=False, weight=weight)
        else:
            answered = outcome in {"ok", "refused"}
            self._answered = now if answered else self._answered
            self.breaker.record(answered=answered)
        self.on_round_trip(name, seconds, outcome)
