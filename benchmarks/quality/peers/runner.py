"""Tunes one peer on the selection tasks, then computes its lists of the test tasks.

    python -m benchmarks.quality.peers.runner MODULE PEER FOLDER OUT [SECONDS | SETTINGS]

Runs in the environment of the peer. ``FOLDER`` holds ``selection-*.npz`` with their
``.targets.npz``, and ``test-*.npz`` without. After ``SECONDS`` of processor time no further trial
of tuning begins. With ``SETTINGS``, a file of an earlier run, nothing is tuned.
"""

import json
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import optuna

from benchmarks.quality.exchange import DETAILS_FILE, Task
from benchmarks.quality.peers.peer import SEED, Parameters, Peer, recommend, signals
from offline.evaluate import metrics
from offline.evaluate.rowsets import RowSets

TRIALS = 20
TUNING_SECONDS = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class SelectionTask:
    """A selection task with the relevant items of its users."""

    task: Task
    relevant: RowSets

    @classmethod
    def load(cls, path: Path) -> "SelectionTask":
        """Read the task and its targets, which are in a file beside it."""
        with np.load(path.with_suffix(".targets.npz"), allow_pickle=False) as file:
            relevant = RowSets(file["indptr"], file["rows"], file["grades"])
        return cls(Task.load(path), relevant)


def compute_lists(
    peer: Peer, task: Task, parameters: Parameters
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Fit a peer to a task and return its lists."""
    return recommend(peer, peer.fit(task, parameters), task, parameters["signal"])


def compute_selection_score(
    peer: Peer, tasks: list[SelectionTask], parameters: Parameters
) -> float:
    """Return the mean graded NDCG@10 of the warm users of all tasks."""
    values = []
    for one in tasks:
        judged = metrics.grade_lists(compute_lists(peer, one.task, parameters), one.relevant)
        warm = np.diff(one.task.build_seen().indptr) > 0
        values.append(metrics.ndcg(judged, 10, graded=True)[warm])
    return float(np.nanmean(np.concatenate(values)))


def tune(
    peer: Peer, tasks: list[SelectionTask], tuning_seconds: float = TUNING_SECONDS
) -> dict[str, Any]:
    """Return the parameters of the best of 20 seeded trials, its score and the number of trials."""

    def objective(trial: optuna.Trial) -> float:
        signal = trial.suggest_categorical("signal", signals(tasks[0].task))
        return compute_selection_score(peer, tasks, {**peer.suggest(trial), "signal": signal})

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
    began, spent = perf_counter(), process_time()

    def stop_late(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        if process_time() - spent > tuning_seconds:
            study.stop()

    study.optimize(objective, n_trials=TRIALS, callbacks=[stop_late])
    return {
        "parameters": study.best_params,
        "selection_ndcg": study.best_value,
        "trials": len(study.trials),
        "tuning_seconds": perf_counter() - began,
    }


def choose(peer: Peer, folder: Path, tuning: str) -> dict[str, Any]:
    """Tune for so many seconds, or read the settings of an earlier run."""
    if tuning.endswith(".json"):
        settings: dict[str, Any] = json.loads(Path(tuning).read_text())
        return settings
    tasks = [
        SelectionTask.load(p)
        for p in sorted(folder.glob("selection-*.npz"))
        if p.suffixes == [".npz"]
    ]
    return tune(peer, tasks, float(tuning))


def main(
    module: str, name: str, folder: Path, out: Path, tuning: str = str(TUNING_SECONDS)
) -> None:
    """Tune, write the lists of every test task and, last, the details of the run."""
    peer: Peer = import_module(f"benchmarks.quality.peers.{module}").PEERS[name]
    out.mkdir(parents=True, exist_ok=True)
    details = choose(peer, folder, tuning)
    began = perf_counter()
    for path in sorted(folder.glob("test-*.npz")):
        np.save(
            out / path.with_suffix(".npy").name,
            compute_lists(peer, Task.load(path), details["parameters"]),
        )
    details["test_seconds"] = perf_counter() - began
    details["library"] = peer.library
    details["version"] = version(peer.library) if peer.library else ""
    (out / DETAILS_FILE).write_text(json.dumps(details, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), *sys.argv[5:])
