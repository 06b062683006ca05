"""One worker process: how it is forked, how it reports, and how it ends.

Workers are forked from a process that has only imported what they import, the *forking process*:
they start at once and share its memory. If it stops answering, it is killed, and the next start has
a new one.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import uvicorn

from app.process.connection_share import ConnectionCounts, ConnectionShare
from app.process.draining_server import DrainingServer

log = logging.getLogger(__name__)

STARTING, LISTENING = b"s", b"l"  # what a worker reports
STATUS_TIMEOUT = 0.5  # seconds for the status of a worker that has ended to arrive
# On systems other than Linux, libraries of the system may not survive a fork.
START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"

APPLICATION = "app.main"  # what workers import
Configure = Callable[[], uvicorn.Config]


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One worker process, and its reports."""

    process: BaseProcess
    reports: Connection
    has_reported: bool = False
    has_ended: bool = False
    silence: float = 0.0  # seconds since the last report in which the parent ran
    listens_since: float | None = None  # by the monotonic clock

    def read_report(self) -> bytes:
        """Return what the worker has reported since the last call; b"" for nothing."""
        try:
            report = os.read(self.reports.fileno(), 4096)
        except BlockingIOError:
            return b""
        self.has_ended = self.has_ended or not report
        self.has_reported = self.has_reported or bool(report)
        if LISTENING in report and self.listens_since is None:
            self.listens_since = time.monotonic()
        return report

    def listened_for(self) -> float:
        """Return for how many seconds the worker has listened; 0 if it never did."""
        return 0.0 if self.listens_since is None else time.monotonic() - self.listens_since

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

    def exit_status(self) -> int | None:
        """Return the status of a worker that has ended, negative for a signal; None: unknown."""
        self.process.join(STATUS_TIMEOUT)
        return self.process.exitcode


@dataclass(slots=True, eq=False)
class WorkerStarter:
    """Forks workers, and replaces the forking process when it does not answer."""

    configure: Configure
    listener: socket.socket
    counts: ConnectionCounts
    drain_seconds: float
    import_limit: float  # seconds for the forking process to import the application and to fork
    fork_limit: float  # seconds for it to fork when it has done so before
    _proven: int | None = field(default=None, init=False)  # the forking process that has forked

    def start(self, place: int) -> WorkerProcess:
        """Start a worker. ``place`` is where it counts its connections.

        Raises:
            OSError: the system has no memory, process or descriptor left for it.
            EOFError: the forking process has ended of the same, or was killed.
        """
        context = multiprocessing.get_context(START_METHOD)
        reports, reporting = multiprocessing.Pipe(duplex=False)
        os.set_blocking(reports.fileno(), False)
        process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=work,
            args=(
                self.configure,
                self.listener,
                reporting,
                self.drain_seconds,
                self.counts,
                place,
            ),
            name="recfunnel-worker",
        )
        try:
            with self._limited():
                process.start()
        except BaseException:
            reports.close()
            raise
        finally:
            reporting.close()
        return WorkerProcess(process, reports)

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Kill the forking process if it does not fork in time: ``EOFError`` ends the wait."""
        if START_METHOD != "forkserver":
            yield
            return
        forkserver.set_forkserver_preload([APPLICATION])
        forkserver.ensure_running()  # a new one, if it has ended
        process = _forking_process()
        limit = self.fork_limit if process == self._proven else self.import_limit
        timer = threading.Timer(limit, _kill_forking_process, [process, limit])
        timer.daemon = True
        timer.start()
        try:
            yield
            self._proven = process
        finally:
            timer.cancel()


def _forking_process() -> int | None:
    """Return the id of the forking process. The module ``multiprocessing`` has no name for it."""
    process: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return process


def _kill_forking_process(process: int | None, limit: float) -> None:
    if process is not None:
        log.error(
            "the process that forks workers does not answer in %.0f s: it is killed and replaced",
            limit,
        )
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def work(  # noqa: PLR0913, PLR0917 - the arguments of a process
    configure: Configure,
    listener: socket.socket,
    reporting: Connection,
    drain_seconds: float,
    counts: ConnectionCounts,
    place: int,
) -> None:
    """Serve as a worker, which counts its connections at this place."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the application handles it once it runs
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.set_blocking(reporting.fileno(), False)
    report = partial(_report, reporting.fileno())
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches parent and workers; it is a clean end
        share = ConnectionShare(counts, place)
        DrainingServer(configure(), report, drain_seconds, share).run([listener])


def _report(pipe: int, is_listening: bool) -> None:  # noqa: FBT001 - the form of ``Beat``
    with suppress(BlockingIOError, BrokenPipeError):  # the parent is stopped, or has ended
        os.write(pipe, LISTENING if is_listening else STARTING)


def end_with_parent() -> None:
    """End this process when its parent has ended for any reason."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
