"""The data of a search: the windows before the test, each with its own purpose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.rerank.seen import seen_rules
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.training.past_requests import ActiveUser, find_active_users, sample_users
from offline.training.visits import training_moments

MIN_WINDOWS = 4  # to train, to select, to confirm, and to compare the whole funnel
MAX_SELECTION_WINDOWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TuningData:
    """The data up to the end of the last window. It has no later event."""

    dataset: Dataset
    windows: tuple[tuple[float, float], ...]  # in time order, adjoining, as in ``TimeSplit``

    @classmethod
    def of(cls, dataset: Dataset, windows: Sequence[tuple[float, float]]) -> "TuningData":
        """Cut the data off where the last window ends.

        Raises:
            DataError: there are too few windows, or no user liked a new item in one of them.
        """
        if len(windows) < MIN_WINDOWS:
            raise DataError(
                f"A search needs {MIN_WINDOWS} windows before the test, and the data gives "
                f"{len(windows)}: too many interactions share their timestamps."
            )
        log = dataset.log.before(windows[-1][1])
        data = cls(replace(dataset, log=log), tuple(windows))
        for window in (*data.selection, data.confirmation, data.last):
            if not find_active_users(log, *windows[window]):
                raise DataError(
                    "In one of the windows before the test no user liked a new item, so settings "
                    "cannot be compared there. More interactions are needed."
                )
        return data

    @property
    def selection(self) -> range:
        """The windows on which trials are compared, earlier ones first."""
        end = self.confirmation
        return range(max(1, end - MAX_SELECTION_WINDOWS), end)

    @property
    def confirmation(self) -> int:
        """The window on which the best trial of a part must beat the default."""
        return len(self.windows) - 2

    @property
    def last(self) -> int:
        """The window on which the new settings together must beat the defaults."""
        return len(self.windows) - 1

    def users(self, window: int, config: JobConfig) -> list[ActiveUser]:
        """Return the users of a window and their moments, as ``collect_window_rows`` finds them."""
        times = self.windows[window]
        active = find_active_users(self.dataset.log, *times, seen_rules(config.policy.seen))
        users = sample_users(active, config.users_per_window, config.seed)
        return training_moments(self.dataset, users, times, config.visits, config.seed)
