"""The windows of the benchmark: what was known at a cut, and what each user took after it.

With timestamps the cut is a moment: nothing later is known. Without, some users' histories are
halved: one half is known, the other is what they are to be recommended (fold-in).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.data.dataset import Dataset, Log
from offline.data.errors import DataError
from offline.evaluate.rowsets import RowSets

TEST_CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # shares of the interactions that are known
SELECTION_CUTS = (0.3, 0.35, 0.4)  # the last window ends where the first of the test begins
WIDTH = 0.1  # share of the interactions in each window
FOLDED = 0.2  # share of the users whose histories are halved; as many again for selection
SEED = 20_260_101


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkWindow:
    """One question to every method: from ``known``, what will these ``users`` like next?"""

    name: str  # "50 %", or "fold-in"
    log: Log  # all that may be learned from
    cut: float  # the cut, unix seconds; later than all of ``known``
    users: NDArray[np.int64]  # (u,) user rows, ascending: those who took and liked something new
    relevant: RowSets  # what they took; gain 2^grade - 1 is the event's preference weight

    @property
    def events(self) -> NDArray[np.int64]:
        """Count what is known of each user, (u,); 0 for a cold one."""
        highest = int(max(self.users.max(initial=0), self.log.users.max(initial=0)))
        return np.bincount(self.log.users, minlength=highest + 1)[self.users]

    def seen(self) -> RowSets:
        """Give the items that each user has acted on, whether they liked them or not."""
        chosen = np.isin(self.log.users, self.users)
        owners = np.searchsorted(self.users, self.log.users[chosen])
        items = self.log.items[chosen].astype(np.int64)
        return RowSets.of_pairs(owners, items, len(self.users))


def test_windows(dataset: Dataset, cuts: Sequence[float] = TEST_CUTS) -> list[BenchmarkWindow]:
    """Give the windows that methods are judged on; without timestamps there is one, of users.

    Raises:
        DataError: nobody took anything new in one of them.
    """
    if not dataset.traits.has_times:
        tested, _ = _drawn(dataset.log)
        return [fold_in_window("fold-in", dataset.log, tested)]
    return [rolling_window(dataset.log, cut) for cut in cuts]


def selection_windows(dataset: Dataset) -> list[BenchmarkWindow]:
    """Give the windows that settings are chosen on; what is tested is in none of them.

    Raises:
        DataError: nobody took anything new in one of them.
    """
    if dataset.traits.has_times:
        return [rolling_window(dataset.log, cut) for cut in SELECTION_CUTS]
    tested, others = _drawn(dataset.log)
    return [fold_in_window("selection", fold_in_window("fold-in", dataset.log, tested).log, others)]


def rolling_window(log: Log, cut: float, width: float = WIDTH) -> BenchmarkWindow:
    """Cut at this share of the interactions; events of one moment stay on one side.

    Raises:
        DataError: nobody took anything new in the window.
    """
    start, end = _moment(log, cut), _moment(log, cut + width)
    return _window(f"{cut:.0%}", log.before(start), log.between(start, end), start)


def fold_in_window(name: str, log: Log, users: NDArray[np.int32]) -> BenchmarkWindow:
    """Hide half of the items, drawn by chance, of each of these users; the rest stays known.

    Raises:
        DataError: nobody liked anything that is hidden.
    """
    events = np.flatnonzero(np.isin(log.users, users))
    owned = np.stack([log.users[events], log.items[events]])
    pairs, pair_of = np.unique(owned, axis=1, return_inverse=True)
    luck = np.random.default_rng(SEED).random(pairs.shape[1])
    order = np.lexsort((luck, pairs[0]))
    place = np.arange(len(order)) - np.searchsorted(pairs[0], pairs[0])
    hidden = np.zeros(len(order), np.bool_)
    hidden[order] = place % 2 == 1  # of one item alone nothing is hidden
    gone = np.zeros(len(log), np.bool_)
    gone[events] = hidden[pair_of.ravel()]
    after = float(np.nextafter(log.times[-1], np.inf))
    return _window(name, log.take(np.flatnonzero(~gone)), log.take(np.flatnonzero(gone)), after)


def _window(name: str, known: Log, taken: Log, at: float) -> BenchmarkWindow:
    """Find who took what: positive events on items that were new to the user."""
    liked = taken.take(np.flatnonzero(taken.weights > 0))
    wide = int(max(known.items.max(initial=0), taken.items.max(initial=0))) + 1
    seen = np.unique(_pairs(known, wide))
    new = liked.take(np.flatnonzero(~np.isin(_pairs(liked, wide), seen)))
    if not len(new):
        raise DataError(
            f"Nobody liked anything new in the window {name}, so nothing can be judged there. "
            "More interactions are needed."
        )
    users, owners = np.unique(new.users, return_inverse=True)
    grades = np.log2(1.0 + new.weights)
    relevant = RowSets.of_pairs(owners, new.items.astype(np.int64), len(users), grades)
    return BenchmarkWindow(name, known, at, users.astype(np.int64), relevant)


def _moment(log: Log, share: float) -> float:
    """Give the time of the first event after this share; past the last event it is after all."""
    place = round(share * len(log))
    after = float(np.nextafter(log.times[-1], np.inf))
    return after if place >= len(log) else float(log.times[place])


def _drawn(log: Log) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw the users of the test and those of selection, apart."""
    drawn = np.random.default_rng(SEED).permutation(np.unique(log.users))
    size = round(FOLDED * len(drawn))
    return drawn[:size], drawn[size : 2 * size]


def _pairs(log: Log, wide: int) -> NDArray[np.int64]:
    return log.users.astype(np.int64) * wide + log.items
