"""Compares the project's metrics with those of ranx, which runs in the peers' environment."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.libraries import PEER_FOLDERS, ROOT, PeerFolders
from benchmarks.quality.window_lists import MAX_LIST_LENGTH, WindowLists

ENVIRONMENT = "matrix"
TOLERANCE = 1e-9


class MetricsDifferError(Exception):
    """The project's metrics differ from those of ranx, so no figure can be trusted."""


def largest_difference(
    windows: Sequence[WindowLists], folders: PeerFolders = PEER_FOLDERS
) -> float | None:
    """Return the largest difference of any figure of any user; None without the environment.

    Raises:
        MetricsDifferError: the difference is more than rounding.
    """
    if not (folders.environments / ENVIRONMENT).exists():
        return None
    worst = max(_difference(part, folders) for part in windows)
    if worst > TOLERANCE:
        raise MetricsDifferError(
            f"a figure differs from that of ranx by {worst:.1e}, more than {TOLERANCE:.0e}"
        )
    return worst


def _difference(part: WindowLists, folders: PeerFolders) -> float:
    relevant = part.window.relevant
    lists: dict[str, Any] = {
        f"lists {name}": rows[:, :MAX_LIST_LENGTH] for name, rows in part.lists.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists.npz"
        np.savez(path, indptr=relevant.indptr, rows=relevant.rows, grades=relevant.grades, **lists)
        command = [
            *folders.interpreter(ENVIRONMENT),
            "-m",
            "benchmarks.quality.peers.cross_check",
            str(path),
        ]
        process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    if process.returncode:
        raise MetricsDifferError(f"ranx failed:\n{process.stderr[-1000:]}")
    return float(process.stdout.split()[-1])
