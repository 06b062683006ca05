"""Read Parquet and Arrow files for ``typed_process``, in a process that a damaged file may end.

It runs as a script and imports nothing of ours, so that it starts fast. Each request on the
standard input is HEADER, one letter for the format and the number of bytes, and then the file. Each
answer on the standard output is HEADER too: READ with the table as an uncompressed Arrow file, or
REFUSED with a sentence. It ends when the input ends.
"""

import io
import os
import struct
import sys
from typing import BinaryIO

import polars as pl

HEADER = struct.Struct("<cQ")  # a letter, and the number of bytes that follow
PARQUET, ARROW = b"P", b"A"
READ, REFUSED = b"R", b"E"


def limit_memory() -> None:
    """Limit the address space of this process to the memory of the machine.

    Where the system does not allow it, nothing changes.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none

        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    except (ImportError, AttributeError, OSError, ValueError):
        return


def answer(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    """Return READ and an Arrow file, or REFUSED and the reason."""
    read, written = pl.read_parquet if kind == PARQUET else pl.read_ipc, io.BytesIO()
    try:
        read(io.BytesIO(content)).write_ipc(written)
    except BaseException as error:  # noqa: BLE001 - Polars panics with one that is no Exception
        return REFUSED, str(error).encode("utf-8", "replace")
    return READ, written.getvalue()


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    while header := requests.read(HEADER.size):
        kind, size = HEADER.unpack(header)
        outcome, content = answer(kind, requests.read(size))
        answers.write(HEADER.pack(outcome, len(content)))
        answers.write(content)
        answers.flush()


if __name__ == "__main__":
    limit_memory()
    main(sys.stdin.buffer, sys.stdout.buffer)
