"""The fine ranker: one model for users with few events, and one for users with a history."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import SESSION_LENGTH, Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.rank.channel_order import EVENTS_COLUMN, ChannelOrder
from app.rank.gbdt import GradientBoosting
from app.rank.scorer import Parts, RankerSummary

# These are constants: docs/decisions/0006-two-fine-models.md has the windows that chose them.
HALF_SHARE_EVENTS = np.float32(20.0)  # of the user, at which the listwise model has half its share
FIRST_LIST_SHARE = np.float32(1.0)  # the largest share after a pause: at the first list of a visit
VISIT_SHARE = np.float32(0.5)  # the largest share within a visit, and where times are unknown
GAP_COLUMN = column_names(FINE_VIEW).index("user_gap")  # log1p of the days since the last event
PAUSE = np.float32(np.log1p(SESSION_LENGTH / 86_400.0))  # in the unit of that column
ORDERS_FILE = "orders.json"


@dataclass(frozen=True, slots=True, eq=False)
class PointwiseListwiseBlend:
    """Two models in one score, weighted by the length of the user's history.

    ``pointwise`` learns from each row whether the item is positive. ``listwise`` learns what stands
    out of a user's own pool. The first is better where histories are short and within visits, the
    second at the first list of users with long histories (docs/decisions/0006-two-fine-models.md).
    """

    pointwise: GradientBoosting
    listwise: GradientBoosting
    orders: tuple[ChannelOrder, ...] = ()  # for users for whom a channel ranks better than trees

    def score(self, features: Matrix, trees: int = -1) -> Scores:
        """Return raw scores, (n,), by the first ``trees`` trees of each booster; -1: by all."""
        if not len(features):
            return np.empty(0, np.float32)
        share = self.listwise_share(features)
        scores = self.pointwise.score(features, trees)
        if share.any():
            blended = (1 - share) * scores + share * self.listwise.score(features, trees)
            scores = blended.astype(np.float32)
        for order in self.orders:
            scores += order.score(features)
        return scores

    def contributions(self, features: Matrix) -> Parts:
        """Return what each column adds to the blended score, (n, f + 1), the constant last."""
        share = self.listwise_share(features)[:, None].astype(np.float64)
        pointwise, listwise = (model.contributions(features) for model in self.models)
        parts: Parts = (1 - share) * pointwise + share * listwise
        for order in self.orders:
            order.add_contributions(parts, features)
        return parts

    @staticmethod
    def listwise_share(features: Matrix) -> Scores:
        """Return the share of the listwise model, (n,): 0 without a history, more with more events.

        ``share = largest * events / (events + HALF_SHARE_EVENTS)``, where ``largest`` is
        ``FIRST_LIST_SHARE`` if the user's last event is more than ``SESSION_LENGTH`` ago, and
        ``VISIT_SHARE`` otherwise.
        """
        events = np.expm1(np.fmax(features[:, EVENTS_COLUMN], 0))  # NaN becomes 0
        largest = np.where(features[:, GAP_COLUMN] > PAUSE, FIRST_LIST_SHARE, VISIT_SHARE)
        share = largest * events / (events + HALF_SHARE_EVENTS)
        shares: Scores = share.astype(np.float32, copy=False)
        return shares

    def part_weights(self, features: Matrix) -> dict[str, float]:
        """Return how much each model counts for the user whose pool this is."""
        share = float(self.listwise_share(features[:1]).sum())
        return {"pointwise": 1.0 - share, "listwise": share}

    @property
    def models(self) -> tuple[GradientBoosting, GradientBoosting]:
        """Both models."""
        return self.pointwise, self.listwise

    def write(self, folder: Path, stem: str) -> None:
        """Write both models, and the orders of channels if there are any."""
        self.pointwise.write(folder, f"{stem}.pointwise")
        self.listwise.write(folder, f"{stem}.listwise")
        if self.orders:
            stored = [order.to_json() for order in self.orders]
            path = folder / f"{stem}.{ORDERS_FILE}"
            path.write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, folder: Path, stem: str) -> Self:
        """Read what ``write`` wrote.

        Raises:
            OSError: a file is absent.
            ValueError: a file is damaged.
            KeyError: a part of a file is absent.
        """
        path = folder / f"{stem}.{ORDERS_FILE}"
        stored = orjson.loads(path.read_bytes()) if path.exists() else []
        return cls(
            GradientBoosting.read(folder, f"{stem}.pointwise"),
            GradientBoosting.read(folder, f"{stem}.listwise"),
            tuple(map(ChannelOrder.from_json, stored)),
        )

    def describe(self) -> RankerSummary:
        """Return how much each column counts: half by the weights, half by the trees' gain."""
        weights = [np.abs(model.base.weights.astype(np.float64)) for model in self.models]
        gains = [gain for model in self.models for gain in model.compute_gains()]
        parts = [_mean_share(weights), _mean_share(gains)]
        shares = np.mean([part for part in parts if part.any()] or parts, axis=0)
        return RankerSummary(
            dict(zip(self.pointwise.base.columns, shares.astype(np.float32).tolist(), strict=True)),
            {
                "largest share of its listwise model, after a pause": float(FIRST_LIST_SHARE),
                "the same within a visit": float(VISIT_SHARE),
                "events at which that model has half of its share": float(HALF_SHARE_EVENTS),
            },
            sum(model.tree_count for model in self.models),
            sum(len(model.to_text()) for model in self.models),
            tuple(order.sentence for order in self.orders),
        )

    def verify(self, columns: Sequence[str]) -> None:
        """Check that both models read as many columns as there are.

        Raises:
            ValueError: one reads more or fewer.
        """
        for model in self.models:
            if model.column_counts != {len(columns)}:
                raise ValueError(
                    f"the trees read {sorted(model.column_counts)} columns, the view has "
                    f"{len(columns)}: train again"
                )


def _mean_share(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of shares of the whole, (f,), over the parts that are not all 0."""
    shares = [part / part.sum() for part in parts if part.sum() > 0]
    return np.asarray(np.mean(shares or [parts[0] * 0.0], axis=0))
