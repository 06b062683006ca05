"""Channels that recall the items whose vectors are nearest to the user's vector, with FAISS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np

from app.artifacts import CODED_TOGETHER, CellIndex, Indexes, Models, VectorIndex
from app.contracts import (
    NO_PROPOSAL,
    NO_ROWS,
    NO_SCORES,
    FoldInSystem,
    History,
    Matrix,
    Positive,
    Proposal,
    Query,
    Rows,
    Scores,
    UserVectors,
)
from app.cpu import Cpu
from app.kernels.cell_search import nearest_in_cells
from app.kernels.search import nearest_rows
from app.kernels.similarity import inner_products
from app.recall.accumulate import propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.contributions import (
    Contributions,
    ContributionsOf,
    content_contributions,
    factor_contributions,
    no_contributions,
)
from app.stages import LocalChannel
from app.user_vectors import MAX_QUERY_EVENTS, ridge_profile

EXTRA_SHARE = 1.5  # results of an index that is not exact, in units of those that are wanted
CODED_SHARE = 3.0  # the same for codes of 4 bits
MAX_EXTRA_RESULTS = 500  # results requested beyond the limit, because excluded items are dropped
CODE_SHARE = 0.15  # of the time of a product of floats that a code of 4 bits takes


@dataclass(frozen=True, slots=True)
class VectorChannelConfig(ChannelConfig):
    """The settings of a channel that searches vectors."""

    max_inline_products: int = 10_000_000  # of a search, about 2 ms; beyond, a thread searches


@dataclass(frozen=True, slots=True)
class ContentChannelConfig(VectorChannelConfig):
    """The settings of the channel by content.

    The profile is the mean content of liked items, or the ridge regression of all opinions on the
    content, which also learns from dislikes.
    """

    profile: Literal["mean", "ridge"] = "mean"
    ridge: Positive = 1.0  # regularisation of the regression


@dataclass(frozen=True, slots=True)
class VectorChannel:
    """Proposes the items nearest to the user's vector, by inner product.

    ``user_vector`` takes the vector from the query. ``new_item_vectors`` returns the vectors of
    items that were added after the index was built, (m, d). Their rows follow those of the index.
    They are few, and all of them are scored.
    """

    name: str
    index: VectorIndex
    items: Matrix  # (n, d) the vectors of the index, for exact products; spare rows may follow
    user_vector: Callable[[Query], Scores]
    new_item_vectors: Callable[[], Matrix | None] = lambda: None
    contributions: ContributionsOf = no_contributions  # of the events to the scores of rows

    def recall(self, query: Query, limit: int) -> Proposal:
        """Search the vectors. A user without a vector gets no proposals.

        FAISS searches for a request with filters, and in an index with cells. It takes 0.1 ms to
        find the best 300 of 1,700 items, the compiled loop 0.03 ms.
        """
        vector = self.user_vector(query)
        if not vector.any():
            return NO_PROPOSAL
        new_vectors, n = self.new_item_vectors(), self.index.ntotal
        if is_exact(self.index) and not query.filters:
            n += 0 if new_vectors is None else len(new_vectors)
            return Proposal(*nearest_rows(self.items, vector, n, query.excluded, limit))
        nearest, products = NO_ROWS, NO_SCORES
        if n:
            extra = min(len(query.excluded), MAX_EXTRA_RESULTS)
            nearest, products = search_refined(self.index, self.items, vector, limit + extra)
        if new_vectors is not None:
            nearest = np.concatenate([nearest, np.arange(len(new_vectors)) + n])
            products = np.concatenate([products, new_vectors @ vector])
        return propose(query, nearest, products, limit)


@dataclass(frozen=True, slots=True)
class ThreadedChannel:
    """A channel whose computation is long enough to leave the event loop."""

    channel: LocalChannel
    cpu: Cpu

    @property
    def name(self) -> str:
        """The channel's own name."""
        return self.channel.name

    def contributions(self, query: Query, rows: Rows) -> Contributions:
        """Return how much each event contributed to the scores of ``rows``."""
        contributions: ContributionsOf = getattr(self.channel, "contributions", no_contributions)
        return contributions(query, rows)

    def has_work(self, query: Query) -> bool:
        """Return whether the user has a history, and so a vector."""
        return len(query.history) > 0

    async def recall(self, query: Query, limit: int) -> Proposal:
        """Run the channel on another thread."""
        return await self.cpu(self.channel.recall, query, limit)


def search_refined(
    index: VectorIndex, items: Matrix, vector: Scores, n: int
) -> tuple[Rows, Scores]:
    """Return the ``n`` items nearest to a vector, best first, and their exact inner products.

    An index that is not exact is asked for more, which are then ordered by the vectors themselves.
    A ``CellIndex`` returns only products above 0.

    Args:
        index: of the first items.
        items: (m, d) the vectors.
        vector: (d,)
        n: how many to return, at most.
    """
    if isinstance(index, CellIndex):
        return _search_cells(index, items, vector, n)
    exact = is_exact(index)
    wanted = min(n if exact else round(EXTRA_SHARE * n), index.ntotal)
    scores, rows = index.search(vector[None, :], wanted)
    filled = (rows[0] >= 0).nonzero()[0]  # the index returns -1 where it has no more
    nearest, products = rows[0].take(filled), scores[0].take(filled)
    if exact:
        return nearest, products
    products = inner_products(items, vector, nearest)
    order = np.argsort(-products, kind="stable")[:n]
    return nearest[order], products[order]


