"""Records the metrics of the service; ``app.observe.metric_families`` declares them.

One ``Metrics`` lives in each worker. With several workers ``PROMETHEUS_MULTIPROC_DIR`` must name
a fresh folder before this module is imported; a scrape of any worker then answers for all.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from typing_extensions import override

from app.deadline import StageResult
from app.observe.metric_families import FAMILIES, Family


class WorkersCollector(MultiProcessCollector):
    """Merges the workers' files; gauges of workers that have ended do not count.

    Nobody reports a worker that was killed, so each scrape checks which processes are alive.
    """

    @override
    def collect(self) -> Iterable[Metric]:
        remove_dead_workers(Path(self._path))
        metrics: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return metrics


def remove_dead_workers(folder: Path) -> None:
    """Remove the live gauges of processes that have ended; their counters stay in the sums."""
    owners = {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}
    for process in owners:
        if not _is_alive(process):
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process exists and belongs to another user
        return True
    return True


MILLISECONDS = (
    *(0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 100),
    *(150, 250, 500, 1000),
)
BUCKETS = tuple(ms / 1000 for ms in MILLISECONDS)  # upper bounds, seconds; fine up to the budget
MAX_CHILDREN = 256  # per metric; label values beyond are counted as "other"
Child = TypeVar("Child", bound=Counter | Gauge | Histogram)


class _Children(dict[tuple[str, ...], Child], Generic[Child]):
    """A metric's label children: a plain dict look-up, bounded whatever callers send."""

    def __init__(self, family: Child) -> None:
        super().__init__()
        self._family: Any = family

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        if labels and len(self) >= MAX_CHILDREN:
            child: Child = self._family.labels(*("other" for _ in labels))
            return child
        self[labels] = self._family.labels(*labels) if labels else self._family
        return self[labels]


class Metrics:
    """The worker's metrics. Built at start-up; every method is cheap enough for every request."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._bundle = ""
        counters, gauges, histograms = (
            [one for one in FAMILIES if one.kind == kind]
            for kind in ("counter", "gauge", "histogram")
        )
        self._counters = {one.name: _Children(self._build(Counter, one)) for one in counters}
        self._gauges = {
            one.name: _Children(self._build(Gauge, one, multiprocess_mode=one.merge))
            for one in gauges
        }
        self._histograms = {
            one.name: _Children(self._build(Histogram, one, buckets=BUCKETS)) for one in histograms
        }

    def count(self, name: str, *labels: str, n: float = 1) -> None:
        """Add ``n`` to a counter. ``labels`` are the values of its family's labels, in order."""
        self._counters[name][labels].inc(n)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge. ``labels`` are the values of its family's labels, in order."""
        self._gauges[name][labels].set(value)

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Record one HTTP answer, whatever its status; ``seconds`` counts from arrival."""
        self._histograms["request_seconds"][route, str(status)].observe(seconds)

    def request_started(self) -> None:
        self._gauges["requests_in_flight"][()].inc()

    def request_ended(self) -> None:
        self._gauges["requests_in_flight"][()].dec()

    def record_stages(self, results: Sequence[StageResult]) -> None:
        """Record what each stage of one request did."""
        for done in results:
            self._histograms["stage_seconds"][done.stage, done.outcome].observe(done.seconds)
            if done.n_in:
                self._counters["stage_candidates_in"][done.stage,].inc(done.n_in)
            if done.n_out:
                self._counters["stage_candidates_out"][done.stage,].inc(done.n_out)

    def record_answer(
        self, degraded: Sequence[tuple[str, str]], fallback: str | None = None
    ) -> None:
        """Record one slate: its degradations as (stage, outcome), and its fallback.

        ``fallback`` is "impersonal" when no personal channel contributed, "popular" when the
        slate is the plain list of popular items, None when it is neither.
        """
        self._counters["answers"]["degraded" if degraded else "whole",].inc()
        for stage, outcome in degraded:
            self._counters["degraded"][stage, outcome].inc()
        if fallback:
            self._counters["fallbacks"][fallback,].inc()

    def set_bundle(self, version: str, created: float) -> None:
        """Set the bundle that this worker serves from now on; ``created`` in unix seconds."""
        if self._bundle:
            self._gauges["bundle_workers"][self._bundle,].set(0)
        self._bundle = version
        self._gauges["bundle_workers"][version,].set(1)
        self._gauges["bundle_created_timestamp_seconds"][()].set(created)

    def record_round_trip(self, command: str, seconds: float, outcome: str) -> None:
        """Record one Redis round trip; ``command`` is the code's word for its purpose."""
        self._histograms["redis_seconds"][command, outcome].observe(seconds)

    def scrape(self) -> bytes:
        """Return all metrics as Prometheus text, merged over the workers of this machine."""
        workers = CollectorRegistry()
        try:
            WorkersCollector(workers)  # type: ignore[no-untyped-call]
        except ValueError:  # no shared folder: this process is the only one
            return generate_latest(self._registry)
        return generate_latest(workers)

    def _build(self, metric: Callable[..., Child], family: Family, **options: Any) -> Child:
        name = f"recfunnel_{family.name}"
        return metric(name, family.meaning, family.labels, registry=self._registry, **options)
