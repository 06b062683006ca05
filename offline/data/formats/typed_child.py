"""Read Parquet and Arrow files for ``typed_process``, in a process that a damaged file may end.

It runs as a script and imports nothing of ours, so that it starts fast. Its argument is the number
of bytes that it may take more than at its start; 0: no limit. Each request on the
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
TOO_LARGE = (
    "it unfolds to more than half of the free memory. Copy or write the file again in case it is "
    "damaged, free memory, or split it"
)


def limit_memory(most_bytes: int) -> None:
    """Limit the memory that this process can take more than now; 0: no limit.

    The address space is limited to the memory of the machine. Where the system does not allow
    limits, nothing changes.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none

        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        if most_bytes:
            limit = most_bytes + own_bytes()
            resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
    except (ImportError, AttributeError, OSError, ValueError):
        return


def own_bytes() -> int:
    """Return the memory that this process has taken so far, as RLIMIT_DATA counts it."""
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - pathlib takes long to import
        lines = dict(line.split(b":", 1) for line in file)
    return int(lines[b"VmData"].split()[0]) * 1024


def answer(kind: bytes, content: bytes) -> tuple[bytes, bytes | memoryview]:
    """Return READ and an Arrow file, or REFUSED and the reason."""
    read, written = pl.read_parquet if kind == PARQUET else pl.read_ipc, io.BytesIO()
    try:
        read(io.BytesIO(content)).write_ipc(written)
    except BaseException as error:  # noqa: BLE001 - Polars panics with one that is no Exception
        # Polars makes an OSError without text of a MemoryError of ``written``.
        is_memory = isinstance(error, MemoryError | OSError) and not str(error)
        reason = TOO_LARGE if is_memory else str(error) or type(error).__name__
        return REFUSED, reason.encode("utf-8", "replace")
    return READ, written.getbuffer()


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    while header := requests.read(HEADER.size):
        kind, size = HEADER.unpack(header)
        outcome, content = answer(kind, requests.read(size))
        answers.write(HEADER.pack(outcome, len(content)))
        answers.write(content)
        answers.flush()


if __name__ == "__main__":
    limit_memory(int(sys.argv[1]))
    main(sys.stdin.buffer, sys.stdout.buffer)
