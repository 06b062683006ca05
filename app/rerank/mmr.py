"""Maximal marginal relevance: each next item is relevant, and unlike those already chosen."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import EXPLORE, Matrix, Rows, Scores
from app.kernels.rerank import choose_diverse
from app.rerank.slate_draft import RerankContext, SlateDraft


def mmr(
    relevance: Scores, vectors: Matrix, rows: Rows, k: int, diversity: float
) -> NDArray[np.intp]:
    """Choose ``k`` of n candidates, best first, as positions in the input.

    Each step takes the largest ``(1 - diversity)·relevance - diversity·(largest cosine to an item
    already chosen)`` (Carbonell and Goldstein, 1998); equal values keep their order.

    Args:
        relevance: (n,) in [0, 1].
        vectors: (catalogue, d) unit length, or zero for an item without content.
        rows: (n,) rows of ``vectors``.
        k: how many to choose; n if there are fewer.
        diversity: 0 keeps the order of relevance; 1 looks at dissimilarity only.
    """
    return choose_diverse(relevance, vectors, rows, k, diversity)


def diversify(draft: SlateDraft, context: RerankContext) -> SlateDraft:
    """Fill the organic positions of the list by MMR; those of exploration stay free."""
    explored = int(np.count_nonzero(draft.slots == EXPLORE))  # where exploration acts earlier
    reserved = context.count_explore_slots(len(draft.pool)) - explored
    room = max(context.query.k - len(draft.listed) - max(reserved, 0), 0)
    rows, utility, diversity = draft.pool.rows, draft.utility, context.settings.diversity
    if not len(draft.listed):
        return draft.append(mmr(utility, context.content, rows, room, diversity))
    rest = draft.unlisted
    rows, utility = rows.take(rest), utility.take(rest)
    return draft.append(rest[mmr(utility, context.content, rows, room, diversity)])
