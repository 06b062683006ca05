"""The stream of the request log: write every answer after it was sent, erase a user's entries."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeAlias

from app.request_log.answer_record import AnswerRecord, LogEntry, LogEntryError, reply_from_json
from app.state.erasure import Cutoffs, delete_entries
from app.state.histories import friends_in_reply
from app.state.store import CommandPart, Store
from app.state.streams import StreamEntry, seconds_of
from app.state.write_queue import WriteQueue

CAPACITY = 1_024  # answers that wait to be packed, about 30 kB each
PACKED_CAPACITY = 4_096  # packed answers that wait to be written, about 5 kB each
BATCH_SIZE = 64  # entries in one round trip
PACKED_AT_A_TIME = 16  # a thread needs Python's lock for 0.2 ms an answer, and requests wait for it

PackedAnswer: TypeAlias = tuple[CommandPart, ...]  # names and values of an entry's fields


def request_log_key(prefix: str) -> str:
    """Return the key of the stream of answers."""
    return f"{prefix}:served"


class RequestLog:
    """A bounded queue of answers, packed and written in batches. ``run`` it as a task."""

    def __init__(self, store: Store, prefix: str, share: float, limit: int) -> None:
        self.limit = limit  # entries that the stream keeps, about
        self.capacity = CAPACITY
        self._share = share
        self._store = store
        self.key = request_log_key(prefix)
        self._queue: deque[AnswerRecord] = deque()
        self._overflow = 0  # answers that found a queue full
        self.packed: WriteQueue[PackedAnswer] = WriteQueue(
            "entries of the request log", PACKED_CAPACITY, BATCH_SIZE, self._write, self._pack
        )

    def __len__(self) -> int:
        return len(self._queue) + len(self.packed)

    @property
    def dropped(self) -> int:
        """The answers that found a queue full, or could not be written at the end."""
        return self._overflow + self.packed.dropped

    def is_sampled(self, seed: int) -> bool:
        """Return whether the request with this seed, 32 bits, belongs to the logged share."""
        return seed < self._share * 2**32

    def add_answer(self, answer: AnswerRecord) -> None:
        """Queue an answer; returns at once and never fails."""
        if len(self._queue) >= self.capacity:
            self._overflow += 1
            return
        self._queue.append(answer)
        self.packed.wake()

    async def run(self) -> None:
        await self.packed.run()

    async def close(self) -> None:
        await self.packed.close()

    async def _pack(self) -> None:
        """Pack the answers on a thread, which releases Python's lock while it compresses."""
        while self._queue:
            room = self.packed.capacity - len(self.packed)
            if room <= 0:
                self._overflow += len(self._queue)
                self._queue.clear()
                return
            batch = list(islice(self._queue, min(room, PACKED_AT_A_TIME)))
            for answer in await asyncio.to_thread(_pack_all, batch):
                self._queue.popleft()  # only now: cancelled work is done again at the end
                self.packed.add(answer)

    async def _write(self, batch: Sequence[PackedAnswer]) -> None:
        stream = ("XADD", self.key, "MAXLEN", "~", self.limit, "*")
        await self._store.pipeline("served", [(*stream, *fields) for fields in batch])


def _pack_all(answers: Sequence[AnswerRecord]) -> list[PackedAnswer]:
    return [
        ("r", answer.request_id, "u", answer.request.user, "e", answer.log_entry().pack())
        for answer in answers
    ]


PAGE = 50  # entries in one read, about 200 kB: unpacking them takes some milliseconds
READ_TIMEOUT = 10.0  # seconds for one read


async def erase_log_entries(store: Store, prefix: str, cutoffs: Cutoffs) -> Counter[str]:
    """Delete the answers to users, and to those who have them as friends.

    Args:
        store: to read and to write.
        prefix: of all keys.
        cutoffs: the users, and the time up to which answers to them are deleted, unix seconds.

    Returns:
        The number of deleted entries of each user.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """

    def find_users(entries: Sequence[StreamEntry]) -> list[str | None]:
        return [_erased_user(entry, cutoffs) for entry in entries]

    async with store.dedicated(READ_TIMEOUT) as connection:
        return await delete_entries(connection, request_log_key(prefix), find_users, PAGE)


def _erased_user(entry: StreamEntry, cutoffs: Cutoffs) -> str | None:
    """Return the user because of whom an entry is deleted."""
    user, at, friends = users_of_log_entry(entry)
    if user in cutoffs and at <= cutoffs[user]:
        return user
    return min(friends & set(cutoffs), default=None)


def users_of_log_entry(entry: StreamEntry) -> tuple[str, float, set[str]]:
    """Return the user of an answer, when it was made, unix seconds, and the user's friends.

    A damaged entry has its user's name, and when it was written.
    """
    name, fields = entry
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    user, at, friends = named.get(b"u", b"").decode(errors="replace"), seconds_of(name), set[str]()
    with suppress(LogEntryError, LookupError, TypeError, ValueError):
        head = LogEntry.unpack(fields[-1]).head
        user, at = head["request"]["user"], min(at, head["at"])
        friends = set(friends_in_reply(reply_from_json(head["raw_reply"])))
    return user, at, friends
