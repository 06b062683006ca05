"""Lists that were shown before their user was erased, and were written after it."""

import time

import numpy as np
import orjson
import polars as pl
import pytest
import redis

from app.request_log.answer_record import ARRAY_NAMES, LogEntry
from app.request_log.writer import request_log_key
from app.state.event_codec import impressions_key
from app.state.store import Store
from app.state.user_store import erased_key
from app.state.write_queue import ImpressionWriter
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import DTYPES, IMPRESSIONS, REQUEST_LOG
from offline.commands.archive import archive
from tests.serving import leisurely


@pytest.fixture
def settings(redis_url, tmp_path):
    return leisurely(out=tmp_path, redis_url=redis_url)


def served(request, at):
    """A logged answer without items to the user."""
    head = {"request_id": request, "at": at, "bundle": "b", "variant": "control", "items": []}
    request_fields = {"user": "gone", "scene": "home"}
    arrays = {
        name: np.zeros((0,) if n < 3 else (0, 1), kind)
        for n, (name, kind) in enumerate(zip(ARRAY_NAMES, DTYPES, strict=True))
    }
    return LogEntry(
        head | {"request": request_fields, "raw_reply": [[], [None] * 4, []]}, arrays
    ).pack()


def requests(settings, client):
    """The lists that streams and archive have, by stream."""
    prefix, folder = settings.key_prefix, archive_folder(settings.out)
    files = (StreamFiles(folder / stream.name, stream) for stream in (IMPRESSIONS, REQUEST_LOG))
    archived = [pl.concat(one.read())["request_id"].to_list() for one in files]
    shown = [orjson.loads(fields[b"e"])[0] for _, fields in client.xrange(impressions_key(prefix))]
    packed = [fields[b"e"] for _, fields in client.xrange(request_log_key(prefix))]
    return archived, [shown, [LogEntry.unpack(one).head["request_id"] for one in packed]]


def test_a_list_shown_before_the_erasure_is_removed_although_it_is_written_later(settings):
    prefix, erased = settings.key_prefix, time.time()
    with redis.Redis.from_url(settings.redis_url) as client:
        client.set(erased_key(prefix, "gone"), repr(erased))
        archive(settings, once=True)  # it records the erasure
        for request, at in (("before", erased - 2.0), ("after", erased + 0.001)):
            client.xadd(
                impressions_key(prefix), {"e": orjson.dumps([request, "gone", ["i"], "", at])}
            )
            client.xadd(request_log_key(prefix), {"e": served(request, at)})
        archive(settings, once=True)
        assert requests(settings, client) == ([["after"], ["after"]], [["after"], ["after"]])


async def test_an_impression_contains_its_time(settings):
    began = time.time()
    async with Store.connect(settings.redis_url) as store:
        impressions = ImpressionWriter(store, settings.key_prefix)
        impressions.add_list("r", "u", ["i"], "home")
        queued = time.time()
        await impressions.close()
    archive(settings, once=True)
    (row,) = pl.concat(
        StreamFiles(archive_folder(settings.out) / "shown", IMPRESSIONS).read()
    ).to_dicts()
    assert began <= row["at"] <= queued
    assert row["scene"] == "home"
