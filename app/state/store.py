"""All access to Redis: bounded, timed, and every failure is a ``StageError``.

Every function of the project that awaits the store raises ``StageError`` when the store cannot
answer, or does not confirm a change. Docstrings repeat it only where there is more to say.

Replies are as on the wire (RESP 2: bytes, integers, lists), because every caller decodes whole
batches at once.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from hiredis import pack_command
from redis.exceptions import RedisError, ResponseError

from app.contracts import StageError, UnknownOutcomeError
from app.state.redis_url import public_address
from app.state.refused_writes import describe_refusal
from app.state.shared_connection import SharedConnection, TooManyOwedError


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
        self._failures = 0
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

    def record(self, *, answered: bool) -> None:
        """Record that the store answered, or that it failed."""
        if answered:
            self._failures = 0
            return
        self._failures += 1
        if self.is_open:
            self._next_probe = self._clock() + self._rest


CommandPart: TypeAlias = bytes | str | int | float
RoundTripObserver: TypeAlias = Callable[[str, float, str], None]  # command, seconds, outcome


def _pack(command: tuple[CommandPart, ...]) -> bytes:
    packed: bytes = pack_command(command)  # type: ignore[arg-type]
    return packed


def unobserved(_command: str, _seconds: float, _outcome: str) -> None:
    """Ignore round trips."""


class Store:
    """One shared connection behind a circuit breaker. Lives as long as the worker.

    A command is retried only once, immediately, and only if its connection turns out to be broken.
    So the first command after a restart of the server succeeds. The breaker counts what the server
    did: connections that failed, and calls without any sign of the server for ``timeout`` seconds.
    Callers that give up, and an event loop that was busy, do not count.
    """

    def __init__(self, url: str, *, timeout: float, breaker: Breaker) -> None:
        self.address = public_address(url)  # without secrets, for logs
        self.breaker = breaker
        self.on_round_trip: RoundTripObserver = unobserved
        self._url = url
        self._timeout = timeout
        self._connection = SharedConnection(
            url,
            timeout,
            on_answer=lambda: self.breaker.record(answered=True),
            on_failure=lambda: self.breaker.record(answered=False),
        )

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        timeout: float = 0.25,
        on_round_trip: RoundTripObserver = unobserved,
    ) -> "Store":
        """Return a store that connects on first use.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            timeout: seconds for one round trip, without time in which the event loop was busy.
            on_round_trip: called with command, seconds and outcome: ``ok``, ``late`` (also if the
                caller gave up), ``down``, ``refused`` (the reply is an error), or ``open``
                if the call was not sent, because of the breaker or of too many replies owed.

        Raises:
            ValueError: the URL cannot be read. The text does not repeat it.
        """
        store = cls(url, timeout=timeout, breaker=Breaker())
        store.on_round_trip = on_round_trip
        return store

    def dedicated(self, timeout: float) -> "Store":
        """Return a store with its own connection, for commands that take up to ``timeout`` s.

        The caller closes it. Its breaker never opens: the caller must pause after a failure.
        """
        return Store(self._url, timeout=timeout, breaker=Breaker(limit=sys.maxsize))

    async def command(self, name: str, *arguments: CommandPart) -> Any:
        """Send one command and return its reply.

        Raises:
            StageError: no reply, an error as the reply, or the breaker is open.
            WriteRefusedError: the server reads, and refuses to write.
        """
        return (await self._round_trip(name, _pack((name, *arguments)), 1))[0]

    async def pipeline(self, name: str, commands: Sequence[tuple[CommandPart, ...]]) -> list[Any]:
        """Send commands in one round trip, not as a transaction, and return their replies.

        Args:
            name: of the round trip, in metrics and messages.
            commands: the parts of each, its name first.

        Raises:
            StageError: no reply, an error among the replies, or the breaker is open.
        """
        if not commands:
            return []
        packed = b"".join([_pack(command) for command in commands])
        return await self._round_trip(name, packed, len(commands))

    async def close(self) -> None:
        await self._connection.close()

    async def __aenter__(self) -> "Store":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _round_trip(self, name: str, packed: bytes, n_replies: int) -> list[Any]:
        if not self.breaker.admit():
            self.on_round_trip(name, 0.0, "open")
            raise StageError(
                f"Redis at {self.address} has not answered lately; it is tried again soon"
            )
        began = time.monotonic()
        outcome = "late"  # of a caller that gave up
        try:
            replies = await self._connection.send(packed, n_replies)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            outcome = "ok"
        except TooManyOwedError:
            outcome = "open"
            raise StageError(
                f"Redis at {self.address} owes too many replies to be asked for {name}"
            ) from None
        except TimeoutError:
            raise UnknownOutcomeError(
                f"Redis at {self.address} did not answer {name} within "
                f"{self._timeout * 1000:.0f} ms; look at its load and its slow log"
            ) from None
        except ResponseError as error:
            outcome = "refused"
            refusal = f"Redis at {self.address} refused {name}: {error}"
            raise describe_refusal(refusal, error) from None
        except (RedisError, OSError) as error:
            outcome = "down"
            raise StageError(
                f"Redis at {self.address} cannot be reached for {name}: {error}; check that "
                "it runs and that REDIS_URL points at it"
            ) from None
        finally:
            self.on_round_trip(name, time.monotonic() - began, outcome)
        return replies
