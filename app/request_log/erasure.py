"""Remove a user from the request log: the answers to the user, and those to the user's friends."""

from collections.abc import Sequence

from app.request_log.answer_record import reply_from_json
from app.request_log.entry_codec import LogEntry, LogEntryError
from app.request_log.writer import request_log_key
from app.state.erasure import delete_entries
from app.state.histories import friends_in_reply
from app.state.store import Store

PAGE = 500  # entries in one read, about 2 MB
READ_TIMEOUT = 10.0  # seconds for one read


def concerns_user(entry: LogEntry, user: str) -> bool:
    """Return whether an entry is about this user, or about somebody who has this user as friend."""
    friends = friends_in_reply(reply_from_json(entry.head["raw_reply"]))
    return entry.head["request"]["user"] == user or user in friends


async def erase_log_entries(store: Store, prefix: str, user: str) -> int:
    """Delete the user's entries from the stream; return how many there were.

    Raises:
        StageError: the store did not confirm it. Some may be removed; call again.
    """

    def is_of_user(fields: Sequence[bytes]) -> bool:
        try:
            return concerns_user(LogEntry.unpack(fields[-1]), user)
        except (LogEntryError, KeyError, IndexError):
            return False

    async with store.dedicated(READ_TIMEOUT) as connection:
        return await delete_entries(connection, request_log_key(prefix), is_of_user, PAGE)
