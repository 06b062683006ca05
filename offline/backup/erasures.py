"""Erase again who was erased after a backup, when the backup is restored.

The journal has digests of erased users alone. So the ids in the restored data are compared by
their digests: of the users who have keys, of streams, of friends, in the context of events, and in
the indexes of Gorse's feedback, which are restored without them.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import unquote

import orjson

from app.request_log.writer import users_of_log_entry
from app.service.erasure_runner import finish_erasures
from app.state.erasure_journal import ErasedTimes, ErasureJournal
from app.state.event_codec import user_and_context
from app.state.gorse_feedback import has_indexed_users, indexed_user
from app.state.store import Store
from app.state.user_store import user_digest

CLOCKS = 60.0  # seconds by which the clocks of two machines may differ
READ_TIMEOUT = 10.0  # seconds for one reply of the server
RETRY = 0.2  # seconds until the next look at what is left


def erased_since(times: Mapping[str, float], began: float) -> ErasedTimes:
    """Return the users, by digest, who were erased after a backup began."""
    return {digest: at for digest, at in times.items() if at > began - CLOCKS}


@dataclass(slots=True, eq=False)
class UserFinder:
    """Finds the ids of erased users in the commands of a backup that pass by."""

    erased: ErasedTimes
    prefix: str
    users: dict[str, float] = field(default_factory=dict, init=False)  # id: time of the erasure
    _seen: set[str] = field(default_factory=set, init=False)

    def watch(self, commands: Iterable[Sequence[bytes]]) -> Iterator[Sequence[bytes]]:
        """Yield the commands, and note the users that they name.

        Erased users are left out of the indexes of feedback. Otherwise the commands stay as they
        are.
        """
        if not self.erased:
            yield from commands
            return
        stem = f"{self.prefix}:u:{{"
        for command in commands:
            if has_indexed_users(self.prefix, command[1]):
                yield from self._without_erased(command)
                continue
            yield command
            key = command[1].decode(errors="replace")
            if key.startswith(stem):
                user, _, part = key[len(stem) :].rpartition("}:")
                self._note([unquote(user)])
                if part == "f":
                    self._note(_friends(command[2]))
            elif command[0] == b"XADD":
                self._note(_users_of_entry(command[2], command[3:]))

    def _without_erased(self, command: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """Yield the command that writes an index, unless nobody is left of it."""
        width = 2 if command[0] == b"ZADD" else 1  # a score stands before each member
        kept = list(command[:2])
        for at in range(2, len(command), width):
            user = indexed_user(command[at + width - 1])
            self._note([user])
            if user not in self.users:
                kept += command[at : at + width]
        if len(kept) > 2:  # noqa: PLR2004 - the name of the command and the key
            yield kept

    def _note(self, users: Iterable[str]) -> None:
        for user in users:
            if user not in self._seen:
                self._seen.add(user)
                if at := self.erased.get(user_digest(user)):
                    self.users[user] = at


def _friends(stored: bytes) -> list[str]:
    try:
        friends = orjson.loads(stored)
    except orjson.JSONDecodeError:
        return []
    return [each for each in friends if isinstance(each, str)] if isinstance(friends, list) else []


def _users_of_entry(name: bytes, fields: Sequence[bytes]) -> Iterator[str]:
    """Yield the users whom an entry of a stream may name. The request log has a field for them."""
    if b"u" in fields[::2]:
        user, _, friends = users_of_log_entry((name, list(fields)))
        yield from (user, *friends)
    elif fields:
        owner, context = user_and_context(fields[-1])
        yield from (each for each in chain([owner], context.values()) if isinstance(each, str))


def erase_again(url: str, prefix: str, journal: ErasureJournal, users: Mapping[str, float]) -> None:
    """Erase these users in the store, and finish what the journal has left to do.

    Raises:
        JournalError: the journal cannot be read or written.
        StageError: the store did not confirm it. The service finishes it.
    """
    for user, at in users.items():
        journal.reopen(user, at)
    while journal.pending():
        if asyncio.run(_finish(url, prefix, journal)):
            time.sleep(RETRY)


async def _finish(url: str, prefix: str, journal: ErasureJournal) -> bool:
    async with Store.connect(url, timeout=READ_TIMEOUT) as store:
        return await finish_erasures(store, prefix, journal)