def _search_cells(index: CellIndex, items: Matrix, vector: Scores, n: int) -> tuple[Rows, Scores]:
    n_exact = min(max(round(CODED_SHARE * n), 1), index.ntotal)
    return nearest_in_cells(
        items,
        vector,
        index.long_rows,
        index.long_vectors,
        index.means,
        index.lengths,
        index.spreads,
        index.starts,
        index.codes,
        index.rows,
        index.axes,
        index.deviations,
        index.codebooks,
        index.nprobe,
        n_exact,
        n,
    )


def is_exact(index: VectorIndex) -> bool:
    """Return whether the index searches all vectors as they are."""
    return isinstance(index, faiss.IndexFlat)


def flat_indexes(models: Models) -> Indexes:
    """Build both indexes of these models for exact search."""
    return Indexes(flat_index(models.factors.items), flat_index(models.content.items))


def flat_index(vectors: Matrix) -> faiss.Index:
    """Build an index for exact search by inner product; without columns it finds nothing."""
    index = faiss.IndexFlatIP(max(vectors.shape[1], 1))
    if vectors.shape[1]:
        index.add(np.ascontiguousarray(vectors))
    return index


def new_item_vectors(models: Models, items: Matrix) -> Callable[[], Matrix | None]:
    """Return a function that returns the vectors of items newer than the bundle, if there are any.

    Args:
        models: Their catalogue counts the new items.
        items: (n, d) vectors of all items, with spare rows after those of the bundle.
    """
    catalogue, first = models.catalogue, models.catalogue.published_count
    return lambda: items[first : first + catalogue.added_count] if catalogue.added_count else None


def _build(
    channel: VectorChannel, config: VectorChannelConfig, cpu: Cpu
) -> VectorChannel | ThreadedChannel:
    """Return the channel; a channel with a large index is made to run on another thread."""
    is_quick = _count_products(channel.index) < config.max_inline_products
    return channel if is_quick else ThreadedChannel(channel, cpu)


def _count_products(index: VectorIndex) -> int:
    """Return about how many numbers a search multiplies, or how long it takes in such units."""
    if isinstance(index, CellIndex):
        coded = CODE_SHARE * len(index.codes) * CODED_TOGETHER * index.nprobe / max(index.nlist, 1)
        exact = len(index.long_vectors) + index.nlist + coded
        return int(index.means.shape[1] * exact)
    if isinstance(index, faiss.IndexIVF):
        return int(index.d * (index.nlist + index.nprobe * index.ntotal / index.nlist))
    return int(index.d * index.ntotal)


def factor_channel(
    name: str,
    meaning: str,
    user_vector: Callable[[Query], Scores],
    events_of: Callable[[Query], History],
    system_of: Callable[[UserVectors], FoldInSystem | None],
) -> ChannelSpec[VectorChannelConfig]:
    """Declare a channel over the item vectors of the factorisation.

    ``events_of`` returns the events that the user's vector is solved from, and ``system_of`` what
    was solved.
    """

    def build(
        config: VectorChannelConfig, inputs: ChannelInputs
    ) -> VectorChannel | ThreadedChannel:
        items = inputs.models.factors.items
        new_vectors = new_item_vectors(inputs.models, items)
        parts = factor_contributions(inputs.models.factors, events_of, system_of)
        channel = VectorChannel(
            name, inputs.indexes.factors, items, user_vector, new_vectors, parts
        )
        return _build(channel, config, inputs.cpu)

    return ChannelSpec(name, meaning, "history", VectorChannelConfig(), build)


def _build_content(
    config: ContentChannelConfig, inputs: ChannelInputs
) -> VectorChannel | ThreadedChannel:
    items, models = inputs.models.content.items, inputs.models

    def solve_profile(query: Query) -> Scores:
        history = query.history
        return ridge_profile(models.content, history, config.ridge, centred=models.centred)

    is_ridge = config.profile == "ridge"
    new_vectors = new_item_vectors(inputs.models, items)
    channel = VectorChannel(
        "content",
        inputs.indexes.content,
        items,
        solve_profile if is_ridge else lambda query: query.vectors.content,
        new_vectors,
        content_contributions(inputs.models.content),
    )
    return _build(channel, config, inputs.cpu)


EMBEDDING = factor_channel(
    "embedding",
    "What is nearest to the user's vector of the factorisation.",
    lambda query: query.vectors.factors,
    lambda query: query.history.liked(MAX_QUERY_EVENTS),
    lambda vectors: vectors.factors_system,
)
SESSION = factor_channel(
    "session",
    "What is nearest to the factorisation's vector of the user's session alone.",
    lambda query: query.vectors.session,
    lambda query: query.history.session(),
    lambda vectors: vectors.session_system,
)
CONTENT = ChannelSpec(
    "content",
    "What is similar by attributes and text.",
    "history",
    ContentChannelConfig(),
    _build_content,
)
