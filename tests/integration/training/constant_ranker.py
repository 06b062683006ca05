"""A kind of ranker from outside the package. Its entry points are written by the test that uses it.

What a real addition touches, from another package: one module like this, and two entry points in
its ``pyproject.toml``. Within recfunnel:

1. ``app/rank/<kind>.py``: the scorer and its codec (a matrix model with ``write``, ``read``,
   ``describe`` and ``verify`` needs no more than ``MatrixKind(<Model>)``);
2. ``app/rank/kinds.py``: one line in ``BUILT_IN_KINDS``; ``app/rank/scorer.py``: its name;
3. ``offline/training/kinds.py``: one line in ``BUILT_IN_TRAINERS``, and the fit where it fits best;
4. ``tests/contract/test_scorers.py``: one class that inherits the contract;
5. ``docs/reference/`` and ``docs/concepts/hybrids.md``: one line in the table of kinds.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from app.rank.scorer import RankerSummary
from offline.training.rankers import FittedRanker

ENTRY_POINTS = """
[recfunnel.rankers]
constant = tests.integration.training.constant_ranker:KIND
[recfunnel.trainers]
constant = tests.integration.training.constant_ranker:train
"""


@contextmanager
def installed(site):
    """Install the package into a folder that is on the path inside the block."""
    facts = site / "constant_ranker-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: constant-ranker\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield site


@dataclass(frozen=True)
class ConstantScorer:
    """Scores every candidate alike, but those that the user acted on lately less."""

    value: float

    def score(self, query, pool, /):
        """Return the value, less 1 for items of the session: it sees the history and the rows."""
        scores = np.full(len(pool), self.value, np.float32)
        scores[np.isin(pool.rows, query.history.session().rows)] -= 1.0
        return scores


class ConstantKind:
    """The codec: one number in a text file."""

    def write(self, scorer, folder, stem):
        """Write the value."""
        if not isinstance(scorer, ConstantScorer):
            raise TypeError(f"{scorer!r} is not constant")
        (folder / f"{stem}.txt").write_text(repr(scorer.value))

    def read(self, folder, stem):
        """Read the value."""
        return ConstantScorer(float((folder / f"{stem}.txt").read_text()))

    def describe(self, scorer):
        """Return the value as the only figure."""
        return RankerSummary(figures={"constant": scorer.value}, size=1)

    def verify(self, _scorer, _columns):
        """Accept any columns."""


KIND = ConstantKind()


def train(training):
    """Fit the share of taken rows."""
    return FittedRanker(ConstantScorer(float((training.table.labels > 0).mean())))
