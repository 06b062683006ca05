"""Users who came after the models were made, after ever more of their own first events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.exchange import Task
from benchmarks.quality.tasks import build_task
from benchmarks.quality.windows import BenchmarkWindow, rolling_window
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.evaluate.metrics import PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.replay import ReplayUser, advance_user, split_events_by_user

REVEALED_EVENTS = (0, 1, 3, 5, 10, 20)  # events revealed
CUT = 0.8  # share of the interactions that the models know


@dataclass(frozen=True, slots=True, eq=False)
class NewUsers:
    """The same users at every point, point after point."""

    window: BenchmarkWindow  # its users have no history
    revealed_counts: Sequence[int]
    askers: list[ReplayUser]  # (points * u,)

    @property
    def relevant(self) -> RowSets:
        """Give what each took after what is revealed, (points * u) sets."""
        return RowSets.of([asker.relevant for asker in self.askers])

    def revealed_rows(self) -> RowSets:
        """Give what is revealed of each."""
        return RowSets.of([asker.since.rows for asker in self.askers])

    def split_by_point(self, scores: PerUser) -> list[PerUser]:
        """Part what there is of everyone (points * u,) by point."""
        return np.split(scores, len(self.revealed_counts))


def select_new_users(
    dataset: Dataset, cut: float = CUT, points: Sequence[int] = REVEALED_EVENTS
) -> NewUsers:
    """Find the users without any event before the cut who like something after the last point.

    Raises:
        DataError: the data has no timestamps, or nobody came with as many events.
    """
    if not dataset.traits.has_times:
        raise DataError("Without timestamps nobody is new: the new-user curve cannot be drawn.")
    window = rolling_window(dataset.log, cut, 1 - cut)
    new = np.flatnonzero(window.events == 0)
    owned = split_events_by_user(dataset.log.between(window.cut, np.inf), _plain(window, new))
    told = [
        [advance_user(own, asker, events) for events in points]
        for own, asker in zip(owned, _plain(window, new), strict=True)
    ]
    whole = [[asker for asker in line if asker] for line in told]
    whole = [line for line in whole if len(line) == len(points)]
    if not whole:
        raise DataError(
            f"No user who came after the cut likes anything after {points[-1]} events: "
            "choose an earlier cut or fewer events."
        )
    askers = [line[at] for at in range(len(points)) for line in whole]
    return NewUsers(window, points, askers)


def build_fold_in_task(dataset: Dataset, found: NewUsers) -> Task:
    """Put all points into one task for a peer: its model is the same at each."""
    base = build_task(dataset, found.window)
    sizes = [len(asker.since) for asker in found.askers]
    owners = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.concatenate([asker.since.rows for asker in found.askers])
    weights = np.concatenate([asker.since.weights for asker in found.askers])
    return Task(
        users=base.users,
        items=base.items,
        values=base.values,
        weights=base.weights,
        times=base.times,
        target_users=np.array([asker.user for asker in found.askers], np.int64),
        revealed_events=np.stack([owners, rows], axis=1),
        revealed_is_liked=weights > 0,
        shape=base.shape,
        cut_time=base.cut_time,
        is_explicit=base.is_explicit,
        has_times=base.has_times,
    )


def _plain(window: BenchmarkWindow, chosen: NDArray[np.intp]) -> list[ReplayUser]:
    relevant = window.relevant.take(chosen)
    parts = np.split(relevant.rows, relevant.indptr[1:-1])
    users = window.users[chosen]
    return [ReplayUser(int(user), part) for user, part in zip(users, parts, strict=True)]
