"""Computes lists for users that the model was not fitted on, from their first events.

    python -m benchmarks.quality.peers.fold_in MODULE PEER DETAILS TASK OUT

``DETAILS`` is the file of an earlier run of the same peer. Its settings are used again.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.runner import compute_lists


def main(module: str, name: str, details: Path, task: Path, out: Path) -> None:
    """Fit once, and write the lists of the target users."""
    peer = import_module(f"benchmarks.quality.peers.{module}").PEERS[name]
    parameters = json.loads(details.read_text())["parameters"]
    np.save(out, compute_lists(peer, Task.load(task), parameters))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(Path(argument) for argument in sys.argv[3:6]))
