"""Several objectives in one score: a model for each, added up by weights that can be set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import Matrix, Scorer, Scores
from app.features.context import standardise
from app.rank.pointwise_listwise import (
    FINE_STEM,
    PointwiseListwiseBlend,
    read_pointwise_listwise,
    write_pointwise_listwise,
)

OBJECTIVES = "objectives.json"  # the weights
RELEVANT = "relevant"  # the objective of the single model, which every bundle has


@dataclass(frozen=True, slots=True, eq=False)
class ObjectiveBlend:
    """A weighted sum of each model's scores, standardised over the pool.

    Raw scores of two models cannot be compared: what is rare is told apart by less.
    """

    models: Mapping[str, Scorer]  # by objective
    weights: Mapping[str, float]  # of the same objectives, 0 or more

    def score(self, features: Matrix) -> Scores:
        """Give the weighted sums, (n,); a model that counts nothing is not asked."""
        total: NDArray[np.floating] = np.zeros(len(features))
        for objective, weight in self.weights.items():
            if weight:
                scores = self.models[objective].score(features)
                total = total + weight * standardise(scores.astype(np.float64))
        return total.astype(np.float32)

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Say how much each objective counts, whoever the user is, and the parts of its model."""
        found = dict(self.weights)
        for objective, model in self.models.items():
            if isinstance(model, PointwiseListwiseBlend):
                parts = model.part_weights(features)
                found |= {f"{objective}.{name}": share for name, share in parts.items()}
        return found

    def with_weights(self, weights: Mapping[str, float]) -> "ObjectiveBlend":
        """Let other weights count; those of objectives that are not told stay."""
        told = {name: weights.get(name, weight) for name, weight in self.weights.items()}
        return replace(self, weights=told)


def write_objectives(
    models: Mapping[str, PointwiseListwiseBlend], weights: Mapping[str, float], folder: Path
) -> None:
    """Write each model beside that of what is relevant, and the weights."""
    for objective, model in models.items():
        if objective != RELEVANT:
            write_pointwise_listwise(model, folder, stem(objective))
    (folder / OBJECTIVES).write_bytes(orjson.dumps(dict(weights), option=orjson.OPT_INDENT_2))


def read_objectives(folder: Path) -> ObjectiveBlend:
    """Read what ``write_blend`` wrote.

    Raises:
        OSError: a file is absent.
        ValueError: the weights are damaged.
        KeyError: a part of a file is absent.
        lightgbm.basic.LightGBMError: a model is.
    """
    weights = orjson.loads((folder / OBJECTIVES).read_bytes())
    return ObjectiveBlend(
        {name: read_pointwise_listwise(folder, stem(name)) for name in weights}, weights
    )


def stem(objective: str) -> str:
    """Name the files of an objective's model, less their endings."""
    return FINE_STEM if objective == RELEVANT else f"{FINE_STEM}.{objective}"
