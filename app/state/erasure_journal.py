"""The durable record of erasures: who was erased and when, what is still to do, and receipts.

It is one SQLite file that all processes of a service share. What it has written survives the loss
of Redis and of power. An erased user is a digest; the id is stored only until the erasure is done,
because the user's keys cannot be found without it.
"""

import fcntl
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import orjson

from app.contracts import StageError
from app.state.private_files import create_private_file, make_private_folder
from app.state.user_store import user_digest

ErasedTimes: TypeAlias = dict[str, float]  # unix seconds by the user's digest
RemovedCounts: TypeAlias = dict[str, int]  # what was removed, and how many

FILE = "erasures.sqlite3"
LOCK_TIMEOUT = 5.0  # seconds to wait for another process that writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS erased (
    prefix TEXT, digest TEXT, at REAL, PRIMARY KEY (prefix, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasures (
    id TEXT PRIMARY KEY, prefix TEXT, digest TEXT, user TEXT, at REAL, cutoff REAL,
    finished REAL, archived REAL, removed TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unfinished ON erasures (prefix) WHERE finished IS NULL;
CREATE INDEX IF NOT EXISTS unarchived ON erasures (prefix, at) WHERE archived IS NULL;
"""
ADD_ERASED = """
INSERT INTO erased VALUES (?, ?, ?)
ON CONFLICT (prefix, digest) DO UPDATE SET at = max(at, excluded.at)
"""
ADD_ERASURE = """
INSERT INTO erasures (id, prefix, digest, user, at, removed) VALUES (?, ?, ?, ?, ?, '{}')
"""


class JournalError(StageError):
    """The file of erasures cannot be read or written. The text says what to do."""


@dataclass(frozen=True, slots=True)
class PendingErasure:
    """An erasure that has begun and is not finished in the store."""

    erasure_id: str
    user: str
    at: float  # unix seconds
    cutoff: float | None  # unix seconds by the store's clock; None: the user's keys still exist


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What is known of one erasure."""

    erasure_id: str
    digest: str  # of the user
    at: float  # unix seconds
    finished: float | None  # when it was done in the store, unix seconds
    archived: float | None  # when the archive was last searched for the user, unix seconds
    removed: Mapping[str, int]


class ErasureJournal:
    """The erasures of the services of one key prefix. Its methods block: call them in a thread."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.path = folder / FILE
        self._prefix = prefix

    def begin(self, user: str, at: float) -> str:
        """Record that a user is erased from now on; return the id of the erasure.

        Raises:
            JournalError: it was not recorded.
        """
        erasure_id, digest = uuid4().hex, user_digest(user)
        with self._writing() as database:
            database.execute(ADD_ERASED, (self._prefix, digest, at))
            database.execute(ADD_ERASURE, (erasure_id, self._prefix, digest, user, at))
        return erasure_id

    def add_erased(self, times: Mapping[str, float]) -> None:
        """Record users whom a service on another machine has erased.

        Raises:
            JournalError: they were not recorded.
        """
        with self._writing() as database:
            rows = [(self._prefix, digest, at) for digest, at in times.items()]
            database.executemany(ADD_ERASED, rows)

    def add_removed(self, erasure_id: str, removed: Mapping[str, int], cutoff: float) -> None:
        """Record that a user's keys are removed; older entries of streams are still to remove.

        Raises:
            JournalError: it was not recorded.
        """
        with self._writing() as database:
            counts = _merged(database, erasure_id, removed)
            database.execute(
                "UPDATE erasures SET removed = ?, cutoff = coalesce(cutoff, ?) WHERE id = ?",
                (counts, cutoff, erasure_id),
            )

    def finish(self, erasure_id: str, removed: Mapping[str, int], now: float) -> None:
        """Record that an erasure is done in the store, and drop the user's id.

        Raises:
            JournalError: it was not recorded.
        """
        with self._writing() as database:
            counts = _merged(database, erasure_id, removed)
            database.execute(
                "UPDATE erasures SET removed = ?, finished = ?, user = NULL WHERE id = ?",
                (counts, now, erasure_id),
            )

    def mark_archived(self, begun_before: float, now: float) -> None:
        """Record that the archive has no rows of users whose erasure began before a time.

        Raises:
            JournalError: it was not recorded.
        """
        query = "SELECT id FROM erasures WHERE prefix = ? AND at <= ? AND archived IS NULL"
        if rows := self._read(query, self._prefix, begun_before):
            with self._writing() as database:
                marks = [(now, erasure_id) for (erasure_id,) in rows]
                database.executemany("UPDATE erasures SET archived = ? WHERE id = ?", marks)

    def reopen(self, user: str, at: float) -> None:
        """Record that an erasure must be done again, of a user whose data came back.

        Raises:
            JournalError: it was not recorded.
        """
        with self._writing() as database:
            database.execute(ADD_ERASURE, (uuid4().hex, self._prefix, user_digest(user), user, at))

    def copy_to(self, path: Path) -> None:
        """Write a copy of the file, of one moment, if there is a file.

        Raises:
            JournalError: the file cannot be read, or the copy not be written.
        """
        if not self.path.exists():
            return
        try:
            create_private_file(path)
            with (
                closing(sqlite3.connect(self.path, timeout=LOCK_TIMEOUT)) as database,
                closing(sqlite3.connect(path)) as copy,
            ):
                database.backup(copy)
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def add_from(self, path: Path) -> None:
        """Take over the records of another file, of all prefixes. The later erasure counts.

        Raises:
            JournalError: one of the files cannot be used.
        """
        other = ErasureJournal(path.parent, self._prefix)
        other.path = path
        erased = other._read("SELECT prefix, digest, at FROM erased")
        rows = other._read("SELECT * FROM erasures")
        with self._writing() as database:
            database.executemany(ADD_ERASED, erased)
            marks = ", ".join("?" * 9)
            database.executemany(f"INSERT OR IGNORE INTO erasures VALUES ({marks})", rows)  # noqa: S608

    def erased(self) -> ErasedTimes:
        """Return when each user was last erased, by digest.

        Raises:
            JournalError: the file is there and cannot be read.
        """
        query = "SELECT digest, at FROM erased WHERE prefix = ?"
        return dict(self._read(query, self._prefix))

    def pending(self) -> list[PendingErasure]:
        """Return the erasures that are not finished, the oldest first.

        Raises:
            JournalError: the file is there and cannot be read.
        """
        query = (
            "SELECT id, user, at, cutoff FROM erasures "
            "WHERE prefix = ? AND finished IS NULL ORDER BY at"
        )
        return [PendingErasure(*row) for row in self._read(query, self._prefix)]

    def receipt(self, erasure_id: str) -> ErasureReceipt | None:
        """Return what is known of an erasure; None if there is none with this id.

        Raises:
            JournalError: the file is there and cannot be read.
        """
        query = (
            "SELECT id, digest, at, finished, archived, removed FROM erasures "
            "WHERE prefix = ? AND id = ?"
        )
        rows = self._read(query, self._prefix, erasure_id)
        if not rows:
            return None
        name, digest, at, finished, archived, removed = rows[0]
        return ErasureReceipt(name, digest, at, finished, archived, orjson.loads(removed))

    def version(self) -> int:
        """Return a number that changes with the file; 0 if there is none."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    @contextmanager
    def claiming(self) -> Iterator[bool]:
        """Yield whether this process alone may finish erasures now."""
        try:
            make_private_folder(self.path.parent)
            path = self.path.with_suffix(".lock")
            create_private_file(path)
            lock = path.open("a")
        except OSError as error:
            raise self._error(error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction that is on the disk when the context ends."""
        try:
            make_private_folder(self.path.parent)
            create_private_file(self.path)
            database = sqlite3.connect(self.path, timeout=LOCK_TIMEOUT, isolation_level=None)
            with closing(database):
                database.executescript("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
                database.execute("BEGIN IMMEDIATE")
                for statement in filter(str.strip, SCHEMA.split(";")):
                    database.execute(statement)
                yield database
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def _read(self, query: str, *values: str | float) -> list[Any]:
        try:
            if not self.path.exists() or not self.path.stat().st_size:
                return []
            # Not mode=ro: the first reader undoes what a killed process left half-written.
            address = f"{self.path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, timeout=LOCK_TIMEOUT, uri=True)) as database:
                return database.execute(query, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> JournalError:
        return JournalError(
            f"the file of erased users {self.path.absolute()} cannot be used ({error}): make its "
            "folder writable, or set RECFUNNEL_STATE to one that is. If the file is damaged, "
            "restore it from a backup"
        )


def _merged(database: sqlite3.Connection, erasure_id: str, removed: Mapping[str, int]) -> str:
    """Return the counts of an erasure with these ones, as JSON; the larger number counts.

    What one process removed, another one finds no more.
    """
    query = "SELECT removed FROM erasures WHERE id = ?"
    counts: RemovedCounts = orjson.loads(database.execute(query, (erasure_id,)).fetchone()[0])
    larger = {name: max(n, counts.get(name, 0)) for name, n in removed.items()}
    return orjson.dumps(counts | larger).decode()
