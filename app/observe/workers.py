"""The shared folder of the workers' metrics: whose files still count."""

import os
from pathlib import Path

from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


def forget_dead_workers(folder: Path) -> None:
    """Leave gauges of workers that have ended, by ``kill -9`` too, out of the next scrape."""
    for file in folder.glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        if not _is_alive(process):
            mark_process_dead(process, str(folder))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, and is another user's
        return True
    return True
