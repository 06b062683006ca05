"""Training rows for the rankers: the real recall replayed as of then, times ``app.features.views``.

Negatives are what the funnel really proposed and the user did not take: a sample of them, at
random. Choosing the hardest instead (the best by another model) teaches a ranker that what looks
good is bad: on windows before the middle of ML-100K it cost a third of NDCG@10.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Request, Scores
from app.features.views import FINE_VIEW
from app.features.views import column_names as columns
from app.funnel import Funnel
from offline.data.dataset import Dataset
from offline.training.objectives import OUTCOMES, compute_outcomes
from offline.training.replay import ReplayUser, advance_counters, label_rows, recommend_once

NEGATIVES_PER_GROUP = (
    150  # of each group; all of them (some 700) rank no better and take four times as long
)

NO_POSITION = 1_000_000  # the place of replayed rows beside served ones; no list is as long


@dataclass(frozen=True, slots=True, eq=False)
class RankTable:
    """Rows of the fine view, group after group; one group is one user's pool at one moment."""

    features: Matrix  # (m, f) columns of FINE_VIEW; its first columns are COARSE_VIEW
    labels: NDArray[np.int32]  # (m,) 1 where the user took the item and liked it
    groups: NDArray[np.int64]  # (g,) rows of each group; sums to m
    positions: NDArray[np.int32] | None = None  # (m,) place the item was shown at; None: replayed
    weights: Scores | None = None  # (m,) how much a row counts; None: all the same
    outcomes: Matrix | None = None  # (m, 3) what the user did with it, as ``objectives.GRADED``

    def __len__(self) -> int:
        return len(self.labels)

    def without_logged(self) -> "RankTable":
        """Leave out what was served: it was taken for its place, too. Where all was, all stays."""
        chosen = np.flatnonzero(self.positions == NO_POSITION) if self.positions is not None else ()
        return self.take(np.asarray(chosen)) if len(chosen) else self

    def take(self, chosen: NDArray[np.intp]) -> "RankTable":
        """Keep these rows, ascending; groups shrink, and those left empty vanish."""
        owner = np.repeat(np.arange(len(self.groups)), self.groups)[chosen]
        sizes = np.bincount(owner, minlength=len(self.groups))
        return RankTable(
            self.features[chosen],
            self.labels[chosen],
            sizes[sizes > 0],
            None if self.positions is None else self.positions[chosen],
            None if self.weights is None else self.weights[chosen],
            None if self.outcomes is None else self.outcomes[chosen],
        )


def concatenate(tables: list[RankTable]) -> RankTable:
    """Put tables end to end.

    Positions and outcomes are kept where all have them, weights where any has.
    """
    positions = [table.positions for table in tables if table.positions is not None]
    outcomes = [table.outcomes for table in tables if table.outcomes is not None]
    return RankTable(
        np.concatenate([table.features for table in tables]),
        np.concatenate([table.labels for table in tables]),
        np.concatenate([table.groups for table in tables]),
        np.concatenate(positions) if len(positions) == len(tables) else None,
        None if all(table.weights is None for table in tables) else _weights(tables),
        np.concatenate(outcomes) if len(outcomes) == len(tables) else None,
    )


def _weights(tables: list[RankTable]) -> Scores:
    """Give the weights of all rows, 1 where a table has none."""
    every = [np.ones(len(t), np.float32) if t.weights is None else t.weights for t in tables]
    return np.concatenate(every)


async def collect_rows(
    funnel: Funnel,
    dataset: Dataset,
    users: list[ReplayUser],
    seed: int,
    negatives: int = NEGATIVES_PER_GROUP,
) -> RankTable:
    """Ask the funnel for each user and compute the features of everything it proposed.

    Kept are what the user took, what the askers' ``later`` says they clicked, and about
    ``negatives`` others of each group, drawn by ``seed``.
    Users must come in order of time: the crowd's state moves on with them. Groups without a
    relevant candidate teach a ranker nothing and are left out.
    """
    drawn = np.random.default_rng(seed)
    features, taken, done = [], [], []
    conversion = dataset.traits.positive_weights[-1] if dataset.traits.positive_weights else np.inf
    known = funnel.query_builder.counters.now
    names = dataset.users.names(np.array([user.user for user in users], np.int64))
    for name, user in zip(names, users, strict=True):
        advance_counters(funnel.query_builder, dataset.log, known, user.at)
        known = max(known, user.at)
        request = Request(name, 10, seed, arrived=0.0, inline=user.since, explore=False)
        slate = await recommend_once(funnel, request)
        found = label_rows(slate.merged.rows, user.relevant)
        if found.any():
            outcome = compute_outcomes(slate.merged.rows, user.later, conversion)
            sampled = drawn.random(len(found)) < negatives / len(found)
            kept = np.flatnonzero(found | (outcome[:, 0] > 0) | sampled)
            features.append(funnel.fine.features.build(slate.query, slate.merged)[kept])
            taken.append(found[kept].astype(np.int32))
            done.append(outcome[kept])
    if not features:
        nothing = np.empty((0, len(columns(FINE_VIEW))), np.float32)
        no_outcome = np.empty((0, len(OUTCOMES)), np.float32)
        return RankTable(nothing, np.empty(0, np.int32), np.empty(0, np.int64), outcomes=no_outcome)
    return RankTable(
        np.concatenate(features),
        np.concatenate(taken),
        np.array([len(t) for t in taken]),
        outcomes=np.concatenate(done),
    )
