"""Lists for no user in particular: similar items, items bought together, popular and trending ones.

A list is a proposal, best first. It has only what the query allows and what is available. The
functions are pure and read one replica of the counters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Indexes, Models, VectorIndex
from app.catalogue.catalogue import Catalogue
from app.catalogue.duplicates import groups_of
from app.contracts import NO_PROPOSAL, Proposal, Query, Rows
from app.kernels.similarity import inner_products
from app.recall.accumulate import propose
from app.recall.merge import merge
from app.recall.popularity import compute_segment_lift
from app.recall.vectors import search_refined
from app.state.counters import MAX_LIST_LENGTH, POPULAR, TRENDING, PopularityCounters
from app.state.table_readers import MappedTables

BEHAVIOUR_TABLES = ("item_cf", "ease", "rp3beta")  # of similar items; ``transitions`` are not
TOGETHER = "together"  # the table of items that are bought together; not every bundle has one
WINDOWS: Mapping[str, int] = {"popular": POPULAR, "trending": TRENDING}  # by name of the list
MAX_PRODUCTS = 10_000_000  # numbers multiplied to compare all items, about 2 ms


@dataclass(frozen=True, slots=True, eq=False)
class SimilarItems:
    """Items that resemble one item, and where each table has them."""

    items: Proposal
    by_table: Mapping[str, Proposal] = field(default_factory=dict)  # empty: by content


NO_SIMILAR_ITEMS = SimilarItems(NO_PROPOSAL)


def variants_of(models: Models, row: int) -> Rows:
    """Return the item and its duplicates, such as other editions of one film."""
    group = groups_of(models.duplicates, np.array([row]))[0]
    same = np.flatnonzero(models.duplicates == group) if group >= 0 else np.empty(0, np.int64)
    return np.union1d(same, [row]).astype(np.int64)


def similar_by_behaviour(models: Models, query: Query, row: int) -> SimilarItems:
    """Return what the same users liked: the item's neighbours in three tables, fused by rank.

    An item without likes, or newer than the bundle, has no neighbours (``has_behaviour``).
    """
    names = [name for name in BEHAVIOUR_TABLES if name in models.tables]
    lists = [_neighbours(models, query, row, name) for name in names]
    if not any(map(len, lists)):
        return NO_SIMILAR_ITEMS  # none of them may be shown
    pool = merge(lists, query)
    fused = Proposal.best(pool.rows, pool.scores, len(pool))  # the pool is in the order of rows
    best = _best_available(models.catalogue, fused, query)
    return SimilarItems(best, dict(zip(names, lists, strict=True)))


def has_behaviour(models: Models, row: int) -> bool:
    """Return whether an item has neighbours by behaviour, whether or not they may be shown."""
    names = [name for name in BEHAVIOUR_TABLES if name in models.tables]
    spans = [MappedTables(models.tables).spans(name, np.array([row])) for name in names]
    return any(int(span.ends[0]) > int(span.starts[0]) for span in spans)


def similar_by_content(
    models: Models,
    indexes: Indexes,
    query: Query,
    row: int,
    max_products: int = MAX_PRODUCTS,
) -> SimilarItems:
    """Return what resembles the item by attributes and text: the cosines of content vectors.

    A small catalogue is compared as a whole, and so is one where the nearest items are too few
    after the filters. Else the index is searched.
    """
    items, catalogue = models.content.items, models.catalogue
    vector = np.ascontiguousarray(items[row])
    if not vector.any():
        return NO_SIMILAR_ITEMS
    n = catalogue.published_count + catalogue.added_count
    if n * items.shape[1] > max_products:
        rows = _nearest(models, indexes.content, vector, MAX_LIST_LENGTH + len(query.excluded))
        proposal = _nearest_of(models, query, rows, vector)
        if len(proposal) == query.k:
            return SimilarItems(proposal)
    return SimilarItems(_nearest_of(models, query, np.flatnonzero(catalogue.available), vector))


def needs_a_thread(models: Models) -> bool:
    """Return whether to look at all items takes long enough to leave the event loop."""
    return models.content.items.size > MAX_PRODUCTS


def bought_together(models: Models, query: Query, row: int) -> Proposal:
    """Return what was bought in the same visits as the item; scores are shrunk lifts."""
    proposal = _neighbours(models, query, row, TOGETHER)
    return _best_available(models.catalogue, proposal, query)


@dataclass(frozen=True, slots=True, eq=False)
class PopularityList:
    """Which of the live popularity lists is wanted, and popular among whom and where."""

    name: str  # "popular" or "trending"
    category: str = ""  # only items of this category; "": of any
    segments: NDArray[np.int32] | None = None  # (a,) codes of a user's segments; None: all users
    scene: str = ""  # lifts what is liked on the lists of this scene; "": none

    def select(self, models: Models, counters: PopularityCounters, query: Query) -> Proposal:
        """Return the items that are liked most, best first.

        Scores are decayed likes, times the lifts of the segments and of the scene.
        """
        listed = counters.popular() if self.name == "popular" else counters.trending()
        proposal = self._select(models, counters, query, listed)
        if len(proposal) < query.k and len(listed) == MAX_LIST_LENGTH:  # the list ends too early
            every = self._every_item(models.catalogue, counters)
            proposal = self._select(models, counters, query, every)
        return proposal

    def _select(
        self, models: Models, counters: PopularityCounters, query: Query, listed: Proposal
    ) -> Proposal:
        rows, scores = listed.rows, listed.scores.astype(np.float64)
        if self.category:
            kept = models.catalogue.has_category(rows, [self.category]).nonzero()[0]
            rows, scores = rows[kept], scores[kept]
        for lift in self._lifts(models, counters, query, rows):
            scores = scores * lift
        lifted = Proposal.best(rows, scores.astype(np.float32), len(rows))
        return _best_available(models.catalogue, lifted, query)

    def _every_item(self, catalogue: Catalogue, counters: PopularityCounters) -> Proposal:
        """Return all available items with a like; about 10 ms for a million items."""
        window = WINDOWS[self.name]
        rows = np.flatnonzero(catalogue.available)
        likes = counters.liked[window, rows] * counters.decay_at(counters.now)[window]
        liked = likes.astype(np.float32) > 0
        return Proposal(rows[liked], likes[liked].astype(np.float32))

    def _lifts(
        self, models: Models, counters: PopularityCounters, query: Query, rows: Rows
    ) -> Sequence[NDArray[np.floating]]:
        lifts: list[NDArray[np.floating]] = []
        if self.segments is not None:
            of_segments = replace(query, segments=self.segments)
            lift = compute_segment_lift(models.segments, counters, of_segments, rows)
            lifts += [] if lift is None else [np.exp(lift)]
        likes = counters.scenes.liked.get(self.scene) if self.scene else None
        if likes is not None:
            lifts.append(scene_lift(likes, counters.positives, rows, models.segments.prior))
        return lifts


def scene_lift(
    in_scene: NDArray[np.float32], everywhere: NDArray[np.float64], rows: Rows, prior: float
) -> NDArray[np.float64]:
    """Return how much more an item is liked on the lists of a scene than on all, (len(rows),).

    ``(likes in the scene + prior · share) / ((all likes in the scene + prior) · share)``, where
    ``share`` is the item's part of all likes since the bundle. ``prior`` is the number of likes at
    which those of the scene count half.

    Args:
        in_scene: (n,) likes of each item on the lists of the scene.
        everywhere: (n,) likes of each item.
        rows: of the items.
        prior: in likes.
    """
    share = (everywhere[rows] + 1.0) / (everywhere.sum() + len(everywhere))
    total = float(in_scene.sum(dtype=np.float64))
    lift: NDArray[np.float64] = (in_scene[rows] + prior * share) / ((total + prior) * share)
    return lift


def _neighbours(models: Models, query: Query, row: int, table: str) -> Proposal:
    """Return the neighbours of an item in a table that the query allows, best first."""
    near = MappedTables(models.tables).spans(table, np.array([row]))
    span = slice(int(near.starts[0]), int(near.ends[0]))
    rows = near.rows[span].astype(np.int64)
    return propose(query, rows, near.weights[span], len(rows))


def _best_available(catalogue: Catalogue, proposal: Proposal, query: Query) -> Proposal:
    """Return the first k that are allowed and available, in their order."""
    kept = catalogue.available[proposal.rows] & query.allows(proposal.rows)
    chosen = np.flatnonzero(kept)[: query.k]
    return Proposal(proposal.rows[chosen], proposal.scores[chosen])


def _nearest(models: Models, index: VectorIndex, vector: NDArray[np.float32], n: int) -> Rows:
    """Return the rows nearest to a vector by the index, and those that came after it."""
    nearest, _ = search_refined(index, models.content.items, vector, n)
    later = np.arange(models.catalogue.added_count) + models.catalogue.published_count
    return np.sort(np.concatenate([nearest, later]))  # ties stand in the order of their rows


def _nearest_of(models: Models, query: Query, rows: Rows, vector: NDArray[np.float32]) -> Proposal:
    """Return the k of these rows that are nearest to a vector, allowed and available."""
    rows = rows[models.catalogue.available[rows]]
    rows = rows[query.allows(rows)]
    products = inner_products(models.content.items, vector, rows)
    is_near = products > 0
    return Proposal.best(rows[is_near], products[is_near], query.k)
