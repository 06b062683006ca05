import asyncio

import pytest

from app.contracts import StageError
from app.state.streams import StreamPages, count_unread, follow_streams, next_id, parse_id


def test_ids_are_ordered_by_time_and_number():
    assert parse_id(b"12-3") == parse_id("12-3") == (12, 3)
    assert parse_id("12") == (12, 0)
    assert next_id("12-9") == "12-10"
    assert parse_id("9-0") < parse_id("10-0") < parse_id("10-2") < parse_id("10-11")


@pytest.mark.parametrize(
    ("backwards", "first", "second"),
    [
        (False, ("XRANGE", "k", "-", "+"), ("XRANGE", "k", "(2-0", "+")),
        (True, ("XREVRANGE", "k", "+", "-"), ("XREVRANGE", "k", "(2-0", "-")),
    ],
)
def test_a_page_begins_behind_the_last_one(backwards, first, second):
    pages = StreamPages("k", 7, backwards=backwards)
    assert pages.command() == (*first, "COUNT", 7)
    pages.advance([(b"1-0", []), (b"2-0", [])])
    assert pages.command() == (*second, "COUNT", 7)
    pages.advance([])
    assert pages.command() == (*second, "COUNT", 7)


@pytest.mark.parametrize(
    ("added", "length", "entries_read", "expected"),
    [(9, 9, 4, (5, 0)), (9, 6, 4, (5, 0)), (9, 3, 4, (3, 2)), (9, 9, 9, (0, 0)), (0, 0, 0, (0, 0))],
)
def test_unread_and_lost_entries_are_told_apart(added, length, entries_read, expected):
    assert count_unread(added, length, entries_read) == expected


class FailingStore:
    """A store whose reads succeed and fail as a list says; the end of the list cancels."""

    def __init__(self, *replies):
        self.replies = iter(replies)

    def dedicated(self, _timeout):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def command(self, *_):
        reply = next(self.replies, asyncio.CancelledError())
        if isinstance(reply, BaseException):
            raise reply
        return reply


class Recorder:
    def __init__(self):
        self.offsets, self.calls = {b"k": b"0-0"}, []

    async def prepare(self, _):
        self.calls.append("prepare")

    def apply_stream(self, key, entries):
        self.calls.append((key, len(entries)))

    async def after_read(self, _, longest):
        self.calls.append(longest)

    def record_failure(self, error):
        self.calls.append(str(error))


async def test_a_loop_prepares_again_after_a_failure_and_continues_at_its_offset():
    handler = Recorder()
    entries = [(b"1-0", []), (b"2-0", [])]
    store = FailingStore([(b"k", entries)], StageError("down"), None, [(b"k", entries[:1])])
    with pytest.raises(asyncio.CancelledError):
        await follow_streams(store, handler, read_timeout=1.0, max_pause=0.0)
    assert handler.calls == ["prepare", (b"k", 2), 2, "down", "prepare", 0, (b"k", 1), 1]
    assert handler.offsets == {b"k": b"1-0"}
