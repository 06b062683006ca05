"""Refuse the requests of an API key that exceed its rate."""

import math

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access_control import Caller
from app.api.errors import error_response
from app.observe.metrics import Metrics
from app.state.rate_shares import RateShares


class RateLimit:
    """Refuses the requests of a key that exceed its rate, which all workers share.

    It is an ASGI middleware after ``AccessControl``. Requests without a key have no limit: without
    keys only this machine can send any.
    """

    def __init__(self, app: ASGIApp, shares: RateShares, metrics: Metrics) -> None:
        self._app = app
        self._shares = shares
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope.get("caller") or Caller()
        if caller.key is None or not self._shares.rate:
            await self._app(scope, receive, send)
            return
        wait = self._shares.take_token(caller.key.name)
        if not wait:
            await self._app(scope, receive, send)
            return
        self._metrics.count("requests_refused", "rate")
        message = f"the key may send {self._shares.rate:g} requests a second; send fewer"
        await error_response(429, message, retry_after=math.ceil(wait))(scope, receive, send)
