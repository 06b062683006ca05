"""Worker processes on one socket: replaced when they die, ended without dropping a request.

uvicorn alone drops requests when it ends: it closes its socket together with the connections that
the kernel has accepted, and connections whose request is still on the way. Its worker processes
go on when their parent is killed. This module mends both.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import uvicorn
from typing_extensions import override

log = logging.getLogger(__name__)

LINGER_SECONDS = 0.2  # for a request that is on the way to arrive
END_TIMEOUT = 4.0  # seconds for a worker to end before it is killed
RESTART_PAUSE = 0.5  # seconds before a dead worker is replaced: the next may die too

Configure = Callable[[], uvicorn.Config]


class DrainingServer(uvicorn.Server):
    """A server that ends after all connected clients have been answered and told to close."""

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer requests on the way, accept waiting connections, then shut down as uvicorn."""
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        await asyncio.sleep(LINGER_SECONDS)
        for listener in sockets or []:
            await self.stop_listening(listener)
        await asyncio.sleep(LINGER_SECONDS)
        await super().shutdown(sockets)

    async def stop_listening(self, listener: socket.socket) -> None:
        """Close the socket without dropping a waiting connection; others may still share it."""
        last = listener.dup()
        last.settimeout(0)
        for server in self.servers:
            server.close()
        listener.close()
        await asyncio.sleep(0.01)  # the event loop releases its own socket only in its next round
        waiting = list(_accepted(last))
        last.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that the kernel has accepted."""
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.settimeout(0)
            yield connection


def run_workers(configure: Configure, listener: socket.socket, workers: int) -> None:
    """Serve on a bound socket until a signal, in this process or in several worker processes."""
    if workers == 1:
        DrainingServer(configure()).run([listener])
        return
    started: list[SpawnProcess] = []
    try:
        started += [_start(configure, listener) for _ in range(workers)]
        while True:
            _replace_dead_workers(started, configure, listener)
    finally:
        listener.close()  # the parent's socket accepts no connection
        _end(started)


def _start(configure: Configure, listener: socket.socket) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=work, args=(configure, listener), name="recfunnel-worker"
    )
    process.start()
    return process


def _replace_dead_workers(
    started: list[SpawnProcess], configure: Configure, listener: socket.socket
) -> None:
    """Wait until a worker dies, and start another one."""
    wait([process.sentinel for process in started])
    time.sleep(RESTART_PAUSE)
    for n, process in enumerate(started):
        if not process.is_alive():
            log.error("worker %s ended with status %s", process.pid, process.exitcode)
            started[n] = _start(configure, listener)


def _end(started: list[SpawnProcess]) -> None:
    deadline = time.monotonic() + END_TIMEOUT
    for process in started:
        process.terminate()
    for process in started:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()


def work(configure: Configure, listener: socket.socket) -> None:
    """Serve as a worker."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches parent and workers; it is a clean end
        DrainingServer(configure()).run([listener])


def end_with_parent() -> None:
    """End this process when its parent has ended for any reason."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
