"""The channel ``session_knn``: items of the past visits that are most similar to the user's own.

V-SkNN (Ludewig and Jannach: Evaluation of session-based recommendation algorithms, 2018) with the
decays of STAN (Garg et al.: Sequence and time aware neighborhood for session-based
recommendations, 2019).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Visits
from app.contracts import NO_PROPOSAL, Count, Proposal, Query, Rows, Share
from app.kernels.neighbours import table_spans
from app.kernels.visits import sum_visits, visit_amounts
from app.recall.accumulate import propose
from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.contributions import NO_CONTRIBUTIONS, Contributions

MAX_PLACES = 256  # a place in a visit is one byte


@dataclass(frozen=True, slots=True)
class SessionKNNChannelConfig(ChannelConfig):
    """The settings of the channel.

    On MovieLens 100K the rankers are no better with it, but its list is the best of all channels on
    a shop's sessions. So training turns it off where users return, unless ``sessions_only`` is
    false.
    """

    sessions_only: bool = True
    n_events: Count = 20  # newest likes that are compared with past visits
    n_neighbours: Count = 100  # most similar visits
    decay: Share = 0.65  # weight of each older like, relative to the next newer one
    step_decay: Share = 0.5  # of a visit, for each newer like that it does not have
    place_decay: Share = 0.9  # of an item, for each place between it and the newest shared like


@dataclass(frozen=True, slots=True)
class SessionKNNChannel:
    """Proposes the items of similar visits. A user without likes gets no proposals."""

    visits: Visits
    config: SessionKNNChannelConfig = SessionKNNChannelConfig()
    name: str = "session_knn"
    _powers: tuple[NDArray[np.float64], ...] = field(init=False, repr=False)  # of the decays

    def __post_init__(self) -> None:
        config, n = self.config, self.config.n_events
        decays = ((config.decay, n), (config.step_decay, n), (config.place_decay, MAX_PLACES))
        powers = tuple(np.power(decay, np.arange(size)) for decay, size in decays)
        object.__setattr__(self, "_powers", powers)

    def recall(self, query: Query, limit: int) -> Proposal:
        """Find the most similar visits and sum their items; more similar ones count more."""
        liked = self._liked(query)
        if not len(liked) or not len(self.visits):
            return NO_PROPOSAL
        visits, (weights, steps, places) = self.visits, self._powers
        starts, ends = table_spans(visits.item_indptr, liked)
        rows, scores = sum_visits(
            starts,
            ends,
            visits.item_visits,
            visits.item_places,
            visits.weights,
            weights[: len(liked)],
            steps,
            places,
            self.config.n_neighbours,
            visits.indptr,
            visits.rows,
            visits.item_weights,
        )
        return propose(query, rows, scores, limit)

    def contributions(self, query: Query, rows: Rows) -> Contributions:
        """Return what each like adds to the scores of ``rows``."""
        liked = self._liked(query)
        if not len(liked) or not len(self.visits):
            return NO_CONTRIBUTIONS
        visits, (weights, steps, places) = self.visits, self._powers
        starts, ends = table_spans(visits.item_indptr, liked)
        amounts = visit_amounts(
            starts,
            ends,
            visits.item_visits,
            visits.item_places,
            visits.weights,
            weights[: len(liked)],
            steps,
            places,
            self.config.n_neighbours,
            visits.indptr,
            visits.rows,
            visits.item_weights,
            rows,
        )
        return Contributions(liked, amounts)

    def _liked(self, query: Query) -> Rows:
        """Return the newest likes, newest first, each item once."""
        rows = query.history.liked(self.config.n_events).rows
        _, first = np.unique(rows, return_index=True)
        return rows if len(first) == len(rows) else rows.take(np.sort(first))


def _build(config: SessionKNNChannelConfig, inputs: ChannelInputs) -> SessionKNNChannel:
    return SessionKNNChannel(inputs.models.visits, config)


SESSION_KNN = ChannelSpec(
    "session_knn",
    "What is in the most similar past visits of all users.",
    "history",
    SessionKNNChannelConfig(),
    _build,
)
