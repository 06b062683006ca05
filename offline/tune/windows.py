"""What a search may look at: the windows before the test, each with a part to play."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.job import JobConfig
from offline.training.replay import ReplayUser, add_later_moments, find_active_users, sample_users

MIN_WINDOWS = (
    4  # windows: one to learn from, one to choose on, one to confirm on, one for the last word
)
MAX_SELECTION_WINDOWS = 3  # windows, at most


@dataclass(frozen=True, slots=True, eq=False)
class TuningData:
    """The data up to the end of the last window; nothing later is in it."""

    dataset: Dataset
    windows: tuple[tuple[float, float], ...]  # in time order, adjoining, as in ``Split``

    @classmethod
    def of(cls, dataset: Dataset, windows: Sequence[tuple[float, float]]) -> "TuningData":
        """Cut the data off where the last window ends.

        Raises:
            DataError: the windows are too few, or in one that is needed nobody took anything new.
        """
        if len(windows) < MIN_WINDOWS:
            raise DataError(
                f"A search needs {MIN_WINDOWS} windows before the test, and the data gives "
                f"{len(windows)}: too many interactions share their timestamps."
            )
        log = dataset.log.before(windows[-1][1])
        known = cls(replace(dataset, log=log), tuple(windows))
        for window in (*known.selection, known.confirmation, known.last):
            if not find_active_users(log, *windows[window]):
                raise DataError(
                    "In one of the windows before the test nobody liked anything new, so settings "
                    "cannot be compared there. More interactions are needed."
                )
        return known

    @property
    def selection(self) -> range:
        """Give the windows by which trials are compared, earlier ones first."""
        end = self.confirmation
        return range(max(1, end - MAX_SELECTION_WINDOWS), end)

    @property
    def confirmation(self) -> int:
        """Give the window on which the best trial of a part must be better than the default."""
        return len(self.windows) - 2

    @property
    def last(self) -> int:
        """Give the window on which all that was found must be better than the defaults."""
        return len(self.windows) - 1

    def users(self, window: int, config: JobConfig) -> list[ReplayUser]:
        """Find who took something new in a window, and when each asks, as ``replay`` does."""
        log, (start, end) = self.dataset.log, self.windows[window]
        users = sample_users(find_active_users(log, start, end), config.askers, config.seed)
        return add_later_moments(log, users, start, end, config.seed)
