"""Counters by the hour, kept in Redis for eight days: what the console shows of a day or a week.

Each worker adds what it has counted since its last write to one small hash an hour. A write that
Redis carried out and did not confirm is counted twice; nothing else can go wrong with the sums.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import time
from typing import TypeAlias

import orjson

from app.contracts import StageError
from app.observe.metrics import Metrics
from app.state.store import Store

HOUR = 3_600
INTERVAL = 60.0  # seconds between two writes of a worker
MAX_HOURS = 168  # a week
KEPT_SECONDS = (MAX_HOURS + 24) * HOUR
FAMILIES = (
    *("answers", "degraded", "events", "requests_rejected", "requests_refused"),
    *("lists_shown", "items_shown", "scene_events"),
)
SECONDS = "request_seconds"  # of lists that were answered; its label is the number of a bucket
LIST_ROUTE = "/recommend"

CounterName: TypeAlias = tuple[str, ...]  # the name of a metric, then the values of its labels
Counts: TypeAlias = Counter[CounterName]


def activity_key(prefix: str, hour: int) -> str:
    """Return the key of the counters of an hour; ``hour`` is its first second, unix time."""
    return f"{prefix}:activity:{hour}"


def count_activity(metrics: Metrics) -> Counts:
    """Return what a worker has counted since it started."""
    counts: Counts = Counter()
    for family in FAMILIES:
        for labels, (number,) in metrics.numbers(family).items():
            counts[family, *labels] += int(number)
    for (route, status), (*buckets, _) in metrics.numbers(SECONDS).items():
        if route == LIST_ROUTE and status == "200":
            counts += Counter({(SECONDS, str(n)): int(each) for n, each in enumerate(buckets)})
    return +counts


class ActivityRecorder:
    """Writes the counters of a worker once a minute. ``run`` it as a task."""

    def __init__(
        self, store: Store, prefix: str, metrics: Metrics, clock: Callable[[], float] = time
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._metrics = metrics
        self._clock = clock
        self._written: Counts = Counter()

    async def run(self) -> None:
        """Write regularly, until cancelled. What Redis does not take is written later."""
        while True:
            await asyncio.sleep(INTERVAL)
            with suppress(StageError):
                await self.write()

    async def write(self) -> None:
        """Add what is new to the counters of this hour."""
        counts = count_activity(self._metrics)
        new = counts - self._written
        if not new:
            return
        key = activity_key(self._prefix, hour_of(self._clock()))
        commands = [("HINCRBY", key, orjson.dumps(name), number) for name, number in new.items()]
        await self._store.pipeline("activity", [*commands, ("EXPIRE", key, KEPT_SECONDS)])
        self._written = counts

    def unwritten(self) -> Counts:
        """Return what this worker has counted since its last write."""
        return count_activity(self._metrics) - self._written

    async def read(self, hours: int) -> dict[int, Counts]:
        """Return the counters of the last hours by the first second of each, the oldest first.

        They include what this worker has not written yet, and lack that of other workers. Each hour
        is read alone and decoded in a thread, so that a week does not hold the event loop.
        """
        last = hour_of(self._clock())
        by_hour: dict[int, Counts] = {}
        for start in range(last - (hours - 1) * HOUR, last + 1, HOUR):
            command = ("HGETALL", activity_key(self._prefix, start))
            (reply,) = await self._store.pipeline("activity", [command])
            by_hour[start] = await asyncio.to_thread(decode, reply) if reply else Counter()
        by_hour[last] += self.unwritten()
        return by_hour


def hour_of(moment: float) -> int:
    """Return the first second of the hour of a moment, unix time."""
    return int(moment // HOUR) * HOUR


def decode(reply: Sequence[bytes]) -> Counts:
    """Read the hash of one hour."""
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return Counter({tuple(orjson.loads(name)): int(number) for name, number in pairs})


def by_labels(counts: Counts, family: str) -> Mapping[CounterName, int]:
    """Return the counters of one metric by its labels, the largest first."""
    of_family = {name[1:]: number for name, number in counts.items() if name[0] == family}
    return dict(sorted(of_family.items(), key=lambda pair: (-pair[1], pair[0])))
