"""Send events in batches, by number and time, in the background."""

import asyncio
import threading
from contextlib import suppress
from types import TracebackType

from recfunnel_client.bodies import EventIn
from recfunnel_client.client import AsyncClient, Client
from recfunnel_client.errors import RecfunnelError
from recfunnel_client.event_queue import LOGGER, EventQueue, OnDrop

SIZE = 500  # events of a batch
SECONDS = 1.0  # that an event waits, at most, while the service answers
CAPACITY = 50_000  # events that wait while it does not


class BufferedEvents:
    """What both buffers have: the events that wait, and their counts."""

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue

    @property
    def n_waiting(self) -> int:
        """How many events wait to be sent."""
        return len(self._queue)

    @property
    def n_sent(self) -> int:
        """How many events the service has accepted."""
        return self._queue.n_sent

    @property
    def n_dropped(self) -> int:
        """How many events will not be sent."""
        return self._queue.n_dropped


class EventBuffer(BufferedEvents):
    """Collects events, and sends them from a thread of its own. Close it, or use ``with``.

    An event is sent once ``size`` events wait, or ``seconds`` after it was added. While the service
    does not answer, the same events with the same ids are sent again after growing pauses, so none
    counts twice. ``n_sent``, ``n_dropped`` and ``n_waiting`` count.

    Args:
        client: What sends. The buffer does not close it.
        size: How many events a batch has at most, up to 1,000.
        seconds: How long an event waits at most, while the service answers.
        capacity: How many events may wait. More are dropped.
        on_drop: Called with events that will not be sent, and why: also from the buffer's thread.
    """

    def __init__(
        self,
        client: Client,
        *,
        size: int = SIZE,
        seconds: float = SECONDS,
        capacity: int = CAPACITY,
        on_drop: OnDrop | None = None,
    ) -> None:
        super().__init__(EventQueue(size, capacity, on_drop))
        self._client = client
        self._seconds = seconds
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recfunnel-events", daemon=True)
        self._thread.start()

    def add(self, event: EventIn) -> bool:
        """Add an event. Return False if too many wait, and it was dropped.

        Raises:
            TypeError, ValueError: The event cannot be written as JSON.
            RuntimeError: The buffer is closed.
        """
        if self._closing.is_set():
            raise RuntimeError("the buffer is closed: add events before close()")
        was_added = self._queue.add(event)
        if len(self._queue) >= self._queue.size:
            self._wake.set()
        return was_added

    def flush(self) -> None:
        """Send all that waits, now.

        Raises:
            RecfunnelError: The service does not take the events. They wait on.
        """
        with self._sending:
            while batch := self._queue.batch():
                self._send(batch)

    def close(self) -> None:
        """Send all that waits, and end the thread. Events that cannot be sent now are dropped."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        try:
            self.flush()
        except RecfunnelError as error:
            self._queue.drop_all(f"the buffer was closed, and the last attempt failed: {error}")

    def _send(self, batch: list[EventIn]) -> None:
        """Send a batch. Raise if the events have to wait."""
        try:
            answer = self._client.send(*batch, partial=True)
        except RecfunnelError as error:
            if self._queue.refuse(batch, error):
                raise
        else:
            self._queue.accept(batch, answer)

    def _run(self) -> None:
        n_failed = 0
        while not self._closing.is_set():
            if n_failed:
                self._closing.wait(self._client.retry.growing_pause(n_failed))
            else:
                self._wake.wait(self._seconds)
            self._wake.clear()
            if self._closing.is_set():
                return
            try:
                self.flush()
                n_failed = 0
            except RecfunnelError as error:
                n_failed += 1
                LOGGER.warning("%d events wait and are sent again: %s", len(self._queue), error)

    def __enter__(self) -> "EventBuffer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncEventBuffer(BufferedEvents):
    """Collects events, and sends them from a task. Use ``async with``.

    All else is as in ``EventBuffer``.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        size: int = SIZE,
        seconds: float = SECONDS,
        capacity: int = CAPACITY,
        on_drop: OnDrop | None = None,
    ) -> None:
        super().__init__(EventQueue(size, capacity, on_drop))
        self._client = client
        self._seconds = seconds
        self._sending = asyncio.Lock()
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, event: EventIn) -> bool:
        """Add an event, from the event loop. Return False if it was dropped, as too many wait.

        Raises:
            RuntimeError: The buffer is closed, or not entered yet.
        """
        if self._closing.is_set() or self._task is None:
            raise RuntimeError("the buffer is not open: add events inside `async with`")
        was_added = self._queue.add(event)
        if len(self._queue) >= self._queue.size:
            self._wake.set()
        return was_added

    async def flush(self) -> None:
        """Send all that waits, now.

        Raises:
            RecfunnelError: The service does not take the events. They wait on.
        """
        async with self._sending:
            while batch := self._queue.batch():
                await self._send(batch)

    async def aclose(self) -> None:
        """Send all that waits, and end the task. Events that cannot be sent now are dropped."""
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            await self._task
        try:
            await self.flush()
        except RecfunnelError as error:
            self._queue.drop_all(f"the buffer was closed, and the last attempt failed: {error}")

    async def _send(self, batch: list[EventIn]) -> None:
        try:
            answer = await self._client.send(*batch, partial=True)
        except RecfunnelError as error:
            if self._queue.refuse(batch, error):
                raise
        else:
            self._queue.accept(batch, answer)

    async def _run(self) -> None:
        n_failed = 0
        while not self._closing.is_set():
            if n_failed:
                await _wait(self._closing, self._client.retry.growing_pause(n_failed))
            else:
                await _wait(self._wake, self._seconds)
            self._wake.clear()
            if self._closing.is_set():
                return
            try:
                await self.flush()
                n_failed = 0
            except RecfunnelError as error:
                n_failed += 1
                LOGGER.warning("%d events wait and are sent again: %s", len(self._queue), error)

    async def __aenter__(self) -> "AsyncEventBuffer":
        self._task = asyncio.create_task(self._run(), name="recfunnel-events")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
