"""Counters by the hour: what is written of them, and how they are read."""

import pytest

from app.api.activity import quantile_ms
from app.contracts import StageError
from app.observe.activity import (
    HOUR,
    MAX_HOURS,
    SECONDS,
    ActivityRecorder,
    activity_key,
    by_labels,
    count_activity,
    decode,
    hour_of,
)
from app.observe.metrics import BUCKETS, Metrics

NOON = 1_800_000_000 // HOUR * HOUR


class Hashes:
    """A store of hashes alone, that may be down."""

    def __init__(self):
        self.by_key = {}
        self.is_down = False

    async def pipeline(self, _name, commands):
        if self.is_down:
            raise StageError("down")
        return [self.run(*command) for command in commands]

    def run(self, command, key, *arguments):
        hashed = self.by_key.setdefault(key, {})
        if command == "HINCRBY":
            field, number = arguments
            hashed[field] = hashed.get(field, 0) + number
        if command == "HGETALL":
            return [part for field, n in hashed.items() for part in (field, str(n).encode())]
        return None


@pytest.fixture
def store():
    return Hashes()


@pytest.fixture
def metrics():
    return Metrics()


def recorder(store, metrics, at=NOON):
    return ActivityRecorder(store, "p", metrics, clock=lambda: at)


async def test_only_what_is_new_is_added(store, metrics):
    one, other = recorder(store, metrics), recorder(store, Metrics())
    metrics.count("answers", "whole", n=3)
    await one.write()
    metrics.count("answers", "whole")
    await one.write()
    await one.write()
    (written,) = store.by_key.values()
    assert written == {b'["answers","whole"]': 4}
    assert await other.read(1) == {NOON: {("answers", "whole"): 4}}


async def test_what_the_store_did_not_take_is_written_later(store, metrics):
    one = recorder(store, metrics)
    metrics.count("events", "click", "accepted", n=2)
    store.is_down = True
    with pytest.raises(StageError):
        await one.write()
    store.is_down = False
    await one.write()
    assert by_labels(decode(await _reply(store)), "events") == {("click", "accepted"): 2}


async def _reply(store):
    (reply,) = await store.pipeline("", [("HGETALL", activity_key("p", NOON))])
    return reply


async def test_a_worker_sees_at_once_what_it_has_not_written(store, metrics):
    one = recorder(store, metrics, NOON + 100)
    metrics.count("answers", "degraded")
    by_hour = await one.read(3)
    assert list(by_hour) == [NOON - 2 * HOUR, NOON - HOUR, NOON]
    assert by_hour[NOON]["answers", "degraded"] == 1
    assert not by_hour[NOON - HOUR]


async def test_hours_are_read_one_after_the_other(store, metrics):
    n_commands = []
    carry_out = store.pipeline

    async def pipeline(name, commands):
        n_commands.append(len(commands))
        return await carry_out(name, commands)

    store.pipeline = pipeline
    await recorder(store, metrics).read(MAX_HOURS)
    assert n_commands == [1] * MAX_HOURS


def test_times_of_answered_lists_alone_are_counted(metrics):
    metrics.record_request("/recommend", 200, 0.004)
    metrics.record_request("/recommend", 503, 0.004)
    metrics.record_request("/recommend?preview=true", 200, 0.004)
    counts = count_activity(metrics)
    assert sum(n for name, n in counts.items() if name[0] == SECONDS) == 1
    assert quantile_ms(counts, 0.5) == pytest.approx(4.0)  # the middle of 3 to 5 ms


def test_a_quantile_is_the_last_bound_where_lists_took_longer(metrics):
    assert quantile_ms(count_activity(metrics), 0.99) is None
    metrics.record_request("/recommend", 200, 7.0)
    assert quantile_ms(count_activity(metrics), 0.99) == BUCKETS[-1] * 1000


def test_an_hour_begins_on_the_hour():
    assert hour_of(NOON + HOUR - 0.001) == NOON
