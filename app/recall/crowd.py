"""Channels that need no history: popular (overall and by segment), trending and fresh."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from app.contracts import Proposal, Query, Rows, Scores
from app.recall.accumulate import propose
from app.state.live import Live

TINY = 1e-9  # P(item) of an item that nobody had touched when the bundle was made


@dataclass(frozen=True, slots=True)
class Crowd:
    """The head of a list that the live state keeps sorted, less what may not be shown."""

    name: str
    listed: Callable[[], Proposal]
    available: NDArray[np.bool_]  # (n,) of the catalogue
    share: float = 1.0  # of the limit: a list that is seldom right takes less room in the pool

    def recall(self, query: Query, limit: int) -> Proposal:
        """Give the first of the list that may be shown, ``limit`` or a share of it."""
        listed = self.listed()
        room = min(limit, max(round(self.share * limit), query.k))
        free = self.available.take(listed.rows) & query.unseen(listed.rows)
        kept = free.nonzero()[0][:room]
        return Proposal(listed.rows.take(kept), listed.scores.take(kept))


@dataclass(frozen=True, slots=True)
class Popular:
    """Popular items; for a user of known segments, lifted by how much these prefer them."""

    live: Live
    segments: Segments
    overall: Scores  # (n,) P(item), what a segment's share is compared with
    name: str = "popular"

    def recall(self, query: Query, limit: int) -> Proposal:
        """Give the popular items, reordered by the user's segments where these are known."""
        listed = self.live.popular()
        lift = segment_lift(self.segments, self.overall, query, listed.rows)
        lifted = listed.scores if lift is None else listed.scores * np.exp(lift)
        return propose(query, listed.rows, lifted, limit)


def segment_lift(segments: Segments, overall: Scores, query: Query, rows: Rows) -> Scores | None:
    """Give log P(item | the user's segments) / P(item), mean over segments, (n,).

    None when nothing is known of the user's segments.
    """
    known = (query.segments >= 0).nonzero()[0]
    if not len(known):
        return None
    chosen = segments.offsets[known] + query.segments[known]
    share = segments.share[chosen[:, None], rows]
    lift: Scores = np.log((share + TINY) / (overall.take(rows) + TINY)).mean(axis=0)
    return lift
