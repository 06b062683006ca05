"""Fine ranking: one model for users of whom little is known, one for those with a history."""

from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path

import numpy as np
import orjson

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.rank.gbdt import GradientBoosting, read_gbdt, write_gbdt

FINE_STEM = "fine"  # of the files of the model of what is relevant
GROWTH = "growth.json"  # ends the name of the file of how both are blended
EVENTS_COLUMN = column_names(FINE_VIEW).index(
    "user_events"
)  # log1p of the number of events known of the user
HALF = 20.0  # events at which both models count half, unless a training learned better


@dataclass(frozen=True, slots=True)
class Growth:
    """How the share of the listwise model grows with history, and what that was learned from."""

    half: float = HALF  # events at which both models count half; above 0
    pools: int = 0  # held out, of users with a history; 0: nothing could be held out
    gain: float = 0.0  # mean NDCG@10 of these pools, less that at ``HALF``
    error: float = 0.0  # standard error of ``gain``

    def share(self, features: Matrix) -> Scores:
        """Give the share of the listwise model, (n,); ``features`` are those of the fine view."""
        events = np.expm1(np.maximum(np.nan_to_num(features[:, EVENTS_COLUMN]), 0))
        share: Scores = (events / (events + np.float32(self.half))).astype(np.float32, copy=False)
        return share


@dataclass(frozen=True, slots=True, eq=False)
class PointwiseListwiseBlend:
    """Two models in one score, weighed by how much is known of the user.

    ``pointwise`` learns whether an item is taken, from every row alike; ``listwise`` what stands
    out of a user's own pool. The first is better where histories are short, the second where they
    are long (docs/decisions/0006-two-fine-models.md has the figures).
    """

    pointwise: GradientBoosting
    listwise: GradientBoosting
    growth: Growth = field(default_factory=Growth)

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Give raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        if not len(features):
            return np.empty(0, np.float32)
        known = self.listwise_share(features)
        scores = self.pointwise.score(features, trees)
        if not known.any():
            return scores
        both = (1 - known) * scores + known * self.listwise.score(features, trees)
        return both.astype(np.float32)

    def listwise_share(self, features: Matrix) -> Scores:
        """Give the share of the listwise model, (n,): more as the history grows."""
        return self.growth.share(features)

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Say how much each model counts for the user whose pool this is."""
        known = float(self.listwise_share(features[:1]).sum())
        return {"pointwise": 1.0 - known, "listwise": known}

    @property
    def members(self) -> tuple[GradientBoosting, GradientBoosting]:
        """Both models."""
        return self.pointwise, self.listwise

    @property
    def trees(self) -> int:
        """The number of trees of both models."""
        return sum(member.trees for member in self.members)

    def to_text(self) -> str:
        """Give all trees as LightGBM writes them."""
        return "".join(member.to_text() for member in self.members)


def write_pointwise_listwise(
    fine: PointwiseListwiseBlend, folder: Path, stem: str = FINE_STEM
) -> None:
    """Write both models, and how they are blended."""
    write_gbdt(fine.pointwise, folder, f"{stem}.pointwise")
    write_gbdt(fine.listwise, folder, f"{stem}.listwise")
    told = orjson.dumps(asdict(fine.growth), option=orjson.OPT_INDENT_2)
    (folder / f"{stem}.{GROWTH}").write_bytes(told)


def read_pointwise_listwise(folder: Path, stem: str = FINE_STEM) -> PointwiseListwiseBlend:
    """Read what ``write_fine`` wrote; models without a growth, as there were, have the usual one.

    Raises:
        OSError: a file is absent.
        ValueError: a file is damaged.
        KeyError: a part of a file is absent.
        lightgbm.basic.LightGBMError: the trees are damaged.
    """
    growth = folder / f"{stem}.{GROWTH}"
    return PointwiseListwiseBlend(
        read_gbdt(folder, f"{stem}.pointwise"),
        read_gbdt(folder, f"{stem}.listwise"),
        read_growth(growth) if growth.exists() else Growth(),
    )


def read_growth(path: Path) -> Growth:
    """Read how two models are blended.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    try:
        growth = Growth(**orjson.loads(path.read_bytes()))
    except (TypeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"{path.name} does not say how two models are blended: {error}") from None
    if not _is_number(growth.half) or growth.half <= 0:
        raise ValueError(
            f"{path.name} lets both models count half at {growth.half!r} events: "
            "it takes a number above 0"
        )
    return growth


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
