"""Merge the channels' lists by reciprocal rank fusion."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.contracts import ABSENT, Candidates, Proposal, Query, Rows

RRF_OFFSET = 60  # reciprocal rank fusion (Cormack et al., 2009): flattens the head of each list


def merge(proposals: Sequence[Proposal], query: Query) -> Candidates:
    """Merge the proposals, without what the query does not allow.

    Channels score in different units (cosine, counts, ages), so only their ranks are comparable.
    Proposal c fills column c of the pool's ranks and signals.
    """
    proposed = np.concatenate([one.rows for one in proposals])
    sizes = [len(one) for one in proposals]
    rows, position = _number(proposed, len(query.excluded))
    rank = np.concatenate([np.arange(size, dtype=np.int32) for size in sizes])
    cell = position * len(proposals) + np.arange(len(proposals)).repeat(sizes)
    ranks = np.full((len(rows), len(proposals)), ABSENT, np.int32)
    ranks.put(cell, rank)
    signals = np.zeros((len(rows), len(proposals)), np.float32)
    signals.put(cell, np.concatenate([one.scores for one in proposals]))
    scores = np.bincount(position, weights=1.0 / (RRF_OFFSET + rank), minlength=len(rows))
    no_features = np.empty((len(rows), 0), np.float32)
    pool = Candidates(rows, scores.astype(np.float32), ranks, signals, no_features)
    is_allowed = query.allows(rows)
    return pool if is_allowed.all() else pool.take(is_allowed.nonzero()[0])


def _number(proposed: Rows, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return the unique rows, ascending, and for each proposed row its position among them."""
    present = np.zeros(n, np.bool_)
    present[proposed] = True
    rows = present.nonzero()[0]
    position = np.empty(n, np.int64)
    position[rows] = np.arange(len(rows))
    return rows, position.take(proposed)
