"""Fine ranking: one model for users of whom little is known, one for those with a history."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.contracts import Matrix, Scores
from app.features import FINE_VIEW, names
from app.rank.grown import Grown, read_grown, write_grown

FINE = "fine"  # of the files of the model of what is relevant
EVENTS = names(FINE_VIEW).index("user_events")  # log1p of the number of events known of the user
HALF = 20.0  # events at which both models count half


@dataclass(frozen=True, slots=True, eq=False)
class Fine:
    """Two models in one score, weighed by how much is known of the user.

    ``pointwise`` learns whether an item is taken, from every row alike; ``listwise`` what stands
    out of a user's own pool. The first is better where histories are short, the second where they
    are long (docs/decisions/0006-two-fine-models.md has the figures).
    """

    pointwise: Grown
    listwise: Grown

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Give raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        if not len(features):
            return np.empty(0, np.float32)
        known = self.known(features)
        scores = self.pointwise.score(features, trees)
        if not known.any():
            return scores
        both = (1 - known) * scores + known * self.listwise.score(features, trees)
        return both.astype(np.float32)

    def known(self, features: Matrix) -> Scores:
        """Give the share of the listwise model, (n,): more as the history grows."""
        events = np.expm1(np.maximum(np.nan_to_num(features[:, EVENTS]), 0))
        share: Scores = (events / (events + np.float32(HALF))).astype(np.float32, copy=False)
        return share

    def weighing(self, features: Matrix) -> dict[str, float]:
        """Say how much each model counts for the user whose pool this is."""
        known = float(self.known(features[:1]).sum())
        return {"pointwise": 1.0 - known, "listwise": known}

    @property
    def members(self) -> tuple[Grown, Grown]:
        """Both models."""
        return self.pointwise, self.listwise

    @property
    def trees(self) -> int:
        """The number of trees of both models."""
        return sum(member.trees for member in self.members)

    def text(self) -> str:
        """Give all trees as LightGBM writes them."""
        return "".join(member.text() for member in self.members)


def write_fine(fine: Fine, folder: Path, stem: str = FINE) -> None:
    """Write both models."""
    write_grown(fine.pointwise, folder, f"{stem}.pointwise")
    write_grown(fine.listwise, folder, f"{stem}.listwise")


def read_fine(folder: Path, stem: str = FINE) -> Fine:
    """Read what ``write_fine`` wrote.

    Raises:
        OSError: a file is absent.
        ValueError: a file is damaged.
        KeyError: a part of a file is absent.
        lightgbm.basic.LightGBMError: the trees are damaged.
    """
    return Fine(read_grown(folder, f"{stem}.pointwise"), read_grown(folder, f"{stem}.listwise"))
