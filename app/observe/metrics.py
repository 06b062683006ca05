"""What Prometheus is told: every metric of the service, defined once.

One ``Metrics`` lives in each worker. With several workers ``PROMETHEUS_MULTIPROC_DIR`` must name
a fresh folder before this module is imported; a scrape of any worker then answers for all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.deadline import StageResult
from app.observe.worker_metrics import WorkersCollector

MILLISECONDS = (
    *(0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 100),
    *(150, 250, 500, 1000),
)
BUCKETS = tuple(ms / 1000 for ms in MILLISECONDS)  # upper bounds, seconds; fine up to the budget
MAX_CHILDREN = 256  # per metric; label values beyond are counted as "other"
Child = TypeVar("Child", bound=Counter | Gauge | Histogram)


class _Children(dict[tuple[str, ...], Child], Generic[Child]):
    """A metric's label children: a plain dict look-up when hot, bounded whatever callers send."""

    def __init__(self, make: Callable[..., Child]) -> None:
        super().__init__()
        self._make: Callable[..., Child] = make

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        if len(self) >= MAX_CHILDREN:
            return self._make(*("other" for _ in labels))
        self[labels] = self._make(*labels)
        return self[labels]


class Metrics:
    """The worker's metrics. Built at start-up; every method is cheap enough for every request."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._bundle = ""
        self._request_families()
        self._funnel_families()
        self._state_families()
        self._archive_families()
        self._item_families()
        self._drift_families()

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Record one HTTP answer, whatever its status; ``seconds`` counts from arrival."""
        self._requests[route, str(status)].observe(seconds)

    def request_started(self) -> None:
        """Count a request in."""
        self._in_flight.inc()

    def request_ended(self) -> None:
        """Count a request out."""
        self._in_flight.dec()

    def count_rejected(self) -> None:
        """Count one request refused with 503 because too many were in flight."""
        self._rejected.inc()

    def record_stages(self, steps: Sequence[StageResult]) -> None:
        """Record what each stage of one request did."""
        for step in steps:
            self._stages[step.stage, step.outcome].observe(step.seconds)
            if step.n_in:
                self._entered[step.stage,].inc(step.n_in)
            if step.n_out:
                self._left[step.stage,].inc(step.n_out)

    def record_answer(
        self, degraded: Sequence[tuple[str, str]], fallback: str | None = None
    ) -> None:
        """Record one slate: its degradations as (stage, outcome), and the fallback it rests on.

        ``fallback`` is "impersonal" when no personal channel contributed, "popular" when the
        slate is the plain list of popular items, None when it is neither.
        """
        self._answers["degraded" if degraded else "whole",].inc()
        for stage, outcome in degraded:
            self._degraded[stage, outcome].inc()
        if fallback:
            self._fallbacks[fallback,].inc()

    def count_failed_side_effect(self, effect: str) -> None:
        """Count one side effect of an answer that failed; the answer was sent all the same."""
        self._failed_side_effects[effect,].inc()

    def set_bundle(self, version: str, created: float) -> None:
        """Say which bundle this worker serves from now on; ``created`` in unix seconds."""
        if self._bundle:
            self._serving[self._bundle,].set(0)
        self._bundle = version
        self._serving[version,].set(1)
        self._created.set(created)

    def count_refused_bundle(self) -> None:
        """Count one bundle that was not taken into service."""
        self._refused.inc()

    def record_round_trip(self, command: str, seconds: float, outcome: str) -> None:
        """Record one Redis round trip; ``command`` says what it was for, in the code's words."""
        self._round_trips[command, outcome].observe(seconds)

    def count_events(self, kind: str, outcome: str, n: int = 1) -> None:
        """Count ``n`` events of one type by what became of them."""
        self._events[kind, outcome].inc(n)

    def count_late_events(self, kind: str, n: int = 1) -> None:
        """Count ``n`` events of one type that were taken long after they happened."""
        self._late[kind,].inc(n)

    def count_dropped_impressions(self, n: int = 1) -> None:
        """Count shown slates that could not be logged."""
        self._dropped.inc(n)

    def count_dropped_log_entries(self, n: int = 1) -> None:
        """Count answers that could not be written to the served log."""
        self._unlogged.inc(n)

    def set_consumer_lag(self, seconds: float) -> None:
        """Say how far this worker's view of the event stream is behind."""
        self._lag.set(seconds)

    def set_archive_lag(self, stream: str, waiting: int, lost: int) -> None:
        """Say how many entries of a stream wait for the archiver, and how many it cannot have."""
        self._unarchived[stream,].set(waiting)
        self._archive_lost[stream,].set(lost)

    def count_item_change(self, change: str, outcome: str) -> None:
        """Count a change of an item by what became of it."""
        self._item_changes[change, outcome].inc()

    def set_live_items(self, taken: int, waiting: int) -> None:
        """Say how many items stand beside the bundle, and how many wait for a row."""
        self._live_items.set(taken)
        self._waiting_items.set(waiting)

    def set_drift(self, found: Mapping[str, float]) -> None:
        """Say how far each feature of what is served has moved from the bundle's."""
        for feature, index in found.items():
            self._drift[feature,].set(index)

    def set_bundle_age(self, seconds: float) -> None:
        """Say how long ago the bundle in service was made."""
        self._age.set(seconds)

    def scrape(self) -> bytes:
        """Give all metrics as Prometheus text, summed over the workers where there are several."""
        everyone = CollectorRegistry()
        try:
            WorkersCollector(everyone)  # type: ignore[no-untyped-call]
        except ValueError:  # no shared folder: this process is the only one
            return generate_latest(self._registry)
        return generate_latest(everyone)

    def _request_families(self) -> None:
        self._requests = self._histogram(
            "request_seconds",
            "Time from arrival to the answer, queueing included.",
            ("route", "status"),
        )
        self._in_flight = Gauge(
            "recfunnel_requests_in_flight",
            "Requests being answered now.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._rejected = self._count("requests_rejected", "Refused with 503 under overload.")

    def _funnel_families(self) -> None:
        self._stages = self._histogram(
            "stage_seconds", "Time spent in one stage of one request.", ("stage", "outcome")
        )
        self._entered = self._counters("stage_candidates_in", "Candidates given to it.", "stage")
        self._left = self._counters("stage_candidates_out", "Candidates it let through.", "stage")
        self._answers = self._counters("answers", "Slates answered, whole or degraded.", "kind")
        self._degraded = self._counters(
            "degraded", "Slates that lack a stage's part, by why.", "stage", "outcome"
        )
        self._fallbacks = self._counters(
            "fallbacks", "Slates without personal channels, or merely popular.", "kind"
        )
        self._failed_side_effects = self._counters(
            "side_effects_failed", "Side effects of answers that failed, by effect.", "effect"
        )

    def _state_families(self) -> None:
        serving = Gauge(
            "recfunnel_bundle_workers",
            "Workers that serve this bundle.",
            ("version",),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._serving: _Children[Gauge] = _Children(serving.labels)
        self._created = Gauge(
            "recfunnel_bundle_created_timestamp_seconds",
            "When the bundle taken into service last was made, unix seconds.",
            registry=self._registry,
            multiprocess_mode="livemostrecent",
        )
        self._refused = self._count("bundle_refused", "Bundles not taken into service.")
        self._round_trips = self._histogram(
            "redis_seconds", "Time of one Redis round trip.", ("command", "outcome")
        )
        self._events = self._counters(
            "events", "Events received, by what became of them.", "type", "outcome"
        )
        self._late = self._counters("events_late", "Events taken long after they happened.", "type")
        self._dropped = self._count("impressions_dropped", "Shown slates that were not logged.")
        self._unlogged = self._count("served_dropped", "Answers that the served log lacks.")
        self._lag = Gauge(
            "recfunnel_follower_lag_seconds",
            "How far the slowest worker is behind the event stream.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )

    def _archive_families(self) -> None:
        waiting, lost = (
            Gauge(
                f"recfunnel_{name}",
                text,
                ("stream",),
                registry=self._registry,
                multiprocess_mode="livemostrecent",
            )
            for name, text in (
                ("archive_waiting", "Entries of the stream that the archiver has not read yet."),
                ("archive_lost", "Entries trimmed before the archiver read them."),
            )
        )
        self._unarchived: _Children[Gauge] = _Children(waiting.labels)
        self._archive_lost: _Children[Gauge] = _Children(lost.labels)

    def _item_families(self) -> None:
        self._item_changes = self._counters(
            "item_changes", "Changes of items, by what became of them.", "change", "outcome"
        )
        self._live_items = self._largest(
            "live_items", "Items that stand beside the bundle in spare rows."
        )
        self._waiting_items = self._largest("waiting_items", "Items that wait for a spare row.")

    def _drift_families(self) -> None:
        drift = Gauge(
            "recfunnel_drift_psi",
            "Population stability index of what is served against the bundle's.",
            ("feature",),
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._drift: _Children[Gauge] = _Children(drift.labels)
        self._age = self._largest(
            "bundle_age_seconds", "How long ago the bundle in service was made."
        )

    def _largest(self, name: str, text: str) -> Gauge:
        return Gauge(
            f"recfunnel_{name}", text, registry=self._registry, multiprocess_mode="livemax"
        )

    def _histogram(self, name: str, text: str, labels: tuple[str, ...]) -> _Children[Histogram]:
        family = Histogram(
            f"recfunnel_{name}", text, labels, buckets=BUCKETS, registry=self._registry
        )
        return _Children(family.labels)

    def _counters(self, name: str, text: str, *labels: str) -> _Children[Counter]:
        return _Children(Counter(f"recfunnel_{name}", text, labels, registry=self._registry).labels)

    def _count(self, name: str, text: str) -> Counter:
        return Counter(f"recfunnel_{name}", text, registry=self._registry)
