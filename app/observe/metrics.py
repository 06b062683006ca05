"""Record the metrics of the service; ``app.observe.metric_families`` declares them.

One ``Metrics`` lives in each worker, and holds plain lists of numbers: a request only adds to them.
Workers of one machine share a folder, in which each keeps a file of its numbers. A scrape of any
worker adds up all files.
"""

import asyncio
import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from time import time
from typing import TypeAlias
from uuid import uuid4

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from typing_extensions import override

from app.deadline import StageResult
from app.observe.metric_families import FAMILIES, Family

MILLISECONDS = (
    *(0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 100),
    *(150, 250, 500, 1000),
)
BUCKETS = tuple(ms / 1000 for ms in MILLISECONDS)  # upper bounds, seconds; fine up to the budget
BUCKET_LABELS = (*map(floatToGoString, BUCKETS), "+Inf")
MAX_CHILDREN = 256  # per metric; label values beyond are counted as "other"
SHARE_INTERVAL = 0.5  # seconds between two writes of the file that the other workers read

Labels: TypeAlias = tuple[str, ...]
# Of a counter: its sum. Of a gauge: value, unix seconds when it was set. Of a histogram: the number
# of values in each bucket and above the last, and their sum.
Numbers: TypeAlias = list[float]
WIDTHS = {"counter": 1, "gauge": 2, "histogram": len(BUCKETS) + 2}
Snapshot: TypeAlias = dict[str, dict[Labels, Numbers]]  # by name of the family


class _Children(dict[Labels, Numbers]):
    """The numbers of one family by its label values, bounded whatever callers send."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self._zeros = [0.0] * WIDTHS[family.kind]
        if not family.labels:
            self[()] = self._zeros.copy()

    def __missing__(self, labels: Labels) -> Numbers:
        if len(self) >= MAX_CHILDREN:
            labels = ("other",) * len(labels)
        return self.setdefault(labels, self._zeros.copy())


class Metrics:
    """The worker's metrics. Built at start-up; every method is cheap enough for every request.

    ``folder`` is shared by the workers of this machine; None: this process is the only one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / f"{os.getpid()}-{uuid4().hex}.json" if folder else None
        self._bundle = ""
        self._families = {family.name: _Children(family) for family in FAMILIES}
        self._in_flight = self._families["requests_in_flight"][()]
        self._requests = self._families["request_seconds"]
        self._stages = self._families["stage_seconds"]
        self._candidates_in = self._families["stage_candidates_in"]
        self._candidates_out = self._families["stage_candidates_out"]
        self._round_trips = self._families["redis_seconds"]

    def count(self, name: str, *labels: str, n: float = 1) -> None:
        """Add ``n`` to a counter. ``labels`` are the values of its family's labels, in order."""
        self._families[name][labels][0] += n

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge. ``labels`` are the values of its family's labels, in order."""
        self._families[name][labels][:] = value, time()

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Record one HTTP answer, whatever its status; ``seconds`` counts from arrival."""
        _observe(self._requests[route, str(status)], seconds)

    def request_started(self) -> None:
        self._in_flight[0] += 1

    def request_ended(self) -> None:
        self._in_flight[0] -= 1

    def record_stages(self, results: Sequence[StageResult]) -> None:
        """Record what each stage of one request did."""
        for done in results:
            _observe(self._stages[done.stage, done.outcome], done.seconds)
            if done.n_in:
                self._candidates_in[done.stage,][0] += done.n_in
            if done.n_out:
                self._candidates_out[done.stage,][0] += done.n_out

    def record_answer(
        self, degraded: Sequence[tuple[str, str]], fallback: str | None = None
    ) -> None:
        """Record one slate: its degradations as (stage, outcome), and its fallback.

        ``fallback`` is "impersonal" when no personal channel contributed, "popular" when the
        slate is the plain list of popular items, None when it is neither.
        """
        self.count("answers", "degraded" if degraded else "whole")
        for stage, outcome in degraded:
            self.count("degraded", stage, outcome)
        if fallback:
            self.count("fallbacks", fallback)

    def numbers(self, name: str) -> Mapping[Labels, Numbers]:
        """Return the numbers of one family that this worker has counted, by label values."""
        return {labels: numbers.copy() for labels, numbers in self._families[name].items()}

    def set_bundle(self, version: str, created: float) -> None:
        """Set the bundle that this worker serves from now on; ``created`` in unix seconds."""
        if self._bundle:
            self.set("bundle_workers", 0, self._bundle)
        self._bundle = version
        self.set("bundle_workers", 1, version)
        self.set("bundle_created_timestamp_seconds", created)

    def record_round_trip(self, command: str, seconds: float, outcome: str) -> None:
        """Record one Redis round trip; ``command`` is the code's word for its purpose."""
        _observe(self._round_trips[command, outcome], seconds)

    async def keep_shared(self) -> None:
        """Write the file for the other workers regularly, until cancelled."""
        while self._file:
            await asyncio.to_thread(self.share)
            await asyncio.sleep(SHARE_INTERVAL)

    def share(self) -> None:
        """Write the file for the other workers. A reader finds the old one or the new one."""
        if self._file:
            content = {name: list(each.items()) for name, each in self._snapshot().items()}
            unfinished = self._file.with_suffix(".new")
            unfinished.write_bytes(orjson.dumps(content))
            unfinished.replace(self._file)

    def scrape(self) -> bytes:
        """Return all metrics as Prometheus text, merged over the workers of this machine."""
        others = list(self._file.parent.glob("*.json")) if self._file else []
        snapshots = [
            self._snapshot(),
            *(_read_snapshot(path) for path in others if path != self._file),
        ]
        registry = CollectorRegistry()
        registry.register(_Merged(snapshots))
        return generate_latest(registry)

    def _snapshot(self) -> Snapshot:
        """Return the numbers as of now, for another thread: a request may add labels meanwhile."""
        return {name: dict(children) for name, children in self._families.items()}


