"""Writes the task files that peers read. None of them holds a tested event."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.quality.exchange import Task
from benchmarks.quality.windows import BenchmarkWindow
from offline.data.dataset import Dataset

NO_REVEALED_EVENTS = np.empty((0, 2), np.int64)


def write_tasks(
    dataset: Dataset,
    selection: Sequence[BenchmarkWindow],
    tests: Sequence[BenchmarkWindow],
    folder: Path,
) -> None:
    """Write a file for each window, and the relevant items of the selection windows alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, window in enumerate(selection):
        path = folder / f"selection-{number}.npz"
        build_task(dataset, window).save(path)
        relevant = window.relevant
        np.savez_compressed(
            path.with_suffix(".targets.npz"),
            indptr=relevant.indptr,
            rows=relevant.rows,
            grades=relevant.grades,
        )
    for number, window in enumerate(tests):
        build_task(dataset, window).save(folder / f"test-{number}.npz")


def build_task(dataset: Dataset, window: BenchmarkWindow) -> Task:
    """Convert a window to the form that peers read."""
    log = window.log
    return Task(
        users=log.users,
        items=log.items,
        values=log.values,
        weights=log.weights,
        times=log.times,
        target_users=window.users,
        revealed_events=NO_REVEALED_EVENTS,
        revealed_is_liked=np.empty(0, np.bool_),
        shape=np.array([len(dataset.users), len(dataset.catalogue)]),
        cut_time=np.array([window.cut]),
        is_explicit=np.array([dataset.traits.is_explicit]),
        has_times=np.array([dataset.traits.has_times]),
    )


def compute_digest(selection: Sequence[BenchmarkWindow], tests: Sequence[BenchmarkWindow]) -> str:
    """Return a digest of the windows: the same data with the same cuts has the same digest."""
    digest = hashlib.sha256()
    for window in [*selection, *tests]:
        log = window.log
        columns = (log.users, log.items, log.weights, log.values, log.times, window.users)
        for column in columns:
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:12]
