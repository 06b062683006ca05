"""Users who come after the models are fitted, with more and more of their first events revealed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.quality.exchange import Task
from benchmarks.quality.funnel_lists import build_active_users
from benchmarks.quality.tasks import build_task
from benchmarks.quality.windows import BenchmarkWindow, rolling_window
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.evaluate.metrics import PerUser
from offline.evaluate.rowsets import RowSets
from offline.training.past_requests import ActiveUser, advance_user, split_events_by_user

REVEALED_EVENTS = (0, 1, 3, 5, 10, 20)  # one point of the curve each
CUT = 0.8  # share of the interactions that the models learn from


@dataclass(frozen=True, slots=True, eq=False)
class NewUsers:
    """The same users at every point, point after point."""

    window: BenchmarkWindow  # its users have no history
    revealed_counts: Sequence[int]
    users: list[ActiveUser]  # (points * u,)

    @property
    def relevant(self) -> RowSets:
        """What each user liked after the revealed events, (points * u) sets."""
        return RowSets.of([user.relevant for user in self.users])

    def revealed_rows(self) -> RowSets:
        """Return the items of the revealed events of each user."""
        return RowSets.of([user.since.rows for user in self.users])

    def split_by_point(self, scores: PerUser) -> list[PerUser]:
        """Split figures of all users (points * u,) by point."""
        return np.split(scores, len(self.revealed_counts))


def select_new_users(
    dataset: Dataset, cut: float = CUT, points: Sequence[int] = REVEALED_EVENTS
) -> NewUsers:
    """Select the users without an event before the cut who like something after the last point.

    Raises:
        DataError: the data has no timestamps, or no user has as many events.
    """
    if not dataset.traits.has_times:
        raise DataError("Without timestamps no user is new, so there is no new-user curve.")
    window = rolling_window(dataset.log, cut, 1 - cut)
    new = np.flatnonzero(window.events == 0)
    users = build_active_users(window, new)
    events_of = split_events_by_user(dataset.log.between(window.cut, np.inf), users)
    at_points = [
        [advance_user(own, user, events) for events in points]
        for own, user in zip(events_of, users, strict=True)
    ]
    complete = [[user for user in line if user] for line in at_points]
    complete = [line for line in complete if len(line) == len(points)]
    if not complete:
        raise DataError(
            f"No user who comes after the cut likes anything after {points[-1]} events: "
            "choose an earlier cut or fewer events."
        )
    replayed = [line[at] for at in range(len(points)) for line in complete]
    return NewUsers(window, points, replayed)


def build_fold_in_task(dataset: Dataset, new_users: NewUsers) -> Task:
    """Build one task of all points for a peer; its model is the same at each."""
    base = build_task(dataset, new_users.window)
    sizes = [len(user.since) for user in new_users.users]
    owners = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.concatenate([user.since.rows for user in new_users.users])
    weights = np.concatenate([user.since.weights for user in new_users.users])
    return replace(
        base,
        target_users=np.array([user.user for user in new_users.users], np.int64),
        revealed_events=np.stack([owners, rows], axis=1),
        revealed_is_liked=weights > 0,
    )
