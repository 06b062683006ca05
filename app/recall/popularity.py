"""Channels that need no history: popular (overall and by segment), surging, trending and fresh."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from app.catalogue.catalogue import Catalogue
from app.contracts import Proposal, Query, Rows, Scores
from app.kernels.features import segment_lift
from app.kernels.recall import first_allowed
from app.recall.accumulate import propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.state.counters import PopularityCounters


@dataclass(frozen=True, slots=True)
class PopularityChannelConfig(ChannelConfig):
    """The settings of a popularity channel."""

    share: float = 1.0  # largest number of proposals, as a share of the limit


@dataclass(frozen=True, slots=True)
class PopularityChannel:
    """Proposes the first items of a sorted list of the counters that may be shown."""

    name: str
    read_list: Callable[[], Proposal]
    available: NDArray[np.bool_]  # (n,) from the catalogue
    share: float = 1.0  # of the limit; lower for a list that is seldom right

    def recall(self, query: Query, limit: int) -> Proposal:
        """Return the first items of the list that may be shown, ``limit`` or a share of it."""
        items = self.read_list()
        rows, scores = items.rows, items.scores
        for each in query.filters:
            kept = each.allows(rows).nonzero()[0]
            rows, scores = rows.take(kept), scores.take(kept)
        n = min(limit, max(round(self.share * limit), query.k))
        return Proposal(*first_allowed(rows, scores, self.available, query.excluded, n))


@dataclass(frozen=True, slots=True)
class SegmentPopularityChannel:
    """Popular items, lifted by how much the user's segments prefer them where they are known."""

    counters: PopularityCounters
    segments: Segments
    name: str = "popular"

    def recall(self, query: Query, limit: int) -> Proposal:
        """Return the popular items, reordered by the user's segments where they are known."""
        items = self.counters.popular()
        lift = compute_segment_lift(self.segments, self.counters, query, items.rows)
        scores = items.scores if lift is None else items.scores * np.exp(lift)
        return propose(query, items.rows, scores, limit)


def compute_segment_lift(
    segments: Segments, counters: PopularityCounters, query: Query, rows: Rows
) -> Scores | None:
    """Compute the mean of log(P(item | segment) / P(item)) over the user's segments.

    ``P(item | segment) = (likes of item in segment + prior · P(item)) / (likes in segment +
    prior)``, as in ``offline.models.segments``. Likes include those since the bundle, which decay
    until ``counters_at``. P(item) includes them, too. So an item that everybody likes more has no
    higher lift.

    Returns:
        (n,) one lift for each of ``rows``, or None if no segment of the user is known.
    """
    codes = zip(segments.offsets.tolist(), query.segments.tolist(), strict=False)
    segment_rows = np.array([offset + code for offset, code in codes if code >= 0], np.int64)
    if not len(segment_rows):
        return None
    live = counters.segments
    likes = (np.ascontiguousarray(segments.share.T), live.liked, live.decay_at(query.counters_at))
    return segment_lift(*likes, segment_rows, segments.mass, live.totals, segments.prior, rows)


def fill_from_catalogue(
    catalogue: Catalogue, counters: PopularityCounters, query: Query, limit: int
) -> Proposal:
    """Return the most liked items of the whole catalogue that the query allows.

    Only for the rare request that the channels cannot fill. The cost grows with the catalogue:
    about 10 ms for a million items. If the caller names the candidates, they are the catalogue.
    """
    if query.candidates is None:
        rows = catalogue.available.nonzero()[0]
    else:
        rows = query.candidates[catalogue.available[query.candidates]]
    rows = rows[query.allows(rows)]
    return Proposal.best(rows, counters.liked[-1][rows].astype(np.float32), limit)


def _popularity_channel(
    name: str,
    meaning: str,
    read_list: Callable[[PopularityCounters], Proposal],
    share: float = 1.0,
    *,
    is_rising: bool = True,
) -> ChannelSpec[PopularityChannelConfig]:
    def build(config: PopularityChannelConfig, inputs: ChannelInputs) -> PopularityChannel:
        def read() -> Proposal:
            return read_list(inputs.counters)

        return PopularityChannel(name, read, inputs.models.catalogue.available, config.share)

    default = PopularityChannelConfig(share=share)
    return ChannelSpec(name, meaning, "popularity", default, build, is_rising)


def _build_popular(_config: ChannelConfig, inputs: ChannelInputs) -> SegmentPopularityChannel:
    return SegmentPopularityChannel(inputs.counters, inputs.models.segments)


SURGING = _popularity_channel(
    "surging", "Liked most over hours (half-life of 1 day).", PopularityCounters.surging
)
TRENDING = _popularity_channel(
    "trending", "Liked most over days (half-life of 7 days).", PopularityCounters.trending
)
POPULAR = ChannelSpec(
    "popular",
    "Liked most over months (half-life of 90 days), lifted by what the user's segments prefer.",
    "popularity",
    ChannelConfig(),
    _build_popular,
)
# A quarter of the limit: new items are many and few of them are liked. An item is not better for
# being newer, so the direction is open.
FRESH = _popularity_channel(
    "fresh", "First seen last.", PopularityCounters.fresh, share=0.25, is_rising=False
)
