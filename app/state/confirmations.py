"""Record which workers have applied a change that all must know, in one Redis hash.

A worker registers before it reads the data for the first time, so whoever writes a change later
waits for it. It is removed when it ends, when its process no longer runs, or, on another machine,
when it has been silent for ``WORKER_TIMEOUT`` seconds.
"""

import asyncio
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from app.contracts import StageError
from app.state.refused_writes import WriteRefusedError
from app.state.store import Store
from app.state.streams import parse_id

WORKER_TIMEOUT = 30.0  # seconds of silence after which a worker of another machine is removed
FIRST_POLL, MAX_POLL = 0.001, 0.02  # seconds between two reads of who has confirmed


class Confirmations:
    """One worker's access to the confirmations of all workers."""

    def __init__(self, store: Store, key: str, timeout: float = WORKER_TIMEOUT) -> None:
        self.name = worker_name(os.getpid())
        self._store = store
        self._key = key
        self._timeout = timeout

    async def confirm(self, link: Store, position: bytes) -> None:
        """Write that this worker has applied all changes up to a position of the stream.

        A server that refuses to write takes no changes either, so the worker goes on reading.
        """
        with suppress(WriteRefusedError):
            await link.command("HSET", self._key, self.name, b"%s %.3f" % (position, time.time()))

    async def deregister(self) -> None:
        """Remove this worker from those that must confirm."""
        with suppress(StageError):  # the others notice that its process has ended
            await self._store.command("HDEL", self._key, self.name)

    async def unconfirmed(self, position: bytes, within: float) -> list[str]:
        """Wait until every worker has applied a change, ``within`` seconds at most.

        Return the workers that have not. ``position`` is that of the change in the stream.
        """
        deadline, pause = time.monotonic() + within, FIRST_POLL
        while (late := await self._late_workers(position)) and time.monotonic() < deadline:
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_POLL)
        return late

    async def _late_workers(self, position: bytes) -> list[str]:
        """Return the workers that have not applied the change; remove those that have ended."""
        reply = await self._store.command("HGETALL", self._key)
        late = []
        for name, entry in zip(reply[::2], reply[1::2], strict=True):
            applied, _, written_at = entry.partition(b" ")
            if parse_id(applied) >= parse_id(position):
                continue
            if has_ended(name.decode(), float(written_at), self._timeout):
                await self._store.command("HDEL", self._key, name)
            else:
                late.append(name.decode())
        return late


def has_ended(name: str, written_at: float, timeout: float = WORKER_TIMEOUT) -> bool:
    """Return whether the process of a worker has ended.

    Args:
        name: of the worker, by ``worker_name``.
        written_at: when it confirmed last, unix seconds.
        timeout: seconds of silence after which a worker of another machine counts as ended.
    """
    machine, process, start_time, _ = name.split("|")
    if machine != _machine():
        return time.time() - written_at > timeout
    if _start_time(int(process)) != start_time:
        return True  # another process, or a thread, has the number now
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # the process exists and belongs to another user
        return False
    return False


def worker_name(process: int) -> str:
    """Return a new name for a worker: machine, process, its start time and a random part."""
    return f"{_machine()}|{process}|{_start_time(process)}|{uuid4().hex}"


def _machine() -> str:
    """Return a name that is equal where process numbers mean the same processes."""
    namespace = Path("/proc/self/ns/pid")
    identity = namespace.readlink().name if namespace.exists() else ""
    return f"{socket.gethostname()}{identity}"


def _start_time(process: int) -> str:
    """Return when a process began, in ticks of the machine; "" when that is not known.

    Source: proc_pid_stat(5), field 22. The name before it may hold spaces.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
