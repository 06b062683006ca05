"""The windows of the benchmark: the log before a cut, what each user liked after it, and lists.

With timestamps a cut is a moment. Methods see no later event. Without timestamps the histories of
some users are divided into two halves. Methods see one half, and the other half is relevant
(fold-in).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.data.dataset import Dataset, Log
from offline.data.errors import DataError
from offline.evaluate import metrics
from offline.evaluate.baselines import popular_lists
from offline.evaluate.comparison import OBVIOUS, ItemBackground
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rowsets import RowSets
from offline.models import content
from offline.models.content import ContentConfig

TEST_CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # shares of the interactions before the cut
SELECTION_CUTS = (0.3, 0.35, 0.4)  # the last window ends where the first test window begins
WIDTH = 0.1  # share of the interactions in each window
FOLD_IN_SHARE = 0.2  # of the users have halved histories in the test; as many others in selection
HEADLINE = "graded_ndcg@10"
SEED = 7  # of intervals and models
K, MAX_LIST_LENGTH = 10, 20
DRAW_SEED = 20_260_101  # of fold-in users and of their hidden items


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkWindow:
    """One task for every method: predict from ``log`` what these ``users`` will like next."""

    name: str  # "50 %", or "fold-in"
    log: Log  # all that a method may learn from
    cut: float  # unix seconds; later than everything in ``log``
    users: NDArray[np.int64]  # (u,) user rows, ascending: those who liked something new
    relevant: RowSets  # what they liked; the gain 2^grade - 1 is the weight of the event

    @property
    def events(self) -> NDArray[np.int64]:
        """The number of events of each user before the cut, (u,); 0 for a cold user."""
        highest = int(max(self.users.max(initial=0), self.log.users.max(initial=0)))
        return np.bincount(self.log.users, minlength=highest + 1)[self.users]

    def seen(self) -> RowSets:
        """Return the items that each user has acted on, whether they liked them or not."""
        chosen = np.isin(self.log.users, self.users)
        owners = np.searchsorted(self.users, self.log.users[chosen])
        items = self.log.items[chosen].astype(np.int64)
        return RowSets.of_pairs(owners, items, len(self.users))


def test_windows(dataset: Dataset, cuts: Sequence[float] = TEST_CUTS) -> list[BenchmarkWindow]:
    """Return the windows that methods are evaluated on; without timestamps one, of users.

    Raises:
        DataError: no user liked anything new in one of them.
    """
    if not dataset.traits.has_times:
        test_users, _ = _draw_users(dataset.log)
        return [fold_in_window("fold-in", dataset.log, test_users)]
    return [rolling_window(dataset.log, cut) for cut in cuts]


def selection_windows(dataset: Dataset) -> list[BenchmarkWindow]:
    """Return the windows on which settings are chosen. None of them holds a tested event.

    Raises:
        DataError: no user liked anything new in one of them.
    """
    if dataset.traits.has_times:
        return [rolling_window(dataset.log, cut) for cut in SELECTION_CUTS]
    test_users, other_users = _draw_users(dataset.log)
    remaining = fold_in_window("fold-in", dataset.log, test_users).log
    return [fold_in_window("selection", remaining, other_users)]


def rolling_window(log: Log, cut: float, width: float = WIDTH) -> BenchmarkWindow:
    """Cut at this share of the interactions. Events of one moment stay together.

    Raises:
        DataError: no user liked anything new in the window.
    """
    start, end = _time_at(log, cut), _time_at(log, cut + width)
    return _window(f"{cut:.0%}", log.before(start), log.between(start, end), start)


def fold_in_window(name: str, log: Log, users: NDArray[np.int32]) -> BenchmarkWindow:
    """Hide a random half of the items of each of these users. The other half stays in the log.

    Raises:
        DataError: no user liked anything that is hidden.
    """
    events = np.flatnonzero(np.isin(log.users, users))
    owned = np.stack([log.users[events], log.items[events]])
    pairs, pair_of = np.unique(owned, axis=1, return_inverse=True)
    draws = np.random.default_rng(DRAW_SEED).random(pairs.shape[1])
    order = np.lexsort((draws, pairs[0]))
    position = np.arange(len(order)) - np.searchsorted(pairs[0], pairs[0])
    hidden = np.zeros(len(order), np.bool_)
    hidden[order] = position % 2 == 1  # the item of a user with one item is not hidden
    is_hidden = np.zeros(len(log), np.bool_)
    is_hidden[events] = hidden[pair_of.ravel()]
    after = float(np.nextafter(log.times[-1], np.inf))
    return _window(
        name, log.take(np.flatnonzero(~is_hidden)), log.take(np.flatnonzero(is_hidden)), after
    )


def _window(name: str, past: Log, future: Log, cut: float) -> BenchmarkWindow:
    """Build a window: relevant are positive events on items that are new to the user."""
    liked = future.take(np.flatnonzero(future.weights > 0))
    items = int(max(past.items.max(initial=0), future.items.max(initial=0))) + 1
    seen = np.unique(_pairs(past, items))
    new = liked.take(np.flatnonzero(~np.isin(_pairs(liked, items), seen)))
    if not len(new):
        raise DataError(
            f"No user liked anything new in the window {name}, so it cannot be evaluated. "
            "More interactions are needed."
        )
    users, owners = np.unique(new.users, return_inverse=True)
    grades = np.log2(1.0 + new.weights)
    relevant = RowSets.of_pairs(owners, new.items.astype(np.int64), len(users), grades)
    return BenchmarkWindow(name, past, cut, users.astype(np.int64), relevant)


def _time_at(log: Log, share: float) -> float:
    """Return the time of the first event after this share, or a time after the last event."""
    position = round(share * len(log))
    after = float(np.nextafter(log.times[-1], np.inf))
    return after if position >= len(log) else float(log.times[position])


def _draw_users(log: Log) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw the users of the test and, apart from them, those of the selection."""
    drawn = np.random.default_rng(DRAW_SEED).permutation(np.unique(log.users))
    size = round(FOLD_IN_SHARE * len(drawn))
    return drawn[:size], drawn[size : 2 * size]


def _pairs(log: Log, items: int) -> NDArray[np.int64]:
    return log.users.astype(np.int64) * items + log.items


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
