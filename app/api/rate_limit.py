"""A limit of the requests of each API key, as a token bucket."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access_control import Caller
from app.api.errors import error_response
from app.observe.metrics import Metrics

BURST_SECONDS = 2.0  # a key that has rested may send what it may send in this time, at once


@dataclass(slots=True)
class TokenBucket:
    """The requests that a key may still send now."""

    tokens: float
    at: float  # seconds by the clock

    def wait_time(self, rate: float, now: float) -> float:
        """Take a token, and return 0; without one, return the seconds until there is one."""
        size = max(1.0, rate * BURST_SECONDS)
        self.tokens = min(size, self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1.0:
            return (1.0 - self.tokens) / rate
        self.tokens -= 1.0
        return 0.0


class RateLimit:
    """Refuses the requests of a key that exceed its rate, in each worker.

    It is an ASGI middleware after ``AccessControl``. Requests without a key have no limit: without
    keys only this machine can send any.
    """

    def __init__(
        self, app: ASGIApp, rate: float, metrics: Metrics, clock: Callable[[], float] = monotonic
    ) -> None:
        """Args are the requests a second of each key, 0 for no limit, the metrics, and the time."""
        self._app = app
        self._rate = rate
        self._metrics = metrics
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}  # by the name of a key; there are few

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope.get("caller") or Caller()
        if caller.key is None or not self._rate:
            await self._app(scope, receive, send)
            return
        now = self._clock()
        bucket = self._buckets.setdefault(caller.key.name, TokenBucket(math.inf, now))
        wait = bucket.wait_time(self._rate, now)
        if not wait:
            await self._app(scope, receive, send)
            return
        self._metrics.count("requests_refused", "rate")
        message = f"the key may send {self._rate:g} requests a second; send fewer"
        await error_response(429, message, retry_after=math.ceil(wait))(scope, receive, send)
