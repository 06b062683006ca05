"""User-based collaborative filtering: for each item, who rated it and by how much above usual."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NeighbourTable
from app.bounds import Count, Seconds
from offline.data.dataset import Log
from offline.models.interactions import (
    LogShape,
    centre_by_user,
    latest_events,
    ratings_vary,
    time_decay,
)
from offline.models.neighbour_table import first_per_owner

# How alike two users are: the correlation of their ratings, or the cosine of what they like.
UserSimilarity: TypeAlias = Literal["auto", "pearson", "cosine"]


@dataclass(frozen=True, slots=True)
class UserCFConfig:
    """What makes users alike, and how much of each item's raters is kept.

    "auto" is "pearson" where values are ratings. Where these do not vary, both are "cosine".
    """

    raters_per_item: Count = 500  # the most recent
    likeness: UserSimilarity = "auto"
    half_life: Seconds = np.inf  # seconds after which a rating counts half


def fit_raters(log: Log, shape: LogShape, config: UserCFConfig, *, centred: bool) -> NeighbourTable:
    """List the raters of each item, newest first: (user row, weight).

    ``weight w_ui = c_ui / ||c_u||``, with ``c_ui`` the user's newest value of the item less the
    user's mean when ``centred``, else the positive part of the event's weight; both decayed by age.
    Where everything is kept and nothing fades, the likeness of a live history to user u is the
    correlation over their whole vectors

        ``c_i = value_i - mean(values of the history);  sim(u) = Σ_i c_i w_ui / ||c||``

    which serving multiplies by ``shared / (shared + shrink)``, ``shared`` being the items both
    rated (Herlocker et al.: An algorithmic framework for performing collaborative filtering, 1999).
    """
    newest = latest_events(log)
    data = centre_by_user(newest, shape[0]) if centred else np.maximum(newest.weights, 0.0)
    weights = _unit(newest, data * time_decay(newest, config.half_life), shape[0])
    told = np.flatnonzero(weights)
    order = told[np.lexsort((newest.users[told], -newest.times[told], newest.items[told]))]
    order = order[first_per_owner(newest.items[order], config.raters_per_item)]
    lengths = np.bincount(newest.items[order], minlength=shape[1])
    return NeighbourTable(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        newest.users[order],
        weights[order].astype(np.float32),
    )


def should_centre(log: Log, shape: LogShape, likeness: UserSimilarity, *, explicit: bool) -> bool:
    """Say whether ratings are compared less their user's mean; serving must do the same."""
    wanted = likeness == "pearson" or (likeness == "auto" and explicit)
    return wanted and ratings_vary(log, shape[0])


def _unit(log: Log, data: NDArray[np.float64], users: int) -> NDArray[np.float64]:
    """Divide by the length of each user's vector; a user without opinions stays at 0."""
    lengths = np.sqrt(np.bincount(log.users, weights=data**2, minlength=users))[log.users]
    return np.divide(data, lengths, out=np.zeros(len(data)), where=lengths > 0)
