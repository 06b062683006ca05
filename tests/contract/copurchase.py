"""A channel of another package: items liked within the same session, as an item-item table."""

from itertools import permutations

import numpy as np

from app.artifacts import NeighbourTable
from app.recall.item_table import item_table_channel

SESSION_GAP = 86_400.0  # seconds between two events of one session, at most
CHANNEL = item_table_channel("copurchase", "What is bought in the same session.")


def fit_table(log, n):
    """Count for each item the sessions in which another one was liked, best neighbour first."""
    counts = np.zeros((n, n))
    for user in np.unique(log.users):
        events = np.flatnonzero((log.users == user) & (log.weights > 0))
        breaks = np.flatnonzero(np.diff(log.times[events]) > SESSION_GAP) + 1
        for session in np.split(log.items[events], breaks):
            for one, other in permutations(set(session.tolist()), 2):
                counts[one, other] += 1
    neighbours = [np.argsort(-row, kind="stable")[: np.count_nonzero(row)] for row in counts]
    sizes = [0, *map(len, neighbours)]
    weights = [row[near] for row, near in zip(counts, neighbours, strict=True)]
    return NeighbourTable(
        np.cumsum(sizes).astype(np.int64),
        np.concatenate(neighbours).astype(np.int32),
        np.concatenate(weights).astype(np.float32),
    )
