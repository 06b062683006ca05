"""Merge the channels' lists by reciprocal rank fusion."""

from collections.abc import Sequence

import numpy as np

from app.contracts import Candidates, Proposal, Query
from app.kernels.recall import merge_lists

RRF_OFFSET = 60  # reciprocal rank fusion (Cormack et al., 2009): flattens the head of each list


def merge(proposals: Sequence[Proposal], query: Query) -> Candidates:
    """Merge the proposals, without what the query does not allow.

    Channels score in different units (cosine, counts, ages), so only their ranks are comparable.
    Proposal c fills column c of the pool's ranks and signals.
    """
    rows, scores, ranks, signals = merge_lists(
        np.concatenate([one.rows for one in proposals]),
        np.concatenate([one.scores for one in proposals]),
        np.array([len(one) for one in proposals]),
        query.excluded,
        RRF_OFFSET,
    )
    pool = Candidates(rows, scores, ranks, signals, np.empty((len(rows), 0), np.float32))
    for each in query.filters:
        pool = pool.take(each.allows(pool.rows).nonzero()[0])
    return pool
