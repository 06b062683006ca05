"""Live popularity in this worker: decayed counts, impressions, and when items were first seen.

The counters start from the bundle's ``Popularity``. One writer updates them: the stream consumer,
or the offline job. Any number of readers may read them. Nothing here is per user, and nothing
is read from Redis during a request.
"""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, HALF_LIVES, Models, Popularity
from app.contracts import NO_ROWS, Proposal, Rows, Scores, StreamOffsets, Times
from app.copy_on_write import extend_columns, extend_rows
from app.kernels.selection import select_top
from app.rows import unique_rows
from app.state.group_counts import SceneCounts, SegmentCounts, SegmentRows

POPULAR = HALF_LIVES.index(90 * DAY)
TRENDING = HALF_LIVES.index(7 * DAY)
SURGING = HALF_LIVES.index(1 * DAY)
MAX_LIST_LENGTH = 1_000  # items that a channel may request
EACH_HALF_LIFE = np.array(HALF_LIVES)  # (h,)
REBASE_AFTER = 180 * DAY  # seconds; counts by a half-life of 1 day overflow after 1,023 days


class PopularityCounters:
    """Decayed counts per item, held relative to ``reference``, so that an event is one addition.

    An event at time t adds ``w · 2^((t - reference)/h)``; a reader at ``now`` multiplies by
    ``2^-((now - reference)/h)``. The sum for an infinite half-life is the plain count.
    """

    def __init__(self, base: Popularity, spare: int = 0, segments: int = 0) -> None:
        n = len(base.first_seen) + spare
        self.reference = base.at
        self.now = base.at  # time of the newest event, unix seconds
        # Pages of the bundle without a live event stay shared with the other workers. Read with
        # an index: ``take`` copies a whole row, because its numbers do not lie side by side.
        self.counts = extend_columns(base.counts, n)  # (h, n) stored item by item
        self.liked = extend_columns(base.liked, n)  # (h, n) stored item by item
        self.total = np.array([np.ascontiguousarray(likes).sum() for likes in base.liked])  # (h,)
        self.first_seen = extend_rows(base.first_seen, n, np.inf)  # (n,)
        unseen = default_mean_value(base)
        self.mean_value = extend_rows(base.mean_value, n, unseen)  # (n,) of the bundle
        self.exposures = np.zeros(self.counts.shape[1], np.float64)  # (n,) times shown
        self.positives = np.zeros_like(self.exposures)  # (n,) positive events since the bundle
        self.trials = 0.0  # how often any item was shown
        self.scenes = SceneCounts(n)
        self.segments = SegmentCounts(segments, n - spare, spare, base.at)
        self.applied_offsets: Mapping[str, tuple[str, str]] = {}  # see ``StreamOffsets``
        self.sorted_offsets: Mapping[str, tuple[str, str]] = {}
        self._opens = 0  # how often a row was given to a new item
        self._opened = np.zeros(n, np.bool_)  # (n,) rows of items that are newer than the bundle
        self._lists: dict[str, Proposal] = {}
        self._must_sort_all = True
        self._future: Rows = NO_ROWS  # rows first seen after the newest event
        self._touched: list[Rows] = [NO_ROWS]  # rows with events since the last refresh
        self._changes = 0  # batches of events applied
        self._sorted = -1  # batches of events that the lists contain
        self.refresh()

    @classmethod
    def of(cls, models: Models, spare: int = 0) -> "PopularityCounters":
        """Return the counters as they were when the models were trained."""
        return cls(models.popularity, spare, int(models.segments.offsets[-1]))

    def __len__(self) -> int:
        return len(self.first_seen)

    def apply(
        self, rows: Rows, weights: Scores, times: Times, segment_rows: SegmentRows | None = None
    ) -> None:
        """Add these events, in any order. A late event counts as if it had come in time.

        Args:
            rows: (m,) items.
            weights: (m,).
            times: (m,) unix seconds.
            segment_rows: (m, a) rows of ``Segments.share`` that the users belong to; -1: unknown.
                None: all are unknown.
        """
        if not len(rows):
            return
        far = np.flatnonzero(times - self.reference > REBASE_AFTER)
        if len(far):  # at the same event, however the events are batched
            early, late = slice(far[0]), slice(far[0], None)
            self._apply(*_slice(early, rows, weights, times, segment_rows))
            self._rebase(float(times[far[0]]))
            self.apply(*_slice(late, rows, weights, times, segment_rows))
        else:
            self._apply(rows, weights, times, segment_rows)

    def _apply(
        self, rows: Rows, weights: Scores, times: Times, segment_rows: SegmentRows | None
    ) -> None:
        self.segments.apply(segment_rows, rows, weights, times)
        self.now = max(self.now, float(times.max(initial=-np.inf)))
        positive = np.maximum(weights, 0.0).astype(np.float64)
        for h, half_life in enumerate(HALF_LIVES):
            scaled = np.exp2((times - self.reference) / half_life)
            np.add.at(self.counts[h], rows, scaled)
            np.add.at(self.liked[h], rows, scaled * positive)
            # One by one: the sum has the same bits however the events are batched.
            np.add.at(self.total, np.full(len(rows), h), scaled * positive)
        new = np.flatnonzero(np.isinf(self.first_seen[rows]))
        items, at = np.unique(rows[new], return_index=True)
        self.first_seen[items] = times[new[at]]  # an old timestamp does not make an item older
        np.add.at(self.positives, rows, (positive > 0).astype(np.float64))
        self._touched.append(rows)
        self._changes += 1

    def count_impressions(self, rows: Rows, scene: str = "") -> None:
        """Add one impression to each of these items, in a scene; "" is no scene."""
        np.add.at(self.exposures, rows, 1.0)
        self.trials += len(rows)
        if scene:
            self.scenes.count_impressions(rows, scene)

    def count_scene_successes(self, rows: Rows, scene: str) -> None:
        """Add one positive event to each of these items, on a list of this scene."""
        self.scenes.count_successes(rows, scene)

    def trial_counts(self, rows: Rows) -> NDArray[np.float64]:
        """Return the trials of each item, (n,): its impressions, plus 1 if the bundle has it."""
        trials: NDArray[np.float64] = self.exposures[rows] + ~self._opened[rows]
        return trials

    def set_offsets(self, stream: str, first: str, last: str) -> None:
        """Record that the entries of a stream from ``first`` to ``last`` are counted."""
        span = self.applied_offsets.get(stream)
        self.applied_offsets = {**self.applied_offsets, stream: (span[0] if span else first, last)}

    def offsets(self) -> StreamOffsets:
        """Return how far the streams are counted, with figures to check a rebuilt state by."""
        applied, sorted_lists = self.applied_offsets, self.sorted_offsets
        return StreamOffsets(applied, sorted_lists, self.now, self.trials, self.total.copy())

    def open_row(self, row: int, since: float) -> None:
        """Assign a row to an item that the bundle lacks, new since ``since``, unix seconds."""
        self._must_sort_all |= bool(self.liked[-1, row] > 0)  # another item takes its place
        self.counts[:, row] = self.liked[:, row] = 0.0
        self.exposures[row] = self.positives[row] = 0.0
        self.scenes.reset_row(row)
        self.segments.reset_row(row)
        self.first_seen[row], self._opened[row] = since, True
        self._touched.append(np.array([row]))
        self._opens += 1
        self.set_offsets("items", "1-0", f"{self._opens}-0")
        self._changes += 1

    def without_exposures(self) -> "PopularityCounters":
        """Return counters without impressions; everything else is shared with these."""
        other = copy(self)
        other.exposures, other.trials = np.zeros_like(self.exposures), 0.0
        return other

    def counts_at(
        self, now: float, rows: Rows, windows: Sequence[int] = range(len(HALF_LIVES))
    ) -> NDArray[np.float64]:
        """Return the decayed counts of all events at ``now``, (len(windows), len(rows))."""
        counts = np.stack([self.counts[window, rows] for window in windows])
        return counts * self._decay(now)[list(windows)]

    def liked_at(self, now: float, rows: Rows) -> NDArray[np.float64]:
        """Return the decayed counts of positive events at ``now``, (h, len(rows))."""
        return self.liked[:, rows] * self._decay(now)

    def total_at(self, now: float) -> NDArray[np.float64]:
        """Return the decayed count of positive events on all items at ``now``, (h,)."""
        total: NDArray[np.float64] = self.total * self._decay(now)[:, 0]
        return total

    def popular(self) -> Proposal:
        """Return the items liked most over months, best first, as of the last ``refresh``."""
        return self._lists["popular"]

    def trending(self) -> Proposal:
        """Return the items liked most over days, best first, as of the last ``refresh``."""
        return self._lists["trending"]

    def surging(self) -> Proposal:
        """Return the items liked most over hours, best first, as of the last ``refresh``."""
        return self._lists["surging"]

    def fresh(self) -> Proposal:
        """Return the items that were first seen last, newest first, as of the last ``refresh``."""
        return self._lists["fresh"]

    @property
    def is_sorted(self) -> bool:
        """True if the lists contain every event."""
        return self._sorted == self._changes

    def refresh(self, lists: dict[str, Proposal] | None = None) -> dict[str, Proposal]:
        """Sort the lists again if events have come since the last time. Not for the request path.

        Args:
            lists: of counters with the same events, to be used instead of sorting.

        Returns:
            The lists. They are never changed.
        """
        self.sorted_offsets = self.applied_offsets
        if lists is not None:
            self._keep_lists(lists)
        if self.is_sorted:
            return self._lists
        touched = np.arange(len(self)) if self._must_sort_all else np.concatenate(self._touched)
        decay = self.decay_at(self.now)
        windows = {"popular": POPULAR, "trending": TRENDING, "surging": SURGING}
        lists = {}
        for name, window in windows.items():
            rows = self._may_be_listed(name, touched)
            lists[name] = _best(rows, self.liked[window, rows], float(decay[window]))
        if self._must_sort_all:  # the bundle may hold events of the future
            self._future = ((self.first_seen > self.now) & np.isfinite(self.first_seen)).nonzero()[
                0
            ]
        rows = self._may_be_listed("fresh", unique_rows(np.concatenate([touched, self._future])))
        first = self.first_seen.take(rows)
        is_seen = (first <= self.now) | self._opened.take(rows)  # may be newer than any event
        age = np.where(is_seen, np.maximum(self.now - first, 0.0), 0.0) / DAY
        lists["fresh"] = _best(rows, np.where(is_seen, 1.0 / (1.0 + age), 0.0), 1.0)
        self._keep_lists(lists)
        return lists

    def _keep_lists(self, lists: dict[str, Proposal]) -> None:
        self._lists, self._sorted = lists, self._changes
        self._touched, self._must_sort_all = [NO_ROWS], False

    def _may_be_listed(self, name: str, touched: Rows) -> Rows:
        """Return the rows that a list may hold: those that it holds, and those with new events.

        An event only moves an item up, and decay changes no order.
        """
        if self._must_sort_all:
            return touched
        return unique_rows(np.concatenate([self._lists[name].rows, touched]))

    def _rebase(self, reference: float) -> None:
        """Hold the counts relative to a later moment. What readers see stays the same."""
        decay = self._decay(reference)
        self.counts *= decay
        self.liked *= decay
        self.total *= decay[:, 0]
        self.segments.rebase(reference)
        self.reference = reference

    def decay_at(self, now: float) -> NDArray[np.float64]:
        """Return what the stored counts are multiplied by at ``now``, (h,)."""
        decay: NDArray[np.float64] = np.exp2(-(now - self.reference) / EACH_HALF_LIFE)
        return decay

    def _decay(self, now: float) -> NDArray[np.float64]:
        return self.decay_at(now)[:, None]


def default_mean_value(base: Popularity) -> float:
    """Return the mean value of items without events; of all items if each has some."""
    untouched = base.mean_value[base.counts[-1] == 0]
    values = untouched if len(untouched) else base.mean_value
    return float(values.mean()) if len(values) else 0.0


def _slice(
    part: slice, rows: Rows, weights: Scores, times: Times, segment_rows: SegmentRows | None
) -> tuple[Rows, Scores, Times, SegmentRows | None]:
    segments = None if segment_rows is None else segment_rows[part]
    return rows[part], weights[part], times[part], segments


def _best(rows: Rows, values: NDArray[np.float64], decay: float) -> Proposal:
    """Return the rows with the largest values above 0, best first, with the decayed values."""
    best, largest = select_top(rows, values, NO_ROWS, MAX_LIST_LENGTH)
    scores = (largest * decay).astype(np.float32)
    listed = scores > 0  # counts that decayed to 0 do not count
    return Proposal(best[listed], scores[listed])
