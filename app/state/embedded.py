"""A real Valkey server of our own, for when no other is named: data kept, restarted when it dies.

One process at a time may have a folder: it is locked by us and by the server, so that after our
sudden death nobody starts a second server on files that the first is still writing.
"""

import fcntl
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from typing_extensions import override

from app.state.server_process import ServerError, ServerProcess

log = logging.getLogger(__name__)

SOCKET_PATH_LIMIT = 100  # bytes; the system's own is 104 on macOS, 108 on Linux
ADDRESS = "address"  # the file that says where the server listens
POLL = 0.2  # seconds between looks at the server
LONGEST_PAUSE = 5.0  # seconds between attempts to restart a server that will not start
LOCK_WITHIN = 10.0  # seconds; the server of an owner that just died ends within


@contextmanager
def embedded_server(folder: Path) -> Iterator[str]:
    """Run a server whose data is in ``folder``; give its URL, ``unix://…``, for redis-py.

    It listens on a Unix socket that only this account may use, and on nothing else. While the
    context lasts it is restarted when it dies, on the same socket with the same data. When this
    process dies of any cause, the server ends too.

    Raises:
        ServerError: it does not start, or another process has the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    with _locked(folder) as lock, _private_folder() as private:
        socket_path = private / "valkey.sock"
        server = ServerProcess.start(folder, socket_path, lock)
        server.await_answer()
        keeper = _Keeper(server, lambda: ServerProcess.start(folder, socket_path, lock))
        keeper.start()
        url = f"unix://{quote(str(socket_path))}"
        (folder / ADDRESS).write_text(url)  # for commands beside the service
        try:
            yield url
        finally:
            (folder / ADDRESS).unlink(missing_ok=True)
            keeper.stop()


class _Keeper(threading.Thread):
    """Starts the server again when it is found dead, until told to stop."""

    def __init__(self, server: ServerProcess, start: Callable[[], ServerProcess]) -> None:
        super().__init__(name="valkey-keeper", daemon=True)
        self._server = server
        self._start_another = start
        self._told_to_stop = threading.Event()

    def stop(self) -> None:
        """End the watch and then the server."""
        self._told_to_stop.set()
        self.join()
        self._server.end()

    @override
    def run(self) -> None:
        pause = POLL
        while not self._told_to_stop.wait(pause):
            status = self._server.exit_status()
            if status is None:
                pause = POLL
                continue
            log.warning(
                "the embedded Valkey server ended with status %d and is restarted; it said: %s",
                status,
                self._server.last_words(),
            )
            self._restart()
            pause = min(2 * pause, LONGEST_PAUSE)

    def _restart(self) -> None:
        self._server.forget()
        try:
            self._server = self._start_another()
        except (OSError, ServerError) as error:
            log.error("the embedded Valkey server can not be restarted: %s", error)  # noqa: TRY400


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a short, private folder for the socket; ``folder`` itself may have a long name."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) + len("/recfunnel-12345678/valkey.sock") > SOCKET_PATH_LIMIT:
        base = "/tmp"  # noqa: S108 - mkdtemp makes an unguessable name that is ours alone
    made = Path(tempfile.mkdtemp(prefix="recfunnel-", dir=base))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock the folder, and give the lock's file descriptor."""
    low = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    lock = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 10)  # the shell has use for those up to 9
    os.close(low)
    try:
        _take(lock, folder)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    give_up = time.monotonic() + LOCK_WITHIN
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode() or "unknown"
            if _lives(owner) or time.monotonic() > give_up:
                raise ServerError(
                    f"the data folder {folder} is in use by process {owner}: stop that one, "
                    "name another folder, or set REDIS_URL to a server that both may use"
                ) from None
            time.sleep(0.05)


def _lives(owner: str) -> bool:
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
