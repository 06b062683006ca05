"""What must be kept from lists of users whose own filters the store does not tell.

Each worker holds everything that any user has hidden or blocked, and the marks of erased users. A
list for a user of unknown filters contains nothing of it. Every change is one entry in a stream,
written in the same round trip as the change itself. Workers follow the stream and confirm each
entry; see ``app.state.confirmations``. An entry names the user by a digest, so that each worker
forgets what it last knew of that user.

A server that restarts empty, or with older data, has lost filters of users. The first case is
recognised by the *generation*, a random name that the first worker writes; the second by a number
of changes that is lower than before.
"""

import asyncio
import logging
import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import orjson

from app.contracts import NOTHING_BLOCKED, Blocked, StageError
from app.state.confirmations import WORKER_TIMEOUT, Confirmations
from app.state.erasure_journal import ErasedTimes
from app.state.kept_file import keep_written, kept_path, kept_paths
from app.state.last_known import LastKnownReplies, RawReply
from app.state.private_files import write_private_file
from app.state.refused_writes import WriteRefusedError
from app.state.store import CommandPart, Store
from app.state.streams import StreamEntry, follow_streams, parse_id, seconds_of
from app.state.user_store import (
    CATEGORY,
    ERASED_USER,
    ITEM,
    PROVIDER,
    erased_key_start,
    exclusion_log_key,
    exclusions_key,
    generation_key,
    lost_key,
    restored_key,
    restoring_commands,
    state_keys,
    user_digest,
)

log = logging.getLogger(__name__)

READ_TIMEOUT = 10.0  # seconds for one read, the block or the whole set included
MAX_PAUSE = 1.0  # seconds between two attempts while the server fails
STREAM_START = b"0-0"
USERS_PER_RESTORE = 100  # in one round trip


def exclusions_path(folder: Path, prefix: str, redis_url: str) -> Path:
    """Return the path of the service's file."""
    return kept_path(folder, prefix, redis_url, "shared.json")


