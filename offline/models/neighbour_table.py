"""Builds neighbour tables from triples (owner, row, weight)."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NeighbourTable

Triples: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def build_neighbour_table(parts: Sequence[Triples], n: int, keep: int) -> NeighbourTable:
    """Build a table of the ``keep`` largest weights of each owner, best first, ties in row order.

    Each part must hold all triples of its owners. ``n`` is the number of owners.
    """
    parts = [_best(part, keep) for part in parts] or [_NO_TRIPLES]
    owner, rows, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n))])
    return NeighbourTable(
        indptr.astype(np.int64), rows.astype(np.int32), weights.astype(np.float32)
    )


def first_per_owner(owner: NDArray[np.integer], keep: int) -> NDArray[np.intp]:
    """Return the positions of the first ``keep`` entries of each run of equal owners."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    place = np.arange(len(owner)) - np.repeat(starts, np.diff(starts, append=len(owner)))
    return np.flatnonzero(place < keep)


_NO_TRIPLES: Triples = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _best(triples: Triples, keep: int) -> Triples:
    owner, rows, weights = triples
    order = np.lexsort((rows, -weights, owner))
    order = order[first_per_owner(owner[order], keep)]
    return owner[order], rows[order], weights[order]
