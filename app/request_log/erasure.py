"""Removes a user from the served log: the answers to them, and those that knew them as a friend."""

from typing import Any

from app.request_log.answer_record import reply_from_json
from app.request_log.entry_codec import LogEntry, LogEntryError
from app.request_log.writer import request_log_key
from app.state.histories import friends_in_reply
from app.state.store import Store

PAGE = 500  # entries in one look, some 2 MB
WITHIN = 10.0  # seconds for one look


def concerns_user(entry: LogEntry, user: str) -> bool:
    """Say whether an entry is of this user, or of somebody whose friend they were."""
    said = reply_from_json(entry.head["said"])
    return entry.head["asked"]["user"] == user or user in friends_in_reply(said)


async def erase_log_entries(store: Store, prefix: str, user: str) -> int:
    """Delete the user's entries from the stream; gives how many there were.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """
    key, position, removed = request_log_key(prefix), "-", 0
    async with store.dedicated(WITHIN) as link:
        while entries := await link.command("XRANGE", key, position, "+", "COUNT", PAGE):
            gone = [name for name, fields in entries if _is_of(fields, user)]
            if gone:
                removed += int(await link.command("XDEL", key, *gone))
            position = f"({entries[-1][0].decode()}"
    return removed


def _is_of(fields: list[Any], user: str) -> bool:
    try:
        return concerns_user(LogEntry.unpack(fields[-1]), user)
    except (LogEntryError, KeyError, IndexError):
        return False
