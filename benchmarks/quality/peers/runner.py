"""Tunes one peer on the selection tasks, then answers the test tasks. Runs in its environment.

    python -m benchmarks.quality.peers.runner MODULE PEER FOLDER OUT [PATIENCE | TOLD]

``FOLDER`` holds ``selection-*.npz`` with their ``.targets.npz``, and ``test-*.npz`` without.
``PATIENCE`` is in processor seconds of tuning, after which no further trial is begun. ``TOLD`` is
the file of an earlier choice instead: nothing is tuned.
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

from benchmarks.quality.exchange import Task
from benchmarks.quality.peers.peer import SEED, Parameters, Peer, recommend, signals
from offline.evaluate import metrics
from offline.evaluate.rowsets import RowSets

TRIALS = 20
TUNING_SECONDS = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class SelectionTask:
    """A selection task, and what its users took."""

    task: Task
    relevant: RowSets

    @classmethod
    def load(cls, path: Path) -> "SelectionTask":
        """Read the task and, beside it, its targets."""
        with np.load(path.with_suffix(".targets.npz"), allow_pickle=False) as held:
            relevant = RowSets(held["indptr"], held["rows"], held["grades"])
        return cls(Task.load(path), relevant)


def compute_lists(
    peer: Peer, task: Task, parameters: Parameters
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Fit to a task and make its lists."""
    return recommend(peer, peer.fit(task, parameters), task, parameters["signal"])


def compute_selection_score(
    peer: Peer, exams: list[SelectionTask], parameters: Parameters
) -> float:
    """Give the mean graded NDCG@10 of the warm users of all exams."""
    found = []
    for exam in exams:
        judged = metrics.grade_lists(compute_lists(peer, exam.task, parameters), exam.relevant)
        warm = np.diff(exam.task.build_seen().indptr) > 0
        found.append(metrics.ndcg(judged, 10, graded=True)[warm])
    return float(np.nanmean(np.concatenate(found)))


def tune(
    peer: Peer, exams: list[SelectionTask], patience: float = TUNING_SECONDS
) -> dict[str, Any]:
    """Choose the best of 20 seeded trials; gives parameters, score and number of trials."""

    def objective(trial: optuna.Trial) -> float:
        signal = trial.suggest_categorical("signal", signals(exams[0].task))
        return compute_selection_score(peer, exams, {**peer.suggest(trial), "signal": signal})

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
    began, spent = perf_counter(), process_time()

    def stop_late(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        if process_time() - spent > patience:
            study.stop()

    study.optimize(objective, n_trials=TRIALS, callbacks=[stop_late])
    return {
        "parameters": study.best_params,
        "selection_ndcg": study.best_value,
        "trials": len(study.trials),
        "tuning_seconds": perf_counter() - began,
    }


def choose(peer: Peer, folder: Path, how: str) -> dict[str, Any]:
    """Tune with so much patience, or read what was chosen earlier."""
    if how.endswith(".json"):
        told: dict[str, Any] = json.loads(Path(how).read_text())
        return told
    exams = [
        SelectionTask.load(p)
        for p in sorted(folder.glob("selection-*.npz"))
        if p.suffixes == [".npz"]
    ]
    return tune(peer, exams, float(how))


def main(module: str, name: str, folder: Path, out: Path, how: str = str(TUNING_SECONDS)) -> None:
    """Tune, answer every test task, and say how it was done in ``told.json``, last."""
    peer: Peer = import_module(f"benchmarks.quality.peers.{module}").PEERS[name]
    out.mkdir(parents=True, exist_ok=True)
    told = choose(peer, folder, how)
    began = perf_counter()
    for path in sorted(folder.glob("test-*.npz")):
        np.save(
            out / path.with_suffix(".npy").name,
            compute_lists(peer, Task.load(path), told["parameters"]),
        )
    told["test_seconds"] = perf_counter() - began
    told["library"] = peer.library
    told["version"] = version(peer.library) if peer.library else ""
    (out / "told.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), *sys.argv[5:])
