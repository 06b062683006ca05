"""Lists of the tuned libraries in the middle of a visit: each user's events so far are folded in.

A library is fitted at the cut, with the settings that ``benchmarks.quality.run`` has chosen on
windows before the middle of the log. For each request it gets the whole history of the user, with
the events of the window until then.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows
from benchmarks.quality.exchange import Task
from benchmarks.quality.libraries import LIBRARIES, PEER_FOLDERS, PeerFolders
from benchmarks.quality.tasks import NO_REVEALED_EVENTS
from offline.data.dataset import Dataset, Log
from offline.data.errors import DataError
from offline.evaluate.metrics import K
from offline.training.past_requests import ActiveUser

FOLD_IN_LIBRARIES = ("ease", "rp3beta", "item_knn", "ials_irspack", "ials_lenskit")


@dataclass(frozen=True, slots=True)
class TunedLibraries:
    """The libraries to compare with, their settings, and where they run."""

    parameters: Mapping[str, dict[str, Any]]  # by name of the library
    folders: PeerFolders = PEER_FOLDERS

    @classmethod
    def read(cls, path: Path, folders: PeerFolders = PEER_FOLDERS) -> "TunedLibraries":
        """Read the settings from a result of ``benchmarks.quality.run``.

        Raises:
            DataError: the file is no such result, or has the settings of no library that folds in.
        """
        try:
            details = json.loads(path.read_text())["details"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} is no result of benchmarks.quality.run ({error}).") from None
        parameters = {
            name: details[name]
            for name in FOLD_IN_LIBRARIES
            if "parameters" in details.get(name, {})
        }
        if not parameters:
            raise DataError(f"{path} has the settings of none of {', '.join(FOLD_IN_LIBRARIES)}.")
        return cls(parameters, folders)

    def lists(self, past: Dataset, users: Sequence[ActiveUser]) -> dict[str, list[Rows]]:
        """Compute the list of each library for each request, without items of the history.

        Args:
            past: the data with the log before the cut, on which the libraries are fitted.
            users: the user of each request, with the events since the cut in ``since``.

        Raises:
            DataError: a library failed. The text has the end of its error.
        """
        with tempfile.TemporaryDirectory() as folder:
            task = Path(folder) / "task.npz"
            build_visit_task(past, users).save(task)
            return {name: self._run(name, task) for name in self.parameters}

    def _run(self, name: str, task: Path) -> list[Rows]:
        library, out = LIBRARIES[name], task.with_name(f"{name}.npy")
        settings = task.with_name(f"{name}.json")
        settings.write_text(json.dumps(self.parameters[name]))
        paths = (str(path.resolve()) for path in (settings, task, out))
        process = self.folders.run(library.environment, "fold_in", library.module, name, *paths)
        if process.returncode:
            raise DataError(f"{name} failed: {process.stderr.strip()[-500:]}")
        rows: NDArray[np.int64] = np.load(out, allow_pickle=False)[:, :K].astype(np.int64)
        return [one[one >= 0] for one in rows]


def fill_empty(lists: Sequence[Rows], popular: Sequence[Rows]) -> list[Rows]:
    """Return these lists, and the popular items where one is empty."""
    return [own if len(own) else other for own, other in zip(lists, popular, strict=True)]


def build_visit_task(past: Dataset, users: Sequence[ActiveUser]) -> Task:
    """Build the task of a peer: the log before the cut, and the history of each request."""
    log = past.log
    owners, items, weights = _histories(log, users)
    return Task(
        users=log.users,
        items=log.items,
        values=log.values,
        weights=log.weights,
        times=log.times,
        target_users=np.array([one.user for one in users], np.int64),
        revealed_events=np.stack([owners, items], axis=1) if len(owners) else NO_REVEALED_EVENTS,
        revealed_is_liked=weights > 0,
        shape=np.array([len(past.users), len(past.catalogue)]),
        cut_time=np.array([float(log.times[-1])]),
        is_explicit=np.array([past.traits.is_explicit]),
        has_times=np.array([past.traits.has_times]),
    )


def _histories(
    log: Log, users: Sequence[ActiveUser]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the events of each request: its position, the item row and the weight, (e,)."""
    order = np.argsort(log.users, kind="stable")
    bounds = np.searchsorted(log.users[order], [[one.user, one.user + 1] for one in users])
    earlier = [order[low:high] for low, high in bounds]
    sizes = [len(own) + len(one.since) for own, one in zip(earlier, users, strict=True)]
    parts = list(zip(earlier, users, strict=True))
    items = [np.concatenate([log.items[own], one.since.rows]) for own, one in parts]
    weights = [np.concatenate([log.weights[own], one.since.weights]) for own, one in parts]
    owners = np.repeat(np.arange(len(users)), sizes)
    return owners, np.concatenate(items).astype(np.int64), np.concatenate(weights)
