"""Worker processes on one socket: replaced when they die or hang, ended without losing a request.

Workers are forked from a process that has only imported what they import: they start at once and
share its memory. Each worker reports through a pipe that its event loop runs. The pipe closes when
the worker ends, even if the process that forked it ended before. The parent counts the silence of a
worker only while the parent itself runs: when the whole machine stops, no worker is blamed. The
parent waits for ``hang`` seconds again before it kills another worker.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

import uvicorn

from app.process.draining_server import BEAT_SECONDS, DrainingServer

log = logging.getLogger(__name__)

END_TIMEOUT = 4.0  # seconds for a worker to end, after it has drained, before it is killed
RESTART_PAUSE = 0.5  # seconds before a dead worker is replaced: the next may die too
STARTING, LISTENING = b"s", b"l"  # what a worker reports
# On systems other than Linux, libraries of the system may not survive a fork.
START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"

APPLICATION = "app.main"  # what workers import
Configure = Callable[[], uvicorn.Config]


@dataclass(frozen=True, slots=True)
class Supervision:
    """How long the parent waits for its workers, in seconds."""

    hang: float = 10.0  # a worker that is silent for so long is killed and replaced
    start: float = 120.0  # the same before its first report, while it imports its libraries
    drain: float = 0.0  # requests are still taken for so long after the signal to end


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
    supervisor = _Supervisor(configure, listener, _FirstListening(on_listening), supervision)
    signal.signal(signal.SIGHUP, supervisor.reload)
    try:
        supervisor.run(workers)
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
class _Worker:
    """One worker process, and its reports."""

    process: BaseProcess
    reports: Connection
    has_reported: bool = False
    has_ended: bool = False
    silence: float = 0.0  # seconds since the last report in which the parent ran

    def read_report(self) -> bytes:
        """Return what the worker has reported since the last call; b"" for nothing."""
        try:
            report = os.read(self.reports.fileno(), 4096)
        except BlockingIOError:
            return b""
        self.has_ended = self.has_ended or not report
        return report

    def send(self, number: int) -> None:
        """Send a signal, unless the worker has ended."""
        if self.process.pid and not self.has_ended:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the worker has ended, at most for so long."""
        deadline = time.monotonic() + seconds
        while not self.has_ended and wait([self.reports], max(0.0, deadline - time.monotonic())):
            self.read_report()


class _Supervisor:
    """Starts the workers, and replaces those that die or hang."""

    def __init__(
        self,
        configure: Configure,
        listener: socket.socket,
        on_report: _FirstListening,
        supervision: Supervision,
    ) -> None:
        self._configure = configure
        self._listener = listener
        self._on_report = on_report
        self._supervision = supervision
        self._workers: list[_Worker] = []
        self._context = multiprocessing.get_context(START_METHOD)
        self._context.set_forkserver_preload([APPLICATION])

    def run(self, workers: int) -> None:
        for _ in range(workers):
            self._workers.append(self._start())
        last = time.monotonic()
        while True:
            wait([worker.reports for worker in self._workers], BEAT_SECONDS)
            now = time.monotonic()
            self._listen(min(now - last, 2 * BEAT_SECONDS))
            last = now
            self._replace_dead()

    def reload(self, _signal: int, _frame: FrameType | None) -> None:
        """Pass SIGHUP on to the workers that can handle it."""
        for worker in self._workers:
            if worker.has_reported:
                worker.send(signal.SIGHUP)

    def end(self) -> None:
        """End all workers in order; kill those that do not end in time."""
        deadline = time.monotonic() + self._supervision.drain + END_TIMEOUT
        for worker in self._workers:
            worker.send(signal.SIGTERM)
        for worker in self._workers:
            worker.wait_for_end(max(0.0, deadline - time.monotonic()))
            worker.send(signal.SIGKILL)
            worker.reports.close()

    def _start(self) -> _Worker:
        """Start a worker.

        Raises:
            OSError: the system has no memory, process or descriptor left for it.
            EOFError: the process that forks workers has ended of the same.
        """
        reports, reporting = multiprocessing.Pipe(duplex=False)
        os.set_blocking(reports.fileno(), False)
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined]
            target=work,
            args=(self._configure, self._listener, reporting, self._supervision.drain),
            name="recfunnel-worker",
        )
        try:
            process.start()
        except BaseException:
            reports.close()
            raise
        finally:
            reporting.close()
        return _Worker(process, reports)

    def _listen(self, seconds: float) -> None:
        """Read the reports of all workers, and kill the one that has been silent for too long."""
        for worker in self._workers:
            report = worker.read_report()
            if report:
                worker.has_reported, worker.silence = True, 0.0
                self._on_report(LISTENING in report)
            else:
                worker.silence += seconds
        hung = max(self._workers, key=lambda worker: worker.silence / self._limit(worker))
        if hung.silence > self._limit(hung):
            log.error(
                "worker %s has not answered for %.0f s, and is killed and replaced",
                hung.process.pid,
                hung.silence,
            )
            hung.send(signal.SIGKILL)
            hung.wait_for_end(END_TIMEOUT)
            for worker in self._workers:
                worker.silence = 0.0

    def _limit(self, worker: _Worker) -> float:
        return self._supervision.hang if worker.has_reported else self._supervision.start

    def _replace_dead(self) -> None:
        dead = [n for n, worker in enumerate(self._workers) if worker.has_ended]
        if dead:
            time.sleep(RESTART_PAUSE)
        for n in dead:
            worker, process = self._workers[n], self._workers[n].process
            log.error("worker %s ended with status %s", process.pid, process.exitcode)
            try:
                self._workers[n] = self._start()
            except (OSError, EOFError) as error:  # the others go on meanwhile
                worker.silence = 0.0
                log.error("it cannot be replaced now, and is later: %r", error)  # noqa: TRY400
            else:
                worker.reports.close()


def work(
    configure: Configure, listener: socket.socket, reporting: Connection, drain_seconds: float
) -> None:
    """Serve as a worker."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the application handles it once it runs
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.set_blocking(reporting.fileno(), False)
    report = partial(_report, reporting.fileno())
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches parent and workers; it is a clean end
        DrainingServer(configure(), report, drain_seconds).run([listener])


def _report(pipe: int, is_listening: bool) -> None:  # noqa: FBT001 - the form of ``Beat``
    with suppress(BlockingIOError, BrokenPipeError):  # the parent is stopped, or has ended
        os.write(pipe, LISTENING if is_listening else STARTING)


def end_with_parent() -> None:
    """End this process when its parent has ended for any reason."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
