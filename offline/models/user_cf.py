"""User-based collaborative filtering: for each item, who rated it and by how much above usual."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Table
from offline.data.dataset import Log
from offline.models.interactions import Shape, deviations, latest
from offline.models.tables import first


@dataclass(frozen=True, slots=True)
class UserCFConfig:
    """How much of each item's raters is kept."""

    raters_per_item: int = 500  # the most recent


def fit(log: Log, shape: Shape, config: UserCFConfig, *, centred: bool) -> Table:
    """List the raters of each item, newest first: (user row, weight).

    ``weight w_ui = c_ui / ||c_u||``, with ``c_ui`` the user's newest value of the item less the
    user's mean when ``centred``, else the positive part of the event's weight. Where everything is
    kept, the likeness of a live history to user u is the correlation over their whole vectors

        ``c_i = value_i - mean(values of the history);  sim(u) = Σ_i c_i w_ui / ||c||``

    which serving multiplies by ``shared / (shared + shrink)``, ``shared`` being the items both
    rated (Herlocker et al.: An algorithmic framework for performing collaborative filtering, 1999).
    """
    newest = latest(log)
    data = deviations(newest, shape[0]) if centred else np.maximum(newest.weights, 0.0)
    weights = _unit(newest, data.astype(np.float64), shape[0])
    told = np.flatnonzero(weights)
    order = told[np.lexsort((newest.users[told], -newest.times[told], newest.items[told]))]
    order = order[first(newest.items[order], config.raters_per_item)]
    lengths = np.bincount(newest.items[order], minlength=shape[1])
    return Table(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        newest.users[order],
        weights[order].astype(np.float32),
    )


def _unit(log: Log, data: NDArray[np.float64], users: int) -> NDArray[np.float64]:
    """Divide by the length of each user's vector; a user without opinions stays at 0."""
    lengths = np.sqrt(np.bincount(log.users, weights=data**2, minlength=users))[log.users]
    return np.divide(data, lengths, out=np.zeros(len(data)), where=lengths > 0)
