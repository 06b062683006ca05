"""Read Parquet and Arrow files in another process, because damaged ones can end a process.

A damaged page may ask for any amount of memory, and Polars then aborts. A small file can unfold to
any size, too: 200 kB to 1 GB were seen. So the process may take half of the free memory, and has
a time limit. It is started for the first file, takes 0.2 s of CPU for it, and reads the next ones.
"""

import atexit
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event, Lock, Timer
from typing import IO

import polars as pl

from offline.data.formats.typed_child import ARROW, HEADER, PARQUET, READ, TOO_LARGE

CHILD = Path(__file__).with_name("typed_child.py")
READ_SECONDS = 60.0  # for any file, and
SECONDS_PER_BYTE = 1e-6  # more for a large one: a hundredth of the usual speed
MEMORY_SHARE = 0.5  # of the free memory; this process needs the rest for the table
MIN_BYTES = 256 * 2**20  # of memory, as the smallest file takes 64 MB
NO_LIMIT = 0
MEMORY_FILE = Path("/proc/meminfo")
GROUP_FILES = ("memory.current", "memory.max")
GROUP_FOLDER = Path("/sys/fs/cgroup")  # of this process in a container
KEPT_BYTES = 64 * 2**20  # after a larger file the process ends, which frees its memory


class DamagedFileError(ValueError):
    """A file that cannot be read. The text is the reason."""


@dataclass(slots=True, eq=False)
class TypedProcess:
    """A process that reads files one after another. It is started when it is needed."""

    command: tuple[str, ...] = (sys.executable, "-P", str(CHILD))
    seconds: float = READ_SECONDS  # for a small file
    max_bytes: int | None = None  # of memory; None: a share of what is free when it starts
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def read_parquet(self, content: bytes) -> pl.DataFrame:
        """Return the table of a Parquet file.

        Raises:
            DamagedFileError: It cannot be read, ended the process, or took too long.
        """
        return self._read(PARQUET, content)

    def read_arrow(self, content: bytes) -> pl.DataFrame:
        """Return the table of an Arrow file.

        Raises:
            DamagedFileError: It cannot be read, ended the process, or took too long.
        """
        return self._read(ARROW, content)

    def close(self) -> None:
        """End the process; another one is started for the next file."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _read(self, kind: bytes, content: bytes) -> pl.DataFrame:
        with self._lock:
            outcome, result = self._ask(kind, content)
            if len(content) > KEPT_BYTES:
                self.close()
        if outcome == READ:
            return pl.read_ipc(io.BytesIO(result))
        raise DamagedFileError(result.decode("utf-8", "replace"))

    def _ask(self, kind: bytes, content: bytes) -> tuple[bytes, bytes]:
        process = self._start_if_needed()
        requests, answers = _pipes(process)
        seconds = self.seconds + SECONDS_PER_BYTE * len(content)
        with _kill_after(seconds, process) as was_killed:
            try:
                requests.write(HEADER.pack(kind, len(content)))
                requests.write(content)
                requests.flush()
                outcome, size = HEADER.unpack(_read_all(answers, HEADER.size))
                return outcome, _read_all(answers, size)
            except (EOFError, OSError):
                self.close()
        if was_killed.is_set():
            raise DamagedFileError(
                f"it took more than {seconds:.0f} s: the file is damaged, or is too large for this "
                "machine. Copy or write the file again, or split it"
            )
        raise DamagedFileError(
            f"the process that read the file ended: the file is damaged, or {TOO_LARGE}"
        )

    def _start_if_needed(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            limit = self.max_bytes
            if limit is None:
                free = free_bytes()
                limit = max(int(free * MEMORY_SHARE), MIN_BYTES) if free else NO_LIMIT
            self._process = subprocess.Popen(  # noqa: S603 - the program is ours
                (*self.command, str(limit)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # where Polars writes why it aborts
            )
            atexit.register(self.close)
        return self._process


def free_bytes(memory: Path = MEMORY_FILE, group: Path = GROUP_FOLDER) -> int:
    """Return the free memory of this machine, or container if that is less; 0: unknown.

    Args:
        memory: the file of the system about its memory.
        group: the folder of the container's limits.
    """
    free = []
    with suppress(OSError, ValueError, IndexError):
        lines = dict(line.split(":", 1) for line in memory.read_text("ascii").splitlines())
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with suppress(OSError, ValueError):
        used, most = (int((group / name).read_text("ascii")) for name in GROUP_FILES)
        free.append(most - used)
    return max(1, min(free)) if free else NO_LIMIT


@contextmanager
def _kill_after(seconds: float, process: "subprocess.Popen[bytes]") -> Iterator[Event]:
    """Kill the process unless the block ends in time; the event tells whether it was."""
    was_killed = Event()

    def kill() -> None:
        was_killed.set()
        process.kill()

    timer = Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        yield was_killed
    finally:
        timer.cancel()


@cache
def typed_process() -> TypedProcess:
    """Return the reading process that all files share."""
    return TypedProcess()


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise DamagedFileError("the process that reads it has no pipes")
    return process.stdin, process.stdout


def _read_all(pipe: IO[bytes], size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content
