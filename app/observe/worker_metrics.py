"""Merges the metrics of all workers of this machine, through the folder that they share."""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from typing_extensions import override


class WorkersCollector(MultiProcessCollector):
    """Merges the workers' files; gauges of workers that have ended do not count.

    Nobody reports a worker that was killed, so each scrape checks which processes are alive.
    """

    @override
    def collect(self) -> Iterable[Metric]:
        """Return every metric once, over all workers."""
        remove_dead_workers(Path(self._path))
        metrics: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return metrics


def remove_dead_workers(folder: Path) -> None:
    """Remove the live gauges of processes that have ended; their counters stay in the sums."""
    owners = {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}
    for process in owners:
        if not _is_alive(process):
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process exists and belongs to another user
        return True
    return True
