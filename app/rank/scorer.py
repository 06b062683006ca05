"""Code that the rankers of both stages share: matrix scorers, and the codec of a kind.

A ranker that reads only ``pool.features`` is a ``MatrixModel``. ``MatrixScorer`` makes it a
``Scorer``, and ``MatrixKind`` makes its class the codec of a kind of ranker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.contracts import Candidates, Matrix, Query, Scores
from app.stages import Scorer


@dataclass(frozen=True, slots=True)
class RankerSummary:
    """The figures of a ranker that a report shows."""

    columns: Mapping[str, float] = field(default_factory=dict)  # how much each column counts
    figures: Mapping[str, float] = field(default_factory=dict)  # anything else, by a plain name
    trees: int = 0  # number of trees; 0 for a ranker without trees
    size: int = 0  # bytes
    remarks: tuple[str, ...] = ()  # sentences


# The names of the kinds are here, because their modules are slow to import. See ``app.rank.kinds``.
LOGISTIC, POINTWISE_LISTWISE, OBJECTIVE_BLEND = "logistic", "pointwise_listwise", "objective_blend"
HYBRIDS = ("weighted", "learned", "adaptive", "switching", "combined")
BUILT_IN_NAMES = (POINTWISE_LISTWISE, OBJECTIVE_BLEND, *HYBRIDS, LOGISTIC)


@dataclass(frozen=True, slots=True)
class RankerKinds:
    """The kind of ranker of each stage. A bundle's manifest names them."""

    coarse: str = LOGISTIC
    fine: str = POINTWISE_LISTWISE


class RankerKind(Protocol):
    """The codec of one kind of ranker. It has no state.

    A ranker is stored as files of a bundle's folder whose names begin with ``stem``.
    """

    def write(self, scorer: Scorer, folder: Path, stem: str) -> None:
        """Write a scorer. The same scorer always gives the same bytes."""
        ...

    def read(self, folder: Path, stem: str) -> Scorer:
        """Read what ``write`` wrote. It scores every pool as the written one did, bit for bit.

        Raises:
            OSError: a file is absent.
            ValueError: a file is damaged.
            KeyError: a part of a file is absent.
        """
        ...

    def describe(self, scorer: Scorer) -> RankerSummary:
        """Return what a report shows of the scorer."""
        ...

    def verify(self, scorer: Scorer, columns: Sequence[str]) -> None:
        """Check that the scorer can score a pool with these feature columns.

        Raises:
            ValueError: it needs other columns.
        """
        ...


Parts: TypeAlias = NDArray[np.float64]  # (n, f + 1) what each column adds to a score; a constant


class MatrixModel(Protocol):
    """A model of a feature matrix. Pure: the same matrix gives the same scores, on any thread."""

    def score(self, features: Matrix) -> Scores:
        """Return one score a row, (n,). A missing value is NaN."""
        ...


@runtime_checkable
class BlendedModel(Protocol):
    """A matrix model of several parts, which count differently for different users."""

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Return how much each part counts for the user whose pool this is."""
        ...


@runtime_checkable
class AdditiveModel(Protocol):
    """A matrix model whose score is a sum of one part for each column, and a constant."""

    def contributions(self, features: Matrix) -> Parts:
        """Return the parts of each row's score, (n, f + 1); the constant is the last one."""
        ...


@runtime_checkable
class BlendedScorer(Protocol):
    """A scorer that can tell how much each of its parts counts."""

    def part_weights(self, query: Query, pool: Candidates, /) -> dict[str, float]:
        """Return how much each part counts for this query; empty when there is only one part."""
        ...


Model_co = TypeVar("Model_co", bound=MatrixModel, covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class MatrixScorer(Generic[Model_co]):
    """A scorer that reads nothing but the features of the pool."""

    model: Model_co

    def score(self, _query: Query, pool: Candidates, /) -> Scores:
        """Return the model's scores, (n,)."""
        return self.model.score(pool.features)

    def part_weights(self, _query: Query, pool: Candidates, /) -> dict[str, float]:
        """Return how much each part of the model counts; empty when there is only one part."""
        model: MatrixModel | BlendedModel = self.model
        return model.part_weights(pool.features) if isinstance(model, BlendedModel) else {}


def compute_contributions(scorer: Scorer, features: Matrix) -> Parts | None:
    """Return what each column adds to the score of each row; None if the score is no such sum."""
    if isinstance(scorer, MatrixScorer) and isinstance(scorer.model, AdditiveModel):
        return scorer.model.contributions(features)
    return None


def compute_part_weights(scorer: Scorer, query: Query, pool: Candidates) -> dict[str, float]:
    """Return how much each part of a scorer counts for a query; empty when it is one piece."""
    return scorer.part_weights(query, pool) if isinstance(scorer, BlendedScorer) else {}


class StoredModel(MatrixModel, Protocol):
    """A matrix model that can be stored; the methods are those of ``RankerKind``."""

    def write(self, folder: Path, stem: str) -> None: ...
    @classmethod
    def read(cls, folder: Path, stem: str) -> Self: ...
    def describe(self) -> RankerSummary: ...
    def verify(self, columns: Sequence[str]) -> None: ...


Stored = TypeVar("Stored", bound=StoredModel)


@dataclass(frozen=True, slots=True)
class MatrixKind(Generic[Stored]):
    """The codec of a class of matrix models."""

    model: type[Stored]

    def write(self, scorer: Scorer, folder: Path, stem: str) -> None:
        """Write the model of a scorer."""
        self.unwrap(scorer).write(folder, stem)

    def read(self, folder: Path, stem: str) -> MatrixScorer[Stored]:
        """Read a model and wrap it as a scorer."""
        return MatrixScorer(self.model.read(folder, stem))

    def describe(self, scorer: Scorer) -> RankerSummary:
        """Return what a report shows of the model."""
        return self.unwrap(scorer).describe()

    def verify(self, scorer: Scorer, columns: Sequence[str]) -> None:
        """Check that the model reads these columns."""
        self.unwrap(scorer).verify(columns)

    def unwrap(self, scorer: Scorer) -> Stored:
        """Return the model of a scorer.

        Raises:
            TypeError: the scorer is of another kind.
        """
        if isinstance(scorer, MatrixScorer) and isinstance(scorer.model, self.model):
            return scorer.model
        raise TypeError(f"{scorer!r} is no scorer of a {self.model.__name__}")
