"""Accept connections from a socket on which several workers listen, each its share of them."""

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from app.process.connection_share import ConnectionShare

log = logging.getLogger(__name__)

PATIENCE = 0.01  # seconds for which a connection is left to a worker that has fewer
PAUSE = 0.001  # seconds between two looks at such a connection
FULL_PAUSE = 1.0  # seconds until a process that may open no more files accepts again
FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Accepts the connections of one worker while it runs.

    A worker that has more connections than another one leaves a new one to it, but only for
    ``patience`` seconds: the other one may be busy, stopped or dead.
    """

    def __init__(
        self,
        listener: socket.socket,
        build_protocol: Callable[[], asyncio.Protocol],
        share: ConnectionShare,
        patience: float = PATIENCE,
    ) -> None:
        """Prepare to accept.

        Args:
            listener: a bound socket. Other processes may listen on it.
            build_protocol: returns the protocol of one connection.
            share: the connections of this worker, and what the others have.
            patience: seconds for which a connection is left to the others.
        """
        self._listener = listener
        self._build_protocol = build_protocol
        self._share = share
        self._patience = patience
        self._left_since: float | None = None  # when the others began to have fewer
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self, backlog: int) -> None:
        """Listen, with at most ``backlog`` connections that wait in the kernel."""
        self._listener.settimeout(0)
        self._listener.listen(backlog)
        self._share.start()
        self._loop.add_reader(self._listener, self._accept)

    def stop(self) -> None:
        """Stop listening, and take the connections that wait. The caller closes the socket."""
        self._share.stop()
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._listener)
        for connection in _waiting(self._listener):
            self._open(connection)

    def _accept(self) -> None:
        """Accept a connection, unless another worker should rather do so.

        The event loop calls this again in its next round if more connections wait.
        """
        if not self._is_next():
            self._look_again(PAUSE)
            return
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # another worker has accepted it
            self._left_since = None
            return
        except OSError as error:
            if error.errno in FULL:
                log.error("no connection can be accepted for now: %s", error)  # noqa: TRY400
                self._look_again(FULL_PAUSE)
            return  # else the client has closed it
        self._open(connection)
        if self._left_since is not None and not _is_readable(self._listener):
            self._left_since = None

    def _is_next(self) -> bool:
        """Return whether to accept, because no other worker should, or none does."""
        if self._share.is_due():  # others have accepted what was left to them
            self._left_since = None
            return True
        now = monotonic()
        if self._left_since is None:
            self._left_since = now
        return now >= self._left_since + self._patience

    def _look_again(self, pause: float) -> None:
        """Do not look at the socket for a while: it stays readable until somebody accepts."""
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(pause, self._resume)

    def _resume(self) -> None:
        self._timer = None
        if not _is_readable(self._listener):
            self._left_since = None
        self._loop.add_reader(self._listener, self._accept)

    def _open(self, connection: socket.socket) -> None:
        """Serve a connection. A task would begin to do so only in the next round of the loop."""
        protocol = self._build_protocol()
        opening = self._loop.connect_accepted_socket(lambda: protocol, connection)
        self._share.begin_opening(protocol)
        is_made: asyncio.Future[None] = opening.send(None)
        is_made.add_done_callback(partial(self._end_opening, opening, protocol))

    def _end_opening(
        self,
        opening: Coroutine[Any, Any, Any],
        protocol: asyncio.Protocol,
        _: "asyncio.Future[None]",
    ) -> None:
        self._share.end_opening(protocol)
        with suppress(StopIteration):
            opening.send(None)


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that the kernel has accepted, as long as more files may be opened."""
    with suppress(OSError):
        while True:
            yield listener.accept()[0]


def _is_readable(listener: socket.socket) -> bool:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
