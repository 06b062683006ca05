"""Union of the recall channels' answers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.contracts import ABSENT, Candidates, Proposal, Query, Rows

RRF_OFFSET = 60  # reciprocal rank fusion (Cormack et al., 2009): flattens the head of each list


def merge(answers: Sequence[Proposal], query: Query) -> Candidates:
    """Union best-first answers by reciprocal rank fusion, leaving out what the user has seen.

    Channels score in different units (cosine, counts, ages), so only their ranks are comparable.
    Answer c fills column c of the pool's ranks and signals.
    """
    said = np.concatenate([answer.rows for answer in answers])
    sizes = [len(answer) for answer in answers]
    rows, at = _numbered(said, len(query.excluded))
    place = np.concatenate([np.arange(size, dtype=np.int32) for size in sizes])
    cell = at * len(answers) + np.arange(len(answers)).repeat(sizes)
    ranks = np.full((len(rows), len(answers)), ABSENT, np.int32)
    ranks.put(cell, place)
    signals = np.zeros((len(rows), len(answers)), np.float32)
    signals.put(cell, np.concatenate([answer.scores for answer in answers]))
    scores = np.bincount(at, weights=1.0 / (RRF_OFFSET + place), minlength=len(rows))
    nothing = np.empty((len(rows), 0), np.float32)
    pool = Candidates(rows, scores.astype(np.float32), ranks, signals, nothing)
    free = query.allows(rows)
    return pool if free.all() else pool.take(free.nonzero()[0])


def _numbered(said: Rows, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Give the unique rows, ascending, and for each said row its position among them."""
    present = np.zeros(n, np.bool_)
    present[said] = True
    rows = present.nonzero()[0]
    position = np.empty(n, np.int64)
    position[rows] = np.arange(len(rows))
    return rows, position.take(said)
