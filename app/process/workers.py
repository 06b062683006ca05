"""Worker processes on one socket: replaced when they die or hang, ended without losing a request.

New connections are spread evenly, see ``connection_share``. Each worker reports through a pipe that
its event loop runs. The pipe closes when the worker ends, even if the process that forked it ended
before. The parent counts the silence of a worker only while the parent itself runs: when the whole
machine stops, no worker is blamed. The parent waits for ``hang`` seconds again before it kills
another worker. A worker that dies soon after each start is started again after longer and longer
pauses; the others go on meanwhile.
"""

import logging
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from types import FrameType

from app.process.connection_share import ConnectionCounts
from app.process.draining_server import BEAT_SECONDS, DrainingServer
from app.process.worker_process import (
    LISTENING,
    START_METHOD,
    Configure,
    WorkerProcess,
    WorkerStarter,
)

log = logging.getLogger(__name__)

END_TIMEOUT = 4.0  # seconds for a worker to end, after it has drained, before it is killed
LONG_LIFE = 10.0  # seconds that a worker listens, after which its death is no failed start
MAX_RESTART_PAUSE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Supervision:
    """How long the parent waits for its workers, in seconds."""

    hang: float = 10.0  # a worker that is silent for so long is killed and replaced
    start: float = 120.0  # the same before its first report, while it imports its libraries
    drain: float = 0.0  # requests are still taken for so long after the signal to end
    restart: float = 0.5  # a dead worker is replaced after so long: the next may die too


DEFAULT_SUPERVISION = Supervision()


def run_workers(
    configure: Configure,
    listener: socket.socket,
    workers: int,
    on_listening: Callable[[], None] = lambda: None,
    supervision: Supervision = DEFAULT_SUPERVISION,
) -> None:
    """Serve on a bound socket until a signal, in this process or in several worker processes.

    Args:
        configure: returns uvicorn's configuration; a worker process imports it.
        listener: the socket.
        workers: the number of processes; 1: this one alone, which nobody supervises.
        on_listening: called once, when connections are accepted for the first time.
        supervision: how long to wait for workers.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the application handles it once it runs
    if workers == 1:
        report = _FirstListening(on_listening)
        DrainingServer(configure(), report, supervision.drain).run([listener])
        return
    counts = ConnectionCounts.shared(workers, START_METHOD)
    report = _FirstListening(on_listening)
    supervisor = _Supervisor(configure, listener, counts, report, supervision)
    signal.signal(signal.SIGHUP, supervisor.reload)
    try:
        supervisor.run()
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        listener.close()  # the parent's socket accepts no connection
        supervisor.end()


class _FirstListening:
    """Calls a function at the first report that a server listens."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._was_called = False

    def __call__(self, is_listening: bool) -> None:  # noqa: FBT001 - the form of ``Beat``
        if is_listening and not self._was_called:
            self._was_called = True
            self._call()


@dataclass(slots=True, eq=False)
class _Place:
    """One of the workers, and when it is started again after its end."""

    number: int  # where the worker counts its connections
    worker: WorkerProcess
    short_lives: int = 0  # workers in a row that ended soon after their start
    due: float | None = field(default=None, init=False)  # None: the end was not seen yet

    def plan_restart(self, first_pause: float, now: float) -> None:
        """Decide when the next worker starts: twice as late after each short life."""
        lived_long = self.worker.listened_for() >= LONG_LIFE
        self.short_lives = 1 if lived_long else self.short_lives + 1
        pause = min(first_pause * 2 ** (self.short_lives - 1), MAX_RESTART_PAUSE)
        self.due = now + pause
        log.error(
            "worker %s ended with status %s", self.worker.process.pid, self.worker.exit_status()
        )
        if self.short_lives > 1:
            log.error(
                "%d workers in a row ended within %.0f s of their start; their messages name the "
                "cause. The next one starts in %.1f s",
                self.short_lives,
                LONG_LIFE,
                pause,
            )


class _Supervisor:
    """Starts the workers, and replaces those that die or hang."""

    def __init__(
        self,
        configure: Configure,
        listener: socket.socket,
        counts: ConnectionCounts,
        on_report: _FirstListening,
        supervision: Supervision,
    ) -> None:
        self._counts = counts
        self._on_report = on_report
        self._supervision = supervision
        self._places: list[_Place] = []
        limits = supervision.start, supervision.hang
        self._starter = WorkerStarter(configure, listener, counts, supervision.drain, *limits)

    def run(self) -> None:
        for number in range(self._counts.workers):
            self._places.append(_Place(number, self._starter.start(number)))
        last = time.monotonic()
        while True:
            wait([worker.reports for worker in self._live()], self._longest_wait(last))
            now = time.monotonic()
            self._listen(min(now - last, 2 * BEAT_SECONDS))
            last = now
            self._replace_dead()

    def reload(self, _signal: int, _frame: FrameType | None) -> None:
        """Pass SIGHUP on to the workers that can handle it."""
        for worker in self._live():
            if worker.has_reported:
                worker.send(signal.SIGHUP)

    def end(self) -> None:
        """End all workers in order; kill those that do not end in time."""
        deadline = time.monotonic() + self._supervision.drain + END_TIMEOUT
        workers = [place.worker for place in self._places]
        for worker in workers:
            worker.send(signal.SIGTERM)
        for worker in workers:
            worker.wait_for_end(max(0.0, deadline - time.monotonic()))
            worker.send(signal.SIGKILL)
            worker.reports.close()

    def _live(self) -> list[WorkerProcess]:
        return [place.worker for place in self._places if not place.worker.has_ended]

    def _longest_wait(self, now: float) -> float:
        """Return the seconds until there is something to do."""
        dues = [place.due - now for place in self._places if place.due is not None]
        return max(0.0, min([BEAT_SECONDS, *dues]))

    def _listen(self, seconds: float) -> None:
        """Read the reports of all workers, and kill the one that has been silent for too long."""
        for worker in self._live():
            report = worker.read_report()
            if report:
                worker.silence = 0.0
                self._on_report(LISTENING in report)
            else:
                worker.silence += seconds
        if not (live := self._live()):
            return
        hung = max(live, key=lambda worker: worker.silence / self._limit(worker))
        if hung.silence > self._limit(hung):
            log.error(
                "worker %s has not answered for %.0f s, and is killed and replaced",
                hung.process.pid,
                hung.silence,
            )
            hung.send(signal.SIGKILL)
            hung.wait_for_end(END_TIMEOUT)
            for worker in live:
                worker.silence = 0.0

    def _limit(self, worker: WorkerProcess) -> float:
        return self._supervision.hang if worker.has_reported else self._supervision.start

    def _replace_dead(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if place.due is not None and now >= place.due:
                self._replace(place, now)
            elif place.due is None and place.worker.has_ended:
                self._counts.clear(place.number)
                place.plan_restart(self._supervision.restart, now)

    def _replace(self, place: _Place, now: float) -> None:
        try:
            worker = self._starter.start(place.number)
        except (OSError, EOFError) as error:  # the others go on meanwhile
            place.due = now + self._supervision.restart
            log.error("a worker cannot be started now, and is later: %r", error)  # noqa: TRY400
        else:
            place.worker.reports.close()
            place.worker, place.due = worker, None
