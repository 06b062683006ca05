"""Channels that need no history: popular (overall and by segment), trending and fresh."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from app.contracts import Matrix, Proposal, Query, Rows, Scores
from app.recall.accumulate import propose
from app.state.counters import PopularityCounters
from app.state.segment_counts import gather_cells

TINY = 1e-9  # P(item) of an item that nobody had touched when the bundle was made


@dataclass(frozen=True, slots=True)
class PopularityChannel:
    """The head of a list that the live state keeps sorted, less what may not be shown."""

    name: str
    read_list: Callable[[], Proposal]
    available: NDArray[np.bool_]  # (n,) of the catalogue
    share: float = 1.0  # of the limit: a list that is seldom right takes less room in the pool

    def recall(self, query: Query, limit: int) -> Proposal:
        """Give the first of the list that may be shown, ``limit`` or a share of it."""
        listed = self.read_list()
        room = min(limit, max(round(self.share * limit), query.k))
        free = self.available.take(listed.rows) & query.allows(listed.rows)
        kept = free.nonzero()[0][:room]
        return Proposal(listed.rows.take(kept), listed.scores.take(kept))


@dataclass(frozen=True, slots=True)
class SegmentPopularityChannel:
    """Popular items; for a user of known segments, lifted by how much these prefer them."""

    counters: PopularityCounters
    segments: Segments
    name: str = "popular"

    def recall(self, query: Query, limit: int) -> Proposal:
        """Give the popular items, reordered by the user's segments where these are known."""
        listed = self.counters.popular()
        lift = compute_segment_lift(self.segments, self.counters, query, listed.rows)
        lifted = listed.scores if lift is None else listed.scores * np.exp(lift)
        return propose(query, listed.rows, lifted, limit)


def compute_segment_lift(
    segments: Segments, live: PopularityCounters, query: Query, rows: Rows
) -> Scores | None:
    """Give log P(item | the user's segments) / P(item), mean over segments, (n,).

    Both are what the bundle knew, moved on by what was liked since; see ``_moved_on``. None when
    nothing is known of the user's segments.
    """
    known = (query.segments >= 0).nonzero()[0]
    if not len(known):
        return None
    everybody = len(segments.mass) - 1
    chosen = np.full(len(known) + 1, everybody)
    chosen[:-1] = segments.offsets[known] + query.segments[known]
    share = _moved_on(segments, live, query.counters_at, chosen, rows)
    share += TINY
    lift: Scores = np.log((share[:-1] / share[-1]).prod(axis=0)) / np.float32(len(known))
    return lift


def _moved_on(
    segments: Segments, live: PopularityCounters, now: float, chosen: Rows, rows: Rows
) -> Matrix:
    """Give P(item | segment) of these segments at ``now``, (len(chosen), n); the last: everybody.

    ``share = (likes of the segment, old and new + prior · P(item)) / (all its likes + prior)``, as
    ``offline.models.segments`` has it, with likes from then on that fade. P(item) is as of now, so
    what rises with everybody rises in no segment.
    """
    share = gather_cells(segments.share, chosen, rows)
    if not len(live.segments):
        return share
    before, held = share[-1].copy(), np.full(len(chosen), segments.prior)
    held[-1] = 0.0  # nothing holds back what everybody likes
    known = segments.mass[chosen] + held
    mass = known + live.segments.total_at(now, chosen)
    share *= known.astype(np.float32)[:, None]
    share += live.segments.at(now, chosen, rows)
    share /= mass.astype(np.float32)[:, None]
    share[:-1] += (held / mass).astype(np.float32)[:-1, None] * (share[-1] - before)
    return share
