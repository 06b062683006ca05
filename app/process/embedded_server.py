"""Run a real Valkey server when no other one is configured, and find the server to use.

The server keeps its data in a folder and is restarted when it dies. Only one process at a time may
use a folder. Both this process and the server hold a lock on it: after a sudden death of this
process, nobody starts a second server on files that the first one is still writing.
"""

import fcntl
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from typing_extensions import override

from app.process.server_process import DEFAULT_TIMEOUTS, ServerError, ServerProcess, ServerTimeouts
from app.state.private_files import create_private_folder

log = logging.getLogger(__name__)

DATA_FOLDER = "redis"  # inside the folder of bundles
ADDRESS_FILE = "address"  # holds the server's URL while it runs
MAX_SOCKET_PATH = 100  # bytes; the limit of the system is 104 on macOS, 108 on Linux
POLL_INTERVAL = 0.2  # seconds between checks that the server runs
MAX_PAUSE = 5.0  # seconds between attempts to restart a server that does not start


@contextmanager
def server_url(redis_url: str | None, out: Path, *, start: bool = True) -> Iterator[str]:
    """Yield the URL of the server that a service on ``out`` uses.

    Args:
        redis_url: the configured server; None: the embedded one.
        out: the folder of bundles; it also holds the data of the embedded server.
        start: start the embedded server for as long as the context lasts, if it does not run.

    Raises:
        ServerError: the embedded server does not run, or does not start.
    """
    folder = out / DATA_FOLDER
    if redis_url:
        yield redis_url
    elif url := _running_url(folder):
        yield url
    elif start:
        with embedded_server(folder) as url:
            yield url
    else:
        raise ServerError(f"no service runs on {out}, and REDIS_URL is not set")


@contextmanager
def embedded_server(folder: Path, timeouts: ServerTimeouts = DEFAULT_TIMEOUTS) -> Iterator[str]:
    """Run a server whose data is in ``folder``, and yield its URL, ``unix://…``, for redis-py.

    It listens on a Unix socket that only this account may use, and on nothing else. While the
    context lasts, a server that dies is restarted on the same socket with the same data. When this
    process dies of any cause, the server ends too.

    Args:
        folder: the data; created if it does not exist.
        timeouts: of locking the folder, starting and stopping.

    Raises:
        ServerError: the server does not start, or another process uses the folder.
    """
    create_private_folder(folder)
    folder = folder.resolve()
    with _lock_folder(folder, timeouts.lock) as lock, _private_folder() as private:
        socket_path = private / "valkey.sock"

        def start() -> ServerProcess:
            private.mkdir(mode=0o700, exist_ok=True)  # cleaners of temporary files remove it
            return ServerProcess.start(folder, socket_path, lock, timeouts)

        server = start()
        server.await_answer()
        keeper = _Keeper(server, start)
        keeper.start()
        url = f"unix://{quote(str(socket_path))}"
        (folder / ADDRESS_FILE).write_text(url)  # for commands that run beside the service
        try:
            yield url
        finally:
            (folder / ADDRESS_FILE).unlink(missing_ok=True)
            keeper.stop()


class _Keeper(threading.Thread):
    """The thread that restarts the server when it has died, until ``stop``."""

    def __init__(self, server: ServerProcess, start: Callable[[], ServerProcess]) -> None:
        super().__init__(name="valkey-keeper", daemon=True)
        self._server = server
        self._start_another = start
        self._stopping = threading.Event()
        self._started_at = -inf  # the first server has answered already

    def stop(self) -> None:
        """End the thread, then the server."""
        self._stopping.set()
        self.join()
        self._server.end()

    @override
    def run(self) -> None:
        pause = POLL_INTERVAL
        while not self._stopping.wait(pause):
            status = self._server.exit_status()
            if self._server.has_socket():
                self._started_at = -inf  # it has started: a socket that is missing now is lost
            if status is None and (self._server.has_socket() or self._is_starting()):
                pause = POLL_INTERVAL
                continue
            if status is None:
                log.warning("the socket of the embedded Valkey server is lost: it is restarted")
                self._server.end()
                self._restart()
                continue
            log.warning(
                "the embedded Valkey server ended with status %d and is restarted; "
                "the last line of its log: %s",
                status,
                self._server.last_log_line(),
            )
            self._restart()
            pause = min(2 * pause, MAX_PAUSE)

    def _is_starting(self) -> bool:
        """Return whether a server that was just started may not have made its socket yet."""
        return time.monotonic() < self._started_at + DEFAULT_TIMEOUTS.start

    def _restart(self) -> None:
        self._server.release()
        try:
            self._server = self._start_another()
            self._started_at = time.monotonic()
        except (OSError, ServerError) as error:
            log.error("the embedded Valkey server cannot be restarted: %s", error)  # noqa: TRY400


def _running_url(folder: Path) -> str | None:
    """Return the URL of the embedded server on ``folder``; None if it is not reachable."""
    with suppress(OSError):
        url = (folder / ADDRESS_FILE).read_text().strip()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(unquote(urlsplit(url).path))
        return url
    return None


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Create a private folder for the socket. The path of the data may be too long for one."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) + len("/recfunnel-12345678/valkey.sock") > MAX_SOCKET_PATH:
        base = "/tmp"  # noqa: S108 - mkdtemp creates an unguessable folder that only we may use
    private = Path(tempfile.mkdtemp(prefix="recfunnel-", dir=base))
    try:
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)


@contextmanager
def _lock_folder(folder: Path, timeout: float) -> Iterator[int]:
    """Lock the folder, and yield the file descriptor of the lock."""
    low = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    lock = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 10)  # the shell uses descriptors up to 9
    os.close(low)
    try:
        _acquire(lock, folder, timeout)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _acquire(lock: int, folder: Path, timeout: float) -> None:
    """Acquire the lock on a folder. Wait for a server whose owner has died to release it.

    Raises:
        ServerError: the owner of the lock is alive, or ``timeout`` seconds have passed.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode() or "unknown"
            is_other = owner != str(os.getpid())  # ours: what is left of the last server ends soon
            if (is_other and _is_alive(owner)) or time.monotonic() > deadline:
                raise ServerError(
                    f"the data folder {folder} is in use by process {owner}: stop that process, "
                    "use another folder, or set REDIS_URL to a server that both may use"
                ) from None
            time.sleep(0.05)


def _is_alive(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # it exists, and belongs to another user
        return True
    return True
