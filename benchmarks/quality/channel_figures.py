"""NDCG@10 of the funnel and of its channels in several windows, pooled and compared."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.recall.registry import CHANNELS
from offline.evaluate.comparison import RANKING, REFERENCE
from offline.evaluate.figures import HEADLINE, Comparison, ConstantChoice, Difference
from offline.evaluate.intervals import Bootstrap

BEST_CHANNEL = "best channel"


@dataclass(frozen=True, slots=True, eq=False)
class WindowFigures:
    """NDCG@10 of every method for the users of one window, (u,) each."""

    name: str
    users: NDArray[np.int64]  # user rows
    is_warm: NDArray[np.bool_]
    lists: NDArray[np.int64]  # (u,) equal numbers: equal lists, without exploration
    ndcg: dict[str, NDArray[np.float64]]

    def channel_totals(self, *, warm: bool) -> NDArray[np.float64]:
        """Return the sum of each channel's NDCG@10 over the users of one group, (c,)."""
        return np.array([self.ndcg[name][self.is_warm == warm].sum() for name in CHANNELS])


@dataclass(slots=True, eq=False)
class OwnChannels:
    """Collects the windows of one data set."""

    windows: list[WindowFigures] = field(default_factory=list)
    constants: list[list[ConstantChoice]] = field(default_factory=list)  # of each training
    totals: dict[bool, NDArray[np.float64]] = field(default_factory=dict)  # is warm -> (c,)
    chosen: list[dict[str, str]] = field(default_factory=list)  # of each window, by group

    def learn(self, figures: WindowFigures) -> None:
        """Count the channels of a window, for the choice in later ones."""
        for warm in (True, False):
            total = self.totals.get(warm, np.zeros(len(CHANNELS)))
            self.totals[warm] = total + figures.channel_totals(warm=warm)

    def add(self, figures: WindowFigures) -> None:
        """Add a test window, with the channels that earlier windows chose."""
        warm, cold = (list(CHANNELS)[int(self.totals[group].argmax())] for group in (True, False))
        best = np.where(figures.is_warm, figures.ndcg[warm], figures.ndcg[cold])
        self.chosen.append({"warm": warm, "cold": cold})
        self.windows.append(replace(figures, ndcg=figures.ndcg | {BEST_CHANNEL: best}))
        self.learn(figures)

    def compare(self, *, warm: bool, seed: int) -> Comparison | None:
        """Pool the windows, and compare the funnel with and without exploration with the rest."""
        chosen = [figures.is_warm == warm for figures in self.windows]
        if not any(members.any() for members in chosen):
            return None
        methods = list(self.windows[0].ndcg)
        columns = np.concatenate(
            [
                np.stack([figures.ndcg[method][members] for method in methods], axis=1)
                for figures, members in zip(self.windows, chosen, strict=True)
            ]
        )
        clusters = np.concatenate(
            [
                figures.users[members] if warm else (figures.lists[members] << 8) + number
                for number, (figures, members) in enumerate(zip(self.windows, chosen, strict=True))
            ]
        )
        drawn = Bootstrap.of(columns, seed, user_ids=clusters)

        def differences(reference: str) -> dict[str, Difference]:
            at = methods.index(reference)
            return {
                method: Difference(
                    difference=drawn.difference(at, other), ratio=drawn.ratio(at, other)
                )
                for other, method in enumerate(methods)
                if method != reference
            }

        return Comparison(
            evaluated_users=len(columns),
            methods={method: {HEADLINE: drawn.mean(at)} for at, method in enumerate(methods)},
            differences={
                method: {HEADLINE: figure} for method, figure in differences(REFERENCE).items()
            },
            ranking_differences=differences(RANKING),
        )
