"""What this worker knows of the whole crowd right now: decayed counts, exposures, first sights.

Starts from the bundle's ``Popularity`` and is moved on by one writer (the stream's follower, or
the offline replay); any number of readers look on. Nothing here is per user and nothing is read
from Redis during a request.
"""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY, HALF_LIVES, Models, Popularity
from app.catalogue.catalogue_overlay import lengthened
from app.contracts import Proposal, Rows, Scores, StreamOffsets, Times
from app.state.scene_counts import SceneCounts
from app.state.segment_counts import SegmentCounts, SegmentRows

POPULAR = HALF_LIVES.index(90 * DAY)  # "popular" forgets slowly
TRENDING = HALF_LIVES.index(7 * DAY)
SURGING = HALF_LIVES.index(1 * DAY)
LIST_LENGTH = 1_000  # the longest list a channel may ask for
EACH_HALF_LIFE = np.array(HALF_LIVES)  # (h,)
REBASE_AFTER = 180 * DAY  # seconds; counts by a half-life of 1 day overflow after 1,023 days


class PopularityCounters:
    """Decayed counts per item, held relative to ``reference`` so that one addition moves them on.

    An event at time t adds ``w · 2^((t - reference)/h)``; a reader at ``now`` multiplies by
    ``2^-((now - reference)/h)``. The sum for an infinite half-life is the plain count.
    """

    def __init__(self, base: Popularity, spare: int = 0, segments: int = 0) -> None:
        n = len(base.first_seen) + spare
        self.reference = base.at
        self.now = base.at  # time of the newest event known, unix seconds
        self.counts = lengthened(np.array(base.counts, np.float64), n)  # (h, n)
        self.liked = lengthened(np.array(base.liked, np.float64), n)  # (h, n)
        self.total = base.liked.sum(axis=1, dtype=np.float64)  # (h,)
        self.first_seen = lengthened(np.array(base.first_seen, np.float64), n, np.inf)  # (n,)
        self.mean_value = lengthened(
            base.mean_value, n, default_mean_value(base)
        )  # (n,) of the bundle
        self.exposures = np.zeros(self.counts.shape[1], np.float64)  # (n,) times shown
        self.clicks = np.zeros(self.counts.shape[1], np.float64)  # (n,) live positive events
        self.trials = 0.0  # how often any item was shown
        self.scenes = SceneCounts(n)
        self.segments = SegmentCounts(segments, n - spare, spare, base.at)
        self.reached: Mapping[str, tuple[str, str]] = {}  # see ``Standing``
        self.listed: Mapping[str, tuple[str, str]] = {}
        self._opens = 0  # how often a row was opened
        self._opened = np.zeros(n, np.bool_)  # (n,) rows of items that came after the bundle
        self._lists: dict[str, Proposal] = {}
        self._changes = 0  # batches of events applied
        self._sorted = -1  # of these, how many the lists know of
        self.refresh()

    @classmethod
    def of(cls, models: Models, spare: int = 0) -> "PopularityCounters":
        """Make the crowd's state as it was when the models were made."""
        return cls(models.popularity, spare, int(models.segments.offsets[-1]))

    def __len__(self) -> int:
        return len(self.first_seen)

    def apply(
        self, rows: Rows, weights: Scores, times: Times, of: SegmentRows | None = None
    ) -> None:
        """Add these events in any order. Late events are worth what they were then.

        Args:
            rows: (m,) items.
            weights: (m,).
            times: (m,) unix seconds.
            of: (m, a) rows of ``Segments.share`` that the users belong to, -1 unknown; None: all.
        """
        if not len(rows):
            return
        far = np.flatnonzero(times - self.reference > REBASE_AFTER)
        if len(far):  # at the same event, however events come together
            early, late = slice(far[0]), slice(far[0], None)
            self._apply(*_cut(early, rows, weights, times, of))
            self._rebase(float(times[far[0]]))
            self.apply(*_cut(late, rows, weights, times, of))
        else:
            self._apply(rows, weights, times, of)

    def _apply(self, rows: Rows, weights: Scores, times: Times, of: SegmentRows | None) -> None:
        self.segments.apply(of, rows, weights, times)
        self.now = max(self.now, float(times.max(initial=-np.inf)))
        positive = np.maximum(weights, 0.0).astype(np.float64)
        for h, half_life in enumerate(HALF_LIVES):
            grown = np.exp2((times - self.reference) / half_life)
            np.add.at(self.counts[h], rows, grown)
            np.add.at(self.liked[h], rows, grown * positive)
            np.add.at(self.total, np.full(len(rows), h), grown * positive)  # as one by one
        new = np.flatnonzero(np.isinf(self.first_seen[rows]))
        found, at = np.unique(rows[new], return_index=True)
        self.first_seen[found] = times[new[at]]  # an old timestamp makes no item older
        np.add.at(self.clicks, rows, (positive > 0).astype(np.float64))
        self._changes += 1

    def count_impressions(self, rows: Rows, scene: str = "") -> None:
        """Count one more impression for each of these items, in a scene; "" is none."""
        np.add.at(self.exposures, rows, 1.0)
        self.trials += len(rows)
        if scene:
            self.scenes.count_impressions(rows, scene)

    def count_scene_successes(self, rows: Rows, scene: str) -> None:
        """Count one more positive event for each of these items, on a list of this scene."""
        self.scenes.count_successes(rows, scene)

    def trial_counts(self, rows: Rows) -> NDArray[np.float64]:
        """Count how often each item was tried, (n,): shown, and once by being in the bundle."""
        tried: NDArray[np.float64] = self.exposures[rows] + ~self._opened[rows]
        return tried

    def set_offsets(self, stream: str, first: str, last: str) -> None:
        """Note that the entries of a stream from ``first`` to ``last`` are known."""
        known = self.reached.get(stream)
        self.reached = {**self.reached, stream: (known[0] if known else first, last)}

    def offsets(self) -> StreamOffsets:
        """Say how far this state has come."""
        return StreamOffsets(self.reached, self.listed, self.now, self.trials, self.total.copy())

    def open_row(self, row: int, since: float) -> None:
        """Begin with an item that came after the bundle, new since ``since``, unix seconds."""
        self.counts[:, row] = self.liked[:, row] = 0.0
        self.exposures[row] = self.clicks[row] = 0.0
        self.scenes.reset_row(row)
        self.segments.reset_row(row)
        self.first_seen[row], self._opened[row] = since, True
        self._opens += 1
        self.set_offsets("items", "1-0", f"{self._opens}-0")
        self._changes += 1

    def without_exposures(self) -> "PopularityCounters":
        """Give the same crowd, as if nothing had been shown yet; all else is shared."""
        same = copy(self)
        same.exposures, same.trials = np.zeros_like(self.exposures), 0.0
        return same

    def counts_at(
        self, now: float, rows: Rows, windows: Sequence[int] = range(len(HALF_LIVES))
    ) -> NDArray[np.float64]:
        """Give the decayed counts of all events at ``now`` by these half-lives, (w, len(rows))."""
        counts = np.stack([self.counts[window].take(rows) for window in windows])
        return counts * self._fade(now)[list(windows)]

    def liked_at(self, now: float, rows: Rows) -> NDArray[np.float64]:
        """Give the decayed counts of positive events at ``now``, (h, len(rows))."""
        return self.liked.take(rows, axis=1) * self._fade(now)

    def total_at(self, now: float) -> NDArray[np.float64]:
        """Give the decayed count of positive events on all items at ``now``, (h,)."""
        total: NDArray[np.float64] = self.total * self._fade(now)[:, 0]
        return total

    def popular(self) -> Proposal:
        """Give the items liked most over months, best first, as of the last ``refresh``."""
        return self._lists["popular"]

    def trending(self) -> Proposal:
        """Give the items liked most over days, best first, as of the last ``refresh``."""
        return self._lists["trending"]

    def surging(self) -> Proposal:
        """Give the items liked most over hours, best first, as of the last ``refresh``."""
        return self._lists["surging"]

    def fresh(self) -> Proposal:
        """Give the items that were first seen last, newest first, as of the last ``refresh``."""
        return self._lists["fresh"]

    @property
    def is_sorted(self) -> bool:
        """Say whether the lists know of every event."""
        return self._sorted == self._changes

    def refresh(self, lists: dict[str, Proposal] | None = None) -> dict[str, Proposal]:
        """Sort the lists again if events have come since. Not for the path of a request.

        Args:
            lists: those of a state that knows the same events, to take instead of sorting.

        Returns:
            The lists; nobody changes them.
        """
        self.listed = self.reached
        if lists is not None:
            self._lists, self._sorted = lists, self._changes
        if self.is_sorted:
            return self._lists
        changes, faded = self._changes, self._fade(self.now)[:, 0]
        known = (self.first_seen <= self.now) | self._opened  # these may be newer than any event
        age = np.where(known, np.maximum(self.now - self.first_seen, 0.0), 0.0) / DAY
        self._lists = {
            "popular": _listed(self.liked[POPULAR] * faded[POPULAR]),
            "trending": _listed(self.liked[TRENDING] * faded[TRENDING]),
            "surging": _listed(self.liked[SURGING] * faded[SURGING]),
            "fresh": _listed(np.where(known, 1.0 / (1.0 + age), 0.0)),
        }
        self._sorted = changes
        return self._lists

    def _rebase(self, reference: float) -> None:
        """Hold the counts relative to a later moment; what readers see stays the same."""
        faded = self._fade(reference)
        self.counts *= faded
        self.liked *= faded
        self.total *= faded[:, 0]
        self.segments.rebase(reference)
        self.reference = reference

    def _fade(self, now: float) -> NDArray[np.float64]:
        return np.exp2(-(now - self.reference) / EACH_HALF_LIFE)[:, None]


def default_mean_value(base: Popularity) -> float:
    """Give the mean value of an item without events; the mean of all where every item has some."""
    untouched = base.mean_value[base.counts[-1] == 0]
    values = untouched if len(untouched) else base.mean_value
    return float(values.mean()) if len(values) else 0.0


def _cut(
    part: slice, rows: Rows, weights: Scores, times: Times, of: SegmentRows | None
) -> tuple[Rows, Scores, Times, SegmentRows | None]:
    return rows[part], weights[part], times[part], None if of is None else of[part]


def _listed(scores: NDArray[np.float64]) -> Proposal:
    exact = scores.astype(np.float32)
    rows = np.flatnonzero(exact > 0)  # what has faded to nothing would stand there in any order
    return Proposal.best(rows, exact[rows], LIST_LENGTH)
