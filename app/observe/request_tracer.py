"""Chooses the requests that have a trace, and hands their traces to a collector.

A trace waits in a bounded queue, and a thread sends what waits. The event loop only appends to the
queue, whatever the collector does. There is one tracer in each worker, made after the fork.
"""

import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from math import inf
from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol

from app.deadline import StageRunner
from app.observe.metrics import Metrics
from app.observe.request_trace import RequestTrace

log = logging.getLogger(__name__)

CAPACITY = 1_000  # traces that wait, about 3 kB each
INTERVAL = 0.5  # seconds between two rounds of sending
BATCH_SIZE = 4  # traces in one round trip: 4 ms of Python's lock, for which requests wait
REMINDER_INTERVAL = 300.0  # seconds between two warnings while the collector stays away
END_TIMEOUT = 1.0  # seconds in which what waits is sent when the worker ends
BUG = "their spans cannot be built; the log has the traceback"


class TraceSender(Protocol):
    """Knows the format of traces, and the collector."""

    @property
    def endpoint(self) -> str: ...
    def begin(self, traceparent: str, tracestate: str) -> RequestTrace | None:
        """Return the trace of a request with these headers; None: it has none."""
        ...

    def send(self, traces: Sequence[RequestTrace]) -> str:
        """Send traces, and wait for the reply. Return why they are lost; "" if they arrived."""
        ...

    def close(self) -> None:
        """Send nothing more, and end the wait of another thread for a reply."""
        ...


class RequestTracer:
    """The traces of one worker. ``begin`` and ``add`` are called by the event loop."""

    def __init__(
        self,
        sender: TraceSender,
        metrics: Metrics,
        capacity: int = CAPACITY,
        interval: float = INTERVAL,
    ) -> None:
        self.begin = sender.begin
        self._sender = sender
        self._metrics = metrics
        self._capacity = capacity
        self._interval = interval
        self._queue: deque[RequestTrace] = deque()
        self._counting = Lock()  # the event loop and the thread count
        self._lost = 0  # traces since the collector last took all that there were
        self._warned = 0.0  # when the log last said so, by time.monotonic
        self._is_ending = Event()
        self._thread = Thread(target=self._run, name="traces", daemon=True)

    def add(self, trace: RequestTrace) -> None:
        """Queue the trace of a request that has ended; returns at once and never fails."""
        if len(self._queue) >= self._capacity:
            self._count_lost(1, f"it is too slow, {self._capacity} traces wait")
        else:
            self._queue.append(trace)

    def start(self) -> None:
        """Start to send. Call it in the process that answers requests: no thread is forked."""
        self._thread.start()

    def close(self) -> None:
        """Send what waits, and count as lost what the collector does not take at once."""
        self._is_ending.set()
        self._thread.join(END_TIMEOUT)
        self._sender.close()
        self._thread.join(END_TIMEOUT)

    def _run(self) -> None:
        while not self._is_ending.wait(self._interval):
            self._send_waiting()
        self._send_waiting()

    def _send_waiting(self) -> None:
        lost_before, n_sent = self._lost, 0
        while self._queue:
            n = min(BATCH_SIZE, len(self._queue))
            batch = [self._queue.popleft() for _ in range(n)]
            work = partial(self._sender.send, batch)
            reason = StageRunner(monotonic()).run("traces", inf, work, BUG)
            if reason:
                self._count_lost(n, reason)
                if self._is_ending.is_set():  # a worker that ends does not wait for each of them
                    self._count_lost(len(self._queue), reason)
                    self._queue.clear()
            else:
                self._metrics.count("traces", "sent", n=n)
                n_sent += n
        if n_sent:
            self._end_loss(lost_before)

    def _end_loss(self, lost_before: int) -> None:
        """Log that the collector takes traces, if none was lost since there were so many."""
        with self._counting:
            lost = self._lost
            has_ended = lost == lost_before
            if has_ended:
                self._lost = 0
        if lost and has_ended:
            log.info("%s takes traces again; %d are lost", self._sender.endpoint, lost)

    def _count_lost(self, n: int, reason: str) -> None:
        """Count traces, and name the reason in the log if they are the first for a while."""
        with self._counting:
            self._metrics.count("traces", "lost", n=n)
            self._lost += n
            is_due = self._lost == n or monotonic() - self._warned >= REMINDER_INTERVAL
            if is_due:
                self._warned = monotonic()
        if is_due:
            log.warning(
                "traces are lost (%s), and recfunnel_traces_total counts them; requests are "
                "answered as before. The collector is %s",
                reason,
                self._sender.endpoint,
            )
