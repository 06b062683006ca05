"""Small counters, a store on a server of its own, and tasks that run beside a test."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from app.artifacts import HALF_LIVES, Popularity
from app.catalogue.ids import IdIndex
from app.contracts import StageError
from app.event_weights import EventWeights
from app.process.embedded_server import embedded_server
from app.state.counters import PopularityCounters
from app.state.event_codec import Event
from app.state.store import Store
from app.state.stream_consumer import StreamConsumer

IDS = IdIndex.of(["a", "b", "c"])
SHIFT = 1_000_000.0  # seconds from the data's time to the wall clock


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The URL of a server that a module has for itself, so that its tests may kill it."""
    with embedded_server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
async def store(url):
    """An empty store."""
    async with Store.connect(url, timeout=5.0) as store:
        await store.command("FLUSHALL")
        yield store


class StoreAround:
    """A store that passes everything on to another one."""

    def __init__(self, store):
        self.store = store

    def __getattr__(self, name):
        return getattr(self.store, name)

    @asynccontextmanager
    async def dedicated(self, seconds):
        async with self.store.dedicated(seconds) as connection:
            yield type(self)(connection)


class StoreThatFails(StoreAround):
    """A store whose pipelines fail while ``is_away``."""

    is_away = True

    async def pipeline(self, name, commands):
        if self.is_away:
            raise StageError("away")
        return await self.store.pipeline(name, commands)


def event(number, item="a", **fields):
    """A like of now, by a user of its own: repeats of one user within an hour count once."""
    defaults = {"user": f"u{number}", "type": "like", "timestamp": time.time()}
    return Event(event_id=f"e{number}", item=item, **(defaults | fields))


def counters(start=None, n=3, segments=0, **columns):
    """Counters without events, by the data's time; ``columns`` replaces parts of the bundle's."""
    empty = np.zeros((len(HALF_LIVES), n))
    base = {
        "at": time.time() - SHIFT if start is None else start,
        "counts": empty,
        "liked": empty,
        "first_seen": np.full(n, np.inf),
        "mean_value": np.zeros(n, np.float32),
    }
    return PopularityCounters(Popularity(**(base | columns)), segments=segments)


def consumer_of(store, **fields):
    return StreamConsumer(store, "t", counters(), IDS, EventWeights(), time_shift=SHIFT, **fields)


def event_counts(consumer):
    """How many events each item has."""
    return consumer.counters.counts[-1].tolist()


@asynccontextmanager
async def running(*workers):
    """Run these as tasks; check that they end at once when they are cancelled."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(tasks, timeout=0.5)  # though a read may block for longer
        assert not pending
        assert all(task.cancelled() for task in tasks)


async def until(condition):
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("the condition did not become true")


async def server_pid(store):
    info = await store.command("INFO", "server")
    return int(info.split(b"process_id:")[1].split()[0])


async def answers_again(store):
    """Wait on another connection, so that those of ``store`` are still the broken ones."""
    async with store.dedicated(1.0) as connection:
        for _ in range(400):
            with suppress(StageError):
                await connection.command("PING")
                return
            await asyncio.sleep(0.02)
    pytest.fail("the server did not come back")