def _observe(histogram: Numbers, value: float) -> None:
    histogram[bisect_left(BUCKETS, value)] += 1
    histogram[-1] += value


def _read_snapshot(path: Path) -> Snapshot:
    """Read the file of another worker; a worker that has ended has no gauges.

    Nobody reports a worker that was killed, so each scrape checks which processes are alive.
    """
    is_alive = is_process_alive(int(path.stem.partition("-")[0]))
    kept = [family.name for family in FAMILIES if is_alive or family.kind != "gauge"]
    content = orjson.loads(path.read_bytes())
    return {name: {tuple(labels): values for labels, values in content[name]} for name in kept}


def is_process_alive(process: int) -> bool:
    """Return whether a process of this machine runs, whoever owns it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process exists and belongs to another user
        return True
    return True


class _Merged(Collector):
    """The sum of the workers' metrics, in the form that Prometheus' client prints."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots

    @override
    def collect(self) -> Iterable[Metric]:
        for family in FAMILIES:
            by_labels: dict[Labels, list[Numbers]] = {}
            for snapshot in self._snapshots:
                for labels, numbers in snapshot.get(family.name, {}).items():
                    by_labels.setdefault(labels, []).append(numbers)
            yield _metric(family, by_labels)


def _metric(family: Family, by_labels: dict[Labels, list[Numbers]]) -> Metric:
    """Build the samples of a family from the numbers of each worker."""
    name, meaning, names = f"recfunnel_{family.name}", family.meaning, family.labels
    if family.kind == "gauge":
        gauge = GaugeMetricFamily(name, meaning, labels=names)
        for labels, workers in by_labels.items():
            gauge.add_metric(labels, _merge_gauge(family.merge, workers))
        return gauge
    sums = {
        labels: [sum(n) for n in zip(*workers, strict=True)]
        for labels, workers in by_labels.items()
    }
    if family.kind == "counter":
        counter = CounterMetricFamily(name, meaning, labels=names)
        for labels, (total,) in sums.items():
            counter.add_metric(labels, total)
        return counter
    histogram = HistogramMetricFamily(name, meaning, labels=names)
    for labels, (*counts, total) in sums.items():
        buckets = list(zip(BUCKET_LABELS, accumulate(counts), strict=True))
        histogram.add_metric(labels, buckets, total)
    return histogram


def _merge_gauge(merge: str, workers: Sequence[Numbers]) -> float:
    if merge == "livemostrecent":
        return max(workers, key=itemgetter(1))[0]
    values = [value for value, _ in workers]
    return max(values) if merge == "livemax" else sum(values)
