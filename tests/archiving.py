"""A stream of events, and the archive that it is drained into."""

from uuid import uuid4

import polars as pl
import pytest
import redis

from app.state.event_codec import Event, events_key
from offline.archive.drain import Drain
from offline.archive.files import StreamFiles
from offline.archive.streams import EVENTS

DAY = 86_400_000  # milliseconds


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def prefix():
    return f"archive-{uuid4().hex}"


def event(n, **known):
    return Event(event_id=f"e{n}", user=f"u{n % 7}", item=f"i{n % 5}", type="like", **known)


def add(client, prefix, *numbers, at=None):
    for n in numbers:
        name = "*" if at is None else f"{at}-{n}"
        client.xadd(events_key(prefix), {"e": event(n).stream_entry()}, id=name)


def drain(client, prefix, folder, keep=1_000_000):
    return Drain(client, prefix, EVENTS, StreamFiles(folder / "events", EVENTS), keep)


def ids(folder):
    tables = list(StreamFiles(folder / "events", EVENTS).read())
    return pl.concat(tables)["event_id"].to_list() if tables else []


def named(*numbers):
    return [f"e{n}" for n in numbers]
