"""Union of the recall channels' answers."""

from collections.abc import Sequence

import numpy as np

from app.contracts import ABSENT, Candidates, Proposal, Query

RRF_OFFSET = 60  # reciprocal rank fusion (Cormack et al., 2009): flattens the head of each list


def merge(answers: Sequence[Proposal], query: Query) -> Candidates:
    """Union best-first answers by reciprocal rank fusion, leaving out what the user has seen.

    Channels score in different units (cosine, counts, ages), so only their ranks are comparable.
    Answer c fills column c of the pool's ranks and signals.
    """
    said = np.concatenate([answer.rows for answer in answers])
    rows, at = np.unique(said, return_inverse=True)
    ranks = np.full((len(rows), len(answers)), ABSENT, np.int32)
    signals = np.full((len(rows), len(answers)), np.nan, np.float32)
    channel = np.repeat(np.arange(len(answers)), [len(answer) for answer in answers])
    place = np.concatenate([np.arange(len(answer)) for answer in answers])
    ranks[at, channel] = place
    signals[at, channel] = np.concatenate([answer.scores for answer in answers])
    scores = np.bincount(at, weights=1.0 / (RRF_OFFSET + place), minlength=len(rows))
    nothing = np.empty((len(rows), 0), np.float32)
    pool = Candidates(rows, scores.astype(np.float32), ranks, signals, nothing)
    return pool.take(np.flatnonzero(query.unseen(rows)))
