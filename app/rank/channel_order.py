"""The order of one channel in the fine ranker's score, for users with some number of events."""

from dataclasses import asdict, dataclass
from math import inf
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Scores
from app.features.views import FINE_VIEW, column_names
from app.rank.scorer import Parts

ALONE = 10_000.0  # the least weight with which the channel's own order holds
EVENTS_COLUMN = column_names(FINE_VIEW).index("user_events")  # log1p of the number of events


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """``weight`` times an item's rank column in a channel's list is added to the item's score.

    Training finds out for which users this ranks clearly better than the trees alone: where one
    matrix product is best, it has the order. ``offline.training.channel_orders`` chooses it.
    """

    column: str  # of the rank in the channel's list, "item_cf_rank"
    weight: float  # above 0; of ``ALONE`` the trees only order what the channel did not propose
    events_from: int  # of the user's history
    events_to: float  # without this number itself; infinity: no bound
    ndcg: float  # NDCG@10 of the trees alone, on the newest training window
    gain: float  # what the channel's order adds to that

    def __post_init__(self) -> None:
        """Check the column.

        Raises:
            ValueError: the fine view has no such column.
        """
        if self.column not in column_names(FINE_VIEW):
            raise ValueError(f"the fine ranker has no column {self.column!r}: train again")

    def holds_for(self, features: Matrix) -> NDArray[np.bool_]:
        """Return which rows are of users with this number of events, (n,)."""
        events = np.rint(np.expm1(np.fmax(features[:, EVENTS_COLUMN], 0)))  # NaN becomes 0
        is_held: NDArray[np.bool_] = (events >= self.events_from) & (events < self.events_to)
        return is_held

    def score(self, features: Matrix) -> Scores:
        """Return what is added to the score of each row, (n,); 0 for other users."""
        column = features[:, column_names(FINE_VIEW).index(self.column)]
        own = np.nan_to_num(column, nan=0.0) * np.float32(self.weight)
        scores: Scores = np.where(self.holds_for(features), own, np.float32(0.0))
        return scores

    def add_contributions(self, parts: Parts, features: Matrix) -> None:
        """Add what ``score`` adds to the parts of each row, (n, f + 1), in place."""
        parts[:, column_names(FINE_VIEW).index(self.column)] += self.score(features)

    @property
    def sentence(self) -> str:
        """What a report says of it."""
        channel = self.column.removesuffix("_rank")
        counts = (
            f"items are in the order of the channel {channel}"
            if self.weight >= ALONE
            else f"the order of the channel {channel} counts beside the trees, by {self.weight:g}"
        )
        return (
            f"For users with {self._describe_events()} {counts}: NDCG@10 on the newest training "
            f"window {self.ndcg:.3f} -> {self.ndcg + self.gain:.3f}."
        )

    def _describe_events(self) -> str:
        if self.events_to == inf:
            return f"{self.events_from} or more events"
        last = int(self.events_to) - 1
        return "no event" if not last else f"{self.events_from} to {last} events"

    def to_json(self) -> dict[str, object]:
        """Return the fields; no upper bound is None."""
        fields = asdict(self)
        return fields | {"events_to": None if self.events_to == inf else self.events_to}

    @classmethod
    def from_json(cls, fields: dict[str, object]) -> Self:
        """Return the order whose ``to_json`` this is.

        Raises:
            TypeError: a field is absent, or one too many is there.
            ValueError: the fine view has no such column.
        """
        bound = fields.get("events_to")
        return cls(**fields | {"events_to": inf if bound is None else bound})  # type: ignore[arg-type]
