"""Copy what Redis has of a service to files of commands, while the service runs.

A file has Redis commands as they are on the wire, compressed. So the copy of any server can be
restored into any other one; the replies of `DUMP` fit one version only. A script reads all keys of
a user at once, so that no event is in one of them and not in the others. What all users share is
read after the users: what a copied user has hidden is then in the copied set of all that anybody
has hidden. Streams are read last: an event that comes meanwhile may be in the stream alone, and
counts once more in the history when it is sent again.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

import redis
from hiredis import pack_command

from app.request_log.writer import request_log_key
from app.state.erasure import escape_pattern
from app.state.event_codec import events_key, impressions_key
from app.state.event_writer import MARK_PARTS
from app.state.private_files import create_private_file
from app.state.streams import StreamPages
from offline.backup.manifest import BackupError

Part: TypeAlias = bytes | str | int
T = TypeVar("T")

SHARED, USERS, STREAMS = "shared", "users", "streams"  # the files, in the order of a restore
KEYS_PER_SCAN = 1_000
USERS_PER_READ = 100
ENTRIES_PER_READ = 500  # of a stream: answers of the request log have 4 kB
MEMBERS_PER_COMMAND = 500
RESTORED_MARK = "k"  # of a loss before; it would hide the loss of what came after the backup
# The ends of the keys of a user, see `app.state.user_store` and the two modules of Gorse's API.
# ``ge`` has rows that are being erased: the restored journal has the erasure, which removes them.
USER_PARTS = ("h", "a", "f", "b", "x", "s", "g", "gf", "ge", "gx", *MARK_PARTS)
STREAM_NAMES = {"events": "events", "shown": "shown lists", "served": "logged answers"}
# Not copied: similarity tables, which workers write from the bundle, and what lives for seconds.
SKIPPED = re.compile(
    rb"\d{8}T\d{6}Z-\w+:.*|tables|probe|(excluded|\{items\}|\{rules\}):workers|\{rates\}:.*|\{users\}:lost"
)
# KEYS: to read. The reply has the type, the unix milliseconds of expiry and the content of each.
READ_KEYS = """
local read = {
  string = function(key) return {redis.call('GET', key)} end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  hash = function(key) return redis.call('HGETALL', key) end,
}
local replies = {}
for n, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  local content = read[kind] and read[kind](key) or {}
  replies[n] = {kind, redis.call('PEXPIRETIME', key), content}
