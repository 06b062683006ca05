"""Writes the files that peers are asked by. What is tested is in none of them."""

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
    """Write one file a window, and what the users took of the selection windows alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, window in enumerate(selection):
        path = folder / f"selection-{number}.npz"
        build_task(dataset, window).save(path)
        held = window.relevant
        np.savez_compressed(
            path.with_suffix(".targets.npz"),
            indptr=held.indptr,
            rows=held.rows,
            grades=held.grades,
        )
    for number, window in enumerate(tests):
        build_task(dataset, window).save(folder / f"test-{number}.npz")


def build_task(dataset: Dataset, window: BenchmarkWindow) -> Task:
    """Put a window into the form that peers read."""
    known = window.log
    return Task(
        users=known.users,
        items=known.items,
        values=known.values,
        weights=known.weights,
        times=known.times,
        target_users=window.users,
        revealed_events=NO_REVEALED_EVENTS,
        revealed_is_liked=np.empty(0, np.bool_),
        shape=np.array([len(dataset.users), len(dataset.catalogue)]),
        cut_time=np.array([window.cut]),
        is_explicit=np.array([dataset.traits.is_explicit]),
        has_times=np.array([dataset.traits.has_times]),
    )


def compute_digest(selection: Sequence[BenchmarkWindow], tests: Sequence[BenchmarkWindow]) -> str:
    """Tell windows apart: the same data, cut in the same way, has the same digest."""
    told = hashlib.sha256()
    for window in [*selection, *tests]:
        log = window.log
        columns = (log.users, log.items, log.weights, log.values, log.times, window.users)
        for column in columns:
            told.update(np.ascontiguousarray(column).tobytes())
    return told.hexdigest()[:12]
