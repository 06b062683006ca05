"""Blend several objectives into one score: a weighted sum with one model for each objective."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.contracts import Candidates, Query, Scores
from app.features.context import standardise
from app.rank.scorer import RankerKind, RankerSummary, compute_part_weights
from app.stages import Scorer

log = logging.getLogger(__name__)

RELEVANT = "relevant"  # the objective of the single model: any positive event


@dataclass(frozen=True, slots=True, eq=False)
class ObjectiveBlend:
    """A weighted sum of each scorer's scores, standardised over the pool.

    The raw scores of two models are not comparable: scores for a rare event differ less.
    """

    scorers: Mapping[str, Scorer]  # by objective
    weights: Mapping[str, float]  # by objective, 0 or more

    def score(self, query: Query, pool: Candidates, /) -> Scores:
        """Return the weighted sums, (n,). A scorer with weight 0 is not called."""
        total: NDArray[np.floating] = np.zeros(len(pool))
        for objective, weight in self.weights.items():
            if weight:
                scores = self.scorers[objective].score(query, pool)
                total = total + weight * standardise(scores.astype(np.float64))
        return total.astype(np.float32)

    def part_weights(self, query: Query, pool: Candidates, /) -> dict[str, float]:
        """Return the weight of each objective, and the weights within its scorer for this user."""
        weights = dict(self.weights)
        for objective, scorer in self.scorers.items():
            parts = compute_part_weights(scorer, query, pool)
            weights |= {f"{objective}.{name}": share for name, share in parts.items()}
        return weights

    def with_weights(self, weights: Mapping[str, float]) -> "ObjectiveBlend":
        """Replace the weights of some objectives; the others keep theirs."""
        return replace(
            self, weights={name: weights.get(name, weight) for name, weight in self.weights.items()}
        )


def apply_objective_weights(rankers: Rankers, weights: Mapping[str, float], bundle: str) -> Rankers:
    """Replace the objective weights of the fine ranker.

    A weight for an objective that the ranker has no model for is logged and ignored.
    """
    fine = rankers.fine
    objectives = fine.weights if isinstance(fine, ObjectiveBlend) else {}
    for name in weights.keys() - objectives.keys():
        log.warning("the setting objectives.%s belongs to no model of %s", name, bundle)
    if isinstance(fine, ObjectiveBlend):
        return replace(rankers, fine=fine.with_weights(weights))
    return rankers


@dataclass(frozen=True, slots=True)
class ObjectiveBlendKind:
    """The codec of blends whose scorers are all of one kind."""

    member: RankerKind

    def write(self, scorer: Scorer, folder: Path, stem: str) -> None:
        """Write each scorer as ``<stem>.<objective>…``, and the weights as ``<stem>.json``."""
        blend = _as_blend(scorer)
        for objective, member in blend.scorers.items():
            self.member.write(member, folder, f"{stem}.{objective}")
        stored = {"weights": dict(blend.weights)}
        (folder / f"{stem}.json").write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))

    def read(self, folder: Path, stem: str) -> ObjectiveBlend:
        """Read what ``write`` wrote.

        Raises:
            OSError: a file is absent.
            ValueError: a file is damaged.
            KeyError: a part of a file is absent.
        """
        weights = orjson.loads((folder / f"{stem}.json").read_bytes())["weights"]
        scorers = {name: self.member.read(folder, f"{stem}.{name}") for name in weights}
        return ObjectiveBlend(scorers, weights)

    def describe(self, scorer: Scorer) -> RankerSummary:
        """Return the weighted mean of how much each column counts; other figures add up."""
        blend = _as_blend(scorer)
        summaries = {name: self.member.describe(one) for name, one in blend.scorers.items()}
        total = sum(blend.weights.values()) or 1.0
        columns: dict[str, float] = {}
        figures: dict[str, float] = {}
        for objective, summary in summaries.items():
            for name, share in summary.columns.items():
                columns[name] = columns.get(name, 0.0) + blend.weights[objective] / total * share
            figures |= {f"{objective}: {name}": value for name, value in summary.figures.items()}
        return RankerSummary(
            columns,
            figures,
            sum(summary.trees for summary in summaries.values()),
            sum(summary.size for summary in summaries.values()),
            tuple(f"{one}: {text}" for one, each in summaries.items() for text in each.remarks),
        )

    def verify(self, scorer: Scorer, columns: Sequence[str]) -> None:
        """Check every scorer, and that each has a weight.

        Raises:
            ValueError: a scorer reads other columns.
        """
        for member in _as_blend(scorer).scorers.values():
            self.member.verify(member, columns)


def _as_blend(scorer: Scorer) -> ObjectiveBlend:
    if isinstance(scorer, ObjectiveBlend):
        return scorer
    raise TypeError(f"{scorer!r} is no blend of objectives")