end
return replies
"""
WRITING = {b"string": "SET", b"zset": "ZADD", b"set": "SADD", b"list": "RPUSH", b"hash": "HSET"}


def command_path(folder: Path, name: str) -> Path:
    """Return the path of a file of commands: ``shared``, ``users`` or ``streams``."""
    return folder / f"{name}.resp.gz"


@dataclass(slots=True, eq=False)
class RedisDump:
    """Writes the keys under a prefix to the files of a folder. ``run`` it once."""

    client: redis.Redis
    prefix: str
    folder: Path
    counts: Counter[str] = field(default_factory=Counter, init=False)
    _shared: list[bytes] = field(default_factory=list, init=False)  # keys of no user
    _users: set[bytes] = field(default_factory=set, init=False)  # beginnings of their keys

    def run(self) -> None:
        with _open_private(command_path(self.folder, USERS)) as file:
            for keys in self._user_keys():
                self._copy_small(file, keys)
        self.counts["users"] = len(self._users)
        last = list(map(str.encode, _stream_keys(self.prefix)))
        with _open_private(command_path(self.folder, SHARED)) as file:
            for key in self._shared:
                if key not in last:
                    self._copy_large(file, key)
        with _open_private(command_path(self.folder, STREAMS)) as file:
            for key in last:
                self._copy_large(file, key)

    def _user_keys(self) -> Iterator[list[list[bytes]]]:
        """Yield the keys of users, a list for each user; note the keys of nobody."""
        stem = f"{self.prefix}:".encode()
        user_key = re.compile(re.escape(stem) + rb"u:\{[^}]*\}:")
        pattern = f"{escape_pattern(self.prefix)}:*"
        names = self.client.scan_iter(pattern, count=KEYS_PER_SCAN)
        starts: list[bytes] = []
        for key in names:
            match = user_key.match(key)
            if match:
                _require_known_part(key, match.end())
            if not match:
                if not SKIPPED.fullmatch(key[len(stem) :]):
                    self._shared.append(key)
            elif match[0] not in self._users:
                self._users.add(match[0])
                starts.append(match[0])
            if len(starts) == USERS_PER_READ:
                yield list(map(_keys_of_user, starts))
                starts = []
        if starts:
            yield list(map(_keys_of_user, starts))

    def _copy_small(self, file: IO[bytes], keys_of_users: Sequence[list[bytes]]) -> None:
        """Copy keys whose content is small; those of one user are read together."""
        with self.client.pipeline(transaction=False) as pipe:
            for keys in keys_of_users:
                pipe.eval(READ_KEYS, len(keys), *keys)
            replies: list[Any] = pipe.execute()
        for keys, reply in zip(keys_of_users, replies, strict=True):
            for key, (kind, expires, content) in zip(keys, reply, strict=True):
                if kind == b"none":
                    continue
                if kind not in WRITING:
                    raise _unknown(key, f"the type {kind.decode()}")
                if kind == b"zset":
                    content[::2], content[1::2] = content[1::2], content[::2]  # scores first
                self._write(file, WRITING[kind], key, content)
                if expires > 0:
                    self._write(file, "PEXPIREAT", key, [expires])

    def _copy_large(self, file: IO[bytes], key: bytes) -> None:
        """Copy a key whose content may be large, in steps that do not hold up the server."""
        kind: Any = self.client.type(key)
        if kind == b"stream":
            self._copy_stream(file, key)
        elif kind in {b"hash", b"set", b"zset"}:
            self._copy_members(file, key, kind)
        elif kind != b"none":
            self._copy_small(file, [[key]])

    def _copy_members(self, file: IO[bytes], key: bytes, kind: bytes) -> None:
        members: Iterable[Any]
        if kind == b"set":
            members = self.client.sscan_iter(key, count=KEYS_PER_SCAN)
        elif kind == b"hash":
            fields = self.client.hscan_iter(key, count=KEYS_PER_SCAN)
            members = chain.from_iterable(fields)
        else:  # the scores stay as the server writes them
            scored = self.client.zscan_iter(key, count=KEYS_PER_SCAN, score_cast_func=bytes)
            members = chain.from_iterable((score, member) for member, score in scored)
        self._write(file, WRITING[kind], key, members)
        expires: Any = self.client.pexpiretime(key.decode())
        if expires > 0:
            self._write(file, "PEXPIREAT", key, [expires])

    def _copy_stream(self, file: IO[bytes], key: bytes) -> None:
        pages, name = StreamPages(key.decode(), ENTRIES_PER_READ), STREAM_NAMES.get(self._name(key))
        while entries := self._read(pages):
            pages.advance(entries)
            for entry, fields in entries:
                parts = [part for pair in fields.items() for part in pair]
                file.write(pack_command(("XADD", key, entry, *parts)))
            if name:
                self.counts[name] += len(entries)

    def _name(self, key: bytes) -> str:
        return key.decode().removeprefix(f"{self.prefix}:")

    def _read(self, pages: StreamPages) -> list[Any]:
        entries: list[Any] = self.client.execute_command(*pages.command())  # type: ignore[no-untyped-call]
        return entries

    def _write(self, file: IO[bytes], command: str, key: bytes, parts: Iterable[Part]) -> None:
        """Write a command, or several of them if it has very many parts."""
        remaining = iter(parts)
        while some := list(islice(remaining, 2 * MEMBERS_PER_COMMAND)):
            file.write(pack_command((command, key, *some)))  # type: ignore[arg-type]


def _stream_keys(prefix: str) -> tuple[str, str, str]:
    return impressions_key(prefix), request_log_key(prefix), events_key(prefix)


def _keys_of_user(start: bytes) -> list[bytes]:
    return [start + part.encode() for part in USER_PARTS]


def _require_known_part(key: bytes, start: int) -> None:
    """Refuse a key of a user that would not be copied."""
    if key[start:].decode(errors="replace") not in {*USER_PARTS, RESTORED_MARK}:
        raise _unknown(key, "a name")


def _unknown(key: bytes, what: str) -> BackupError:
    return BackupError(
        f"Redis has the key {key.decode(errors='replace')} with {what} that this version does not "
        "back up: use the version of recfunnel that the service runs"
    )


def _open_private(path: Path) -> IO[bytes]:
    create_private_file(path)
    return gzip.open(path, "wb", compresslevel=1)  # type: ignore[return-value]
