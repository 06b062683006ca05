"""A window with the lists of every method for its users."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.windows import BenchmarkWindow
from offline.data.dataset import Dataset
from offline.evaluate import metrics
from offline.evaluate.baselines import popular_lists
from offline.evaluate.comparison import OBVIOUS, ItemBackground
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.models import content
from offline.models.content import ContentConfig

HEADLINE = "graded_ndcg@10"
SEED = 7
K, MAX_LIST_LENGTH = 10, 20


@dataclass(frozen=True, slots=True, eq=False)
class WindowLists:
    """A window, and the lists of every method for its users, (u, 20 or more) each."""

    window: BenchmarkWindow
    lists: dict[str, Lists]
    background: ItemBackground

    @classmethod
    def of(
        cls, dataset: Dataset, window: BenchmarkWindow, lists: dict[str, Lists]
    ) -> "WindowLists":
        """Add the item counts and vectors of the cut, and the lists by popularity."""
        counts = np.bincount(window.log.items, minlength=len(dataset.catalogue))
        vectors = content.fit_content(dataset.catalogue, ContentConfig(), SEED).items
        background = ItemBackground(counts.astype(np.float64), vectors if vectors.any() else None)
        if OBVIOUS not in lists:  # serendipity needs them
            order = np.argsort(-counts, kind="stable").astype(np.int64)
            lists = lists | {OBVIOUS: popular_lists(order, window.seen(), MAX_LIST_LENGTH)}
        return cls(window, lists, background)

    def take(self, chosen: NDArray[np.intp]) -> tuple[dict[str, Lists], RowSets]:
        """Return the lists and the relevant items of these users."""
        lists = {method: rows[chosen] for method, rows in self.lists.items()}
        return lists, self.window.relevant.take(chosen)


def compute_headline(lists: Lists, relevant: RowSets) -> PerUser:
    """Return graded NDCG@10 of each user."""
    return metrics.ndcg(metrics.grade_lists(lists, relevant), K, graded=True)