def merge_exclusions(
    path: Path, generation: bytes, members: Collection[bytes], others: Iterable[Path]
) -> None:
    """Write the service's file with what it has, with these members, and those of other files.

    Args:
        path: of the service's file.
        generation: of the store's data.
        members: of the store's set.
        others: files of other services, or of a backup.
    """
    merged = {member.decode() for member in members}
    for each in (*kept_paths(path), *others):
        try:
            merged.update(map(str, orjson.loads(each.read_bytes())["members"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("the file of what users have hidden cannot be read: %s", error)
    content = {"generation": generation.decode(), "members": sorted(merged)}
    write_private_file(path, orjson.dumps(content))


class SharedExclusions:
    """One worker's copy. ``run`` it as a task."""

    def __init__(self, store: Store, prefix: str, worker_timeout: float = WORKER_TIMEOUT) -> None:
        self.last_known = LastKnownReplies()
        self.loaded = asyncio.Event()  # set once the store's set has been read
        self.change_count = 0  # entries of the stream that were applied
        self.generation = b""  # of the store's data; b"": no store has been seen yet
        self.lost_since: float | None = None  # unix seconds; None: no data of users is missing
        self.workers = Confirmations(store, f"{exclusions_key(prefix)}:workers", worker_timeout)
        self.changed = asyncio.Event()  # set when the content of the file has changed
        self._prefix = prefix
        self._store = store
        self._log_key = exclusion_log_key(prefix)
        self._members: set[bytes] = set()
        self._withheld: Blocked | None = NOTHING_BLOCKED  # None: to be built from the members
        self._followed = -WORKER_TIMEOUT  # when the stream was last read, by time.monotonic
        self._worker_timeout = worker_timeout
        self.offsets = {self._log_key.encode(): STREAM_START}
        self.erased: ErasedTimes = {}  # users who were erased, and when
        self.erasures_changed = asyncio.Event()  # set when a user was added by the store
        self.stored_changes = 0  # the largest number of changes that the store has named
        self._state_keys = state_keys(prefix)

    @property
    def withheld(self) -> Blocked:
        """Everything that any user has hidden or blocked."""
        if self._withheld is None:
            members = sorted(self._members)
            self._withheld = Blocked(
                *(
                    tuple(member[1:].decode() for member in members if member.startswith(kind))
                    for kind in (ITEM, PROVIDER, CATEGORY)
                )
            )
        return self._withheld

    @property
    def is_followed(self) -> bool:
        """True if no change is acknowledged of which this worker does not know."""
        return time.monotonic() - self._followed < self._worker_timeout

    def erased_at(self, user: str) -> float:
        """Return when the user was last erased, unix seconds; -inf: never."""
        return self.erased.get(user_digest(user), -math.inf) if self.erased else -math.inf

    def add_erased(self, times: Mapping[str, float]) -> bool:
        """Take over erased users by digest; return whether any is new or later."""
        new = {name: at for name, at in times.items() if at > self.erased.get(name, -math.inf)}
        self.erased |= new
        for digest in new:
            self.last_known.forget(digest)
        self._add([ERASED_USER + digest.encode() for digest in new])
        return bool(new)

    def is_lost(
        self, state: Sequence[bytes | None], restored: bytes | None, stored_changes: int
    ) -> bool:
        """Return whether the store has lost what it had of a user.

        Args:
            state: values of ``user_store.state_keys``.
            restored: value of the user's ``restored_key``.
            stored_changes: of this worker when it asked for these values.
        """
        generation, lost, changes = state
        if generation is None or int(changes or 0) < stored_changes:
            return True
        if self.generation and generation != self.generation:
            return True
        return lost is not None and restored != generation

    def remember(self, user: str, reply: RawReply, change_count: int) -> None:
        """Remember what the store replied, unless a change came since it was asked."""
        if self.loaded.is_set() and change_count == self.change_count:
            self.last_known.put(user, reply)

    async def newest_change(self) -> bytes:
        """Return the position of the newest change in the stream."""
        newest = await self._store.command("XREVRANGE", self._log_key, "+", "-", "COUNT", 1)
        return bytes(newest[0][0]) if newest else STREAM_START

    def preload(self, path: Path) -> None:
        """Read the file of an earlier worker, for a start without Redis."""
        for each in kept_paths(path):
            try:
                stored = orjson.loads(each.read_bytes())
                generation = str(stored["generation"])
                members = list(map(str.encode, stored["members"]))
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.warning("the file of what users have hidden cannot be read: %s", error)
                continue
            self.generation = generation.encode()
            self._add(members)
        unknown = set(self._erased_digests()) - set(self.erased)  # of an earlier release
        if self.add_erased(dict.fromkeys(unknown, time.time())):
            self.erasures_changed.set()

    async def keep_written(self, path: Path) -> None:
        """Write the file whenever something was added, until cancelled."""

        def content() -> bytes:
            members = sorted(member.decode() for member in self._members)
            return orjson.dumps({"generation": self.generation.decode(), "members": members})

        risk = "a start without Redis would not know what users have hidden"
        await keep_written(path, self.changed, content, risk)

    async def run(self) -> None:
        """Follow the changes until cancelled; failures of the server are logged and retried."""
        await follow_streams(self._store, self, read_timeout=READ_TIMEOUT, max_pause=MAX_PAUSE)

    async def prepare(self, connection: Store) -> None:
        """Read the whole set, and notice a server that has lost it."""
        prefix, offset = self._prefix, self.offsets[self._log_key.encode()]
        await self.workers.confirm(connection, STREAM_START)
        read: list[tuple[CommandPart, ...]] = [
            ("MGET", *self._state_keys),
            ("XRANGE", self._log_key, "-", "+", "COUNT", 1),
            ("XREVRANGE", self._log_key, "+", "-", "COUNT", 1),
            ("SMEMBERS", exclusions_key(prefix)),
        ]
        (generation, lost_since, changes), oldest, newest, stored = await connection.pipeline(
            "exclusions", read
        )
        if generation != self.generation or int(changes or 0) < self.stored_changes:
            await self._begin_generation(connection)
            lost_since = await connection.command("GET", lost_key(prefix))
            offset = STREAM_START
        self.stored_changes = int(changes or 0)
        self._note_loss(lost_since)
        if lost := self._members.difference(stored):
            with suppress(WriteRefusedError):  # this worker knows them
                await connection.command("SADD", exclusions_key(prefix), *lost)
        self._add(stored)
        await self._share_erased(connection)
        if not self.loaded.is_set():  # nothing was remembered before
            offset = newest[0][0] if newest else STREAM_START
        elif oldest and parse_id(oldest[0][0]) > parse_id(offset):
            self.last_known.clear()  # entries were trimmed before they were read
        self.offsets[self._log_key.encode()] = offset
        await self.workers.confirm(connection, offset)
        self._followed = time.monotonic()
        self.loaded.set()

    def apply_stream(self, _key: bytes, entries: Sequence[StreamEntry]) -> None:
        for name, fields in entries:
            self.change_count += 1
            self.last_known.forget(fields[1].decode())
            self._add(fields[3::2])
            erased = [member[1:].decode() for member in fields[3::2] if member[:1] == ERASED_USER]
            if self.add_erased(dict.fromkeys(erased, seconds_of(name))):
                self.erasures_changed.set()

    async def after_read(self, connection: Store, _longest: int) -> None:
        """Confirm what was read. A server that restarted in between can have lost its data."""
        generation, lost_since, changes = await connection.command("MGET", *self._state_keys)
        self._note_loss(lost_since)
        if generation != self.generation or int(changes or 0) < self.stored_changes:
            await self.prepare(connection)
        self.stored_changes = max(self.stored_changes, int(changes or 0))
        self._followed = time.monotonic()
        await self.workers.confirm(connection, self.offsets[self._log_key.encode()])

    def record_failure(self, error: StageError) -> None:
        log.warning("what users hide cannot be followed now: %s", error)

    async def _begin_generation(self, connection: Store) -> None:
        """Write or take over the generation of the store's data; restore what this worker knows."""
        prefix, key = self._prefix, generation_key(self._prefix)
        generation: bytes | None = await connection.command("GET", key)
        if generation is None:
            await connection.command("SET", key, uuid4().hex, "NX")
            generation = await connection.command("GET", key) or b""
        if self.generation and (self._members or self.last_known.has_data):
            log.error(
                "Redis at %s has lost the data of users, or is another server: until they are "
                "restored, lists leave out all that anybody has hidden or blocked. Restore a "
                "backup, or accept the loss with `recfunnel accept-loss`",
                connection.address,
            )
            await connection.command("SET", lost_key(prefix), time.time(), "NX")
            await self._restore_users(connection, generation)
        self.generation = generation
        self.changed.set()

    def _erased_digests(self) -> list[str]:
        return [member[1:].decode() for member in self._members if member[:1] == ERASED_USER]

    async def _share_erased(self, connection: Store) -> None:
        """Read when the users were erased, and write again the marks that the store has lost.

        A member without a mark, and without a time in this worker, is an erasure of now.
        """
        start = erased_key_start(self._prefix)
        digests = self._erased_digests()
        times: ErasedTimes = {}
        for first in range(0, len(digests), USERS_PER_RESTORE):
            some = digests[first : first + USERS_PER_RESTORE]
            gets: list[tuple[CommandPart, ...]] = [("GET", start + name) for name in some]
            marks = await connection.pipeline("erased", gets)
            for name, mark in zip(some, marks, strict=True):
                at = float(mark) if mark else self.erased.get(name, time.time())
                times[name] = max(at, self.erased.get(name, -math.inf))
            commands: list[tuple[CommandPart, ...]] = [
                ("SET", start + name, repr(times[name]))
                for name, mark in zip(some, marks, strict=True)
                if not mark or float(mark) < times[name]
            ]
            with suppress(WriteRefusedError):  # this worker knows them
                await connection.pipeline("erased", commands)
        if self.add_erased(times):
            self.erasures_changed.set()

    async def _restore_users(self, connection: Store, generation: bytes) -> None:
        """Write what this worker last knew of users. What was stored meanwhile stays."""
        users = list(self.last_known)
        for first in range(0, len(users), USERS_PER_RESTORE):
            commands: list[tuple[CommandPart, ...]] = []
            for user, reply in users[first : first + USERS_PER_RESTORE]:
                commands += restoring_commands(self._prefix, user, reply)
                commands.append(("SET", restored_key(self._prefix, user), generation))
            await connection.pipeline("restore", commands)

    def _note_loss(self, lost_since: bytes | None) -> None:
        self.lost_since = float(lost_since) if lost_since else None

    def _add(self, members: Sequence[bytes]) -> None:
        n_before = len(self._members)
        self._members.update(members)
        if len(self._members) > n_before:
            self._withheld = None
            self.changed.set()
