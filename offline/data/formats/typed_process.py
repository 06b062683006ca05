"""Read Parquet and Arrow files in another process, because damaged ones can end a process.

A damaged page may ask for any amount of memory, and Polars then aborts. The process is started for
the first file, takes 0.2 s of CPU for it, and reads the next ones too.
"""

import atexit
import io
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO

import polars as pl

from offline.data.formats.typed_child import ARROW, HEADER, PARQUET, READ

CHILD = Path(__file__).with_name("typed_child.py")
KEPT_BYTES = 64 * 2**20  # after a larger file the process ends, which frees its memory


class DamagedFileError(ValueError):
    """A file that cannot be read. The text is the reason."""


@dataclass(slots=True, eq=False)
class TypedProcess:
    """A process that reads files one after another. It is started when it is needed."""

    command: tuple[str, ...] = (sys.executable, "-P", str(CHILD))
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def read_parquet(self, content: bytes) -> pl.DataFrame:
        """Return the table of a Parquet file.

        Raises:
            DamagedFileError: It cannot be read, or it ended the process.
        """
        return self._read(PARQUET, content)

    def read_arrow(self, content: bytes) -> pl.DataFrame:
        """Return the table of an Arrow file.

        Raises:
            DamagedFileError: It cannot be read, or it ended the process.
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
        try:
            requests.write(HEADER.pack(kind, len(content)))
            requests.write(content)
            requests.flush()
            outcome, size = HEADER.unpack(_read_all(answers, HEADER.size))
            return outcome, _read_all(answers, size)
        except (EOFError, OSError):
            self.close()
            raise DamagedFileError(
                "the process that read the file ended: the file is damaged, or memory is too "
                "small. Copy or write the file again, or free memory"
            ) from None

    def _start_if_needed(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - the program is ours
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # where Polars writes why it aborts
            )
            atexit.register(self.close)
        return self._process


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
