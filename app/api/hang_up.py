"""Stop computing a list for a client that has hung up.

Only lists are stopped. A change that has begun is finished, whether or not anyone waits for it.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLIENT_CLOSED = 499  # the usual status in logs and metrics of a request that nobody waits for
WATCH_AFTER = 0.02  # seconds; most lists are ready before, and are not worth a task


class HangUp:
    """Cancels a request for one of ``paths`` when its client closes the connection."""

    def __init__(self, app: ASGIApp, paths: frozenset[str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        watch = _Watch(receive)
        if scope["method"] == "GET":  # it has no body to wait for
            watch.start_soon()

        async def begin(message: Message) -> None:
            watch.stop()  # the server reports the end of an answer as it reports a hang-up
            await send(message)

        try:
            await self._app(scope, watch.receive, begin)
        except asyncio.CancelledError:
            if not watch.has_cancelled:
                raise  # the service ends
            watch.work.uncancel()
            await Response(status_code=CLIENT_CLOSED)(scope, receive, send)
        finally:
            watch.stop()


class _Watch:
    """Waits for the client of one request to hang up, and then cancels the request's task."""

    def __init__(self, receive: Receive) -> None:
        work = asyncio.current_task()
        assert work  # noqa: S101 - a coroutine runs in a task
        self.work: asyncio.Task[None] = work
        self.has_cancelled = False
        self._receive = receive
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start_soon(self) -> None:
        """Wait for a hang-up once the request has lasted for a while."""
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._start)

    def stop(self) -> None:
        """End the wait."""
        if self._timer:
            self._timer.cancel()
        if self._task:
            self._task.cancel()

    async def receive(self) -> Message:
        """Return the next part of the body; after the last one, wait for a hang-up too."""
        if self._task:  # a ``GET`` whose route asks for a body, late
            return {"type": "http.request", "body": b"", "more_body": False}
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body") and not self._timer:
            self.start_soon()
        return message

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._cancel_at_hang_up())

    async def _cancel_at_hang_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.has_cancelled = self.work.cancel()


async def answer_nobody(_request: Request, _fault: Exception) -> Response:
    """Answer a request whose client hung up before its body was complete."""
    return Response(status_code=CLIENT_CLOSED)
