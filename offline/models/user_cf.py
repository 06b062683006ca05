"""User-based collaborative filtering: for each item its raters, with their centred ratings."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NeighbourTable
from app.contracts import Count, Seconds
from offline.data.dataset import Log
from offline.models.interactions import (
    LogShape,
    centre_by_user,
    latest_events,
    ratings_vary,
    time_decay,
)

# Similarity of two users: correlation of their ratings, or cosine of their likes.
UserSimilarity: TypeAlias = Literal["auto", "pearson", "cosine"]


@dataclass(frozen=True, slots=True)
class UserCFConfig:
    """The settings of the user model: the similarity of users, and the raters kept per item.

    "auto" means "pearson" if values are ratings, else "cosine". If ratings do not vary, "cosine" is
    used in any case.
    """

    raters_per_item: Count = 500  # the most recent
    likeness: UserSimilarity = "auto"
    half_life: Seconds = np.inf  # seconds after which a rating counts half


def fit_raters(log: Log, shape: LogShape, config: UserCFConfig, *, centred: bool) -> NeighbourTable:
    """Return the raters of each item, newest first: (user row, weight).

    ``weight w_ui = c_ui / ||c_u||``. When ``centred``, ``c_ui`` is the user's newest value of the
    item less the user's mean, else the positive part of the event's weight. Both decay with age. If
    all raters are kept and nothing decays, the similarity of a live history to user u is the
    correlation over their whole vectors

        ``c_i = value_i - mean(values of the history);  sim(u) = Σ_i c_i w_ui / ||c||``

    which serving multiplies by ``shared / (shared + shrink)``, ``shared`` being the items both
    rated (Herlocker et al.: An algorithmic framework for performing collaborative filtering, 1999).
    """
    newest = latest_events(log)
    data = centre_by_user(newest, shape[0]) if centred else np.maximum(newest.weights, 0.0)
    weights = _normalise(newest, data * time_decay(newest, config.half_life), shape[0])
    rated = np.flatnonzero(weights)
    order = rated[np.lexsort((newest.users[rated], -newest.times[rated], newest.items[rated]))]
    order = order[first_per_owner(newest.items[order], config.raters_per_item)]
    lengths = np.bincount(newest.items[order], minlength=shape[1])
    return NeighbourTable(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        newest.users[order],
        weights[order].astype(np.float32),
    )


def should_centre(log: Log, shape: LogShape, likeness: UserSimilarity, *, explicit: bool) -> bool:
    """Return whether ratings are centred by user. Serving must do the same."""
    is_pearson = likeness == "pearson" or (likeness == "auto" and explicit)
    return is_pearson and ratings_vary(log, shape[0])


def _normalise(log: Log, data: NDArray[np.float64], users: int) -> NDArray[np.float64]:
    """Divide by the length of each user's vector; a vector of length 0 stays 0."""
    lengths = np.sqrt(np.bincount(log.users, weights=data**2, minlength=users))[log.users]
    return np.divide(data, lengths, out=np.zeros(len(data)), where=lengths > 0)


def first_per_owner(owner: NDArray[np.integer], keep: int) -> NDArray[np.intp]:
    """Return the positions of the first ``keep`` entries of each run of equal owners."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    place = np.arange(len(owner)) - np.repeat(starts, np.diff(starts, append=len(owner)))
    return np.flatnonzero(place < keep)
