"""Answers users that the model was not fitted on, from their first events.

    python -m benchmarks.quality.peers.fold_in MODULE PEER TOLD TASK OUT

``TOLD`` is the ``told.json`` of the same peer: its settings are not chosen anew.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.runner import compute_lists


def main(module: str, name: str, told: Path, task: Path, out: Path) -> None:
    """Fit once, and write the lists of everyone asked."""
    peer = import_module(f"benchmarks.quality.peers.{module}").PEERS[name]
    parameters = json.loads(told.read_text())["parameters"]
    np.save(out, compute_lists(peer, Task.load(task), parameters))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(Path(argument) for argument in sys.argv[3:6]))
