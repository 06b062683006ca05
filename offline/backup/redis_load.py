"""Write the commands of a backup into a Redis that has no data of the service.

The first command is the mark of lost data. While it is there, lists leave out all that anybody has
hidden, so that a service which starts too early, or after an interrupted restore, shows nothing
that a user does not want to see.
"""

import gzip
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import redis
from hiredis import ProtocolError, Reader

from app.state.confirmations import has_ended
from app.state.erasure import escape_pattern
from app.state.user_store import exclusions_key, lost_key
from offline.backup.manifest import BackupError
from offline.backup.redis_dump import KEYS_PER_SCAN, SKIPPED

COMMANDS = frozenset({b"SET", b"ZADD", b"SADD", b"RPUSH", b"HSET", b"XADD", b"PEXPIREAT"})
COMMANDS_PER_ROUND_TRIP = 1_000
READ_BYTES = 2**20


def read_commands(path: Path, prefix: str) -> Iterator[list[bytes]]:
    """Yield the commands of a file.

    Raises:
        BackupError: the file has something else, or names keys of another prefix.
    """
    reader, stem = Reader(), f"{prefix}:".encode()
    try:
        with gzip.open(path) as file:
            while data := file.read(READ_BYTES):
                reader.feed(data)
                while (command := reader.gets()) is not False:
                    if command[0] not in COMMANDS or not command[1].startswith(stem):
                        raise BackupError(
                            f"{path} has commands that no backup has: use another one"
                        )
                    yield command
    except (OSError, EOFError, ProtocolError, TypeError, IndexError) as error:
        raise BackupError(f"{path} cannot be read ({error}): use another backup") from None


def write_commands(client: redis.Redis, commands: Iterator[Sequence[bytes]]) -> None:
    """Send the commands, many in a round trip.

    Raises:
        BackupError: somebody else has written to the same keys meanwhile.
    """
    while some := list(islice(commands, COMMANDS_PER_ROUND_TRIP)):
        with client.pipeline(transaction=False) as pipe:
            for command in some:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            try:
                pipe.execute()
            except redis.ResponseError as error:
                raise BackupError(
                    f"Redis refuses a command of the backup ({error}): if a service has started "
                    "meanwhile, stop it, and restore again with --replace"
                ) from None


def mark_lost(client: redis.Redis, prefix: str) -> None:
    """Make lists leave out all that anybody has hidden, until the mark is removed."""
    client.set(lost_key(prefix), time.time(), nx=True)


def require_no_service(client: redis.Redis, prefix: str, address: str) -> None:
    """Check that no worker uses this Redis.

    Raises:
        BackupError: one does.
    """
    workers: Any = client.hgetall(f"{exclusions_key(prefix)}:workers")
    for name, entry in workers.items():
        if not has_ended(name.decode(), float(entry.partition(b" ")[2])):
            raise BackupError(
                f"a service uses Redis at {address} with the prefix {prefix}: stop it, restore, "
                "and start it again"
            )


def find_data(client: redis.Redis, prefix: str) -> str | None:
    """Return a key that a service has written under the prefix; None if there is none."""
    stem = f"{prefix}:"
    for key in client.scan_iter(f"{escape_pattern(prefix)}:*", count=KEYS_PER_SCAN):
        if not SKIPPED.fullmatch(key[len(stem) :]):
            return str(key.decode(errors="replace"))
    return None


def delete_data(client: redis.Redis, prefix: str) -> int:
    """Delete every key under the prefix; return how many there were."""
    deleted = 0
    names = client.scan_iter(f"{escape_pattern(prefix)}:*", count=KEYS_PER_SCAN)
    while some := list(islice(names, KEYS_PER_SCAN)):
        deleted += int(client.unlink(*some))
    return deleted
