"""A study: trials of some settings, stored in a file. The first trial is the default.

The settings of a trial depend only on the seed and on the finished trials before it. A search that
was interrupted and continued therefore has the same result as one without an interruption.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from offline.config import JobConfig
from offline.data.errors import DataError
from offline.setting_paths import value_of, with_values
from offline.tune.space import SearchDimension

TrialFigures: TypeAlias = NDArray[np.float64]  # (u, r) one line a user; the best of r counts
TrialEvaluator: TypeAlias = Callable[[JobConfig, int], TrialFigures]  # (config, window)

optuna.logging.set_verbosity(optuna.logging.WARNING)  # the progress bar shows each trial


@dataclass(frozen=True, slots=True)
class SearchPart:
    """The settings that are searched together, and the function that evaluates them."""

    name: str
    metric: str
    settings: tuple[SearchDimension, ...]
    evaluate: TrialEvaluator
    weight: int = 1  # its share of the time
    cost: int = 1  # the cost of a trial, relative to the trials of other parts


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The trials of one part so far, as they are in the file."""

    trials: optuna.Study
    part: SearchPart
    base: JobConfig
    windows: tuple[int, ...]

    @classmethod
    def open(
        cls, storage: JournalStorage, name: str, part: SearchPart, base: JobConfig, windows: range
    ) -> "Study":
        """Start the study with this name, or continue it. An interrupted trial is discarded."""
        trials = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize",
            pruner=MedianPruner(),
            load_if_exists=True,
        )
        for trial in trials.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            trials.tell(trial.number, state=TrialState.FAIL)
        return cls(trials, part, base, tuple(windows))

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that were completed or pruned, oldest first."""
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        finished: list[FrozenTrial] = self.trials.get_trials(deepcopy=False, states=states)
        return finished

    @property
    def default(self) -> FrozenTrial:
        return self.finished[0]

    @property
    def best(self) -> FrozenTrial:
        """The best trial. Among equal trials, the oldest: a setting changes only for a gain."""
        complete = [trial for trial in self.finished if trial.state == TrialState.COMPLETE]
        return max(complete, key=lambda trial: (trial.value, -trial.number))

    def values(self, trial: FrozenTrial | Trial) -> dict[str, Any]:
        """Return the settings in which a trial differs from the default."""
        drawn, defaults = trial.params, self._defaults()
        rounded = {one.name: one.rounded(drawn[one.name]) for one in self.part.settings}
        return {name: rounded[name] for name in rounded if drawn[name] != defaults[name]}

    def evaluate_trial(self, trial: FrozenTrial, window: int) -> float:
        """Evaluate a trial in another window, at its best stop in the windows of the study."""
        figures = self.part.evaluate(with_values(self.base, self.values(trial)), window)
        return float(figures[:, trial.user_attrs["stop"]].mean())

    def run_trial(self) -> None:
        before = self.finished
        if not before and not self.trials.get_trials(states=[TrialState.WAITING]):
            self.trials.enqueue_trial(self._defaults())
        seed = np.random.SeedSequence([self.base.seed, len(before)]).generate_state(1)[0]
        self.trials.sampler = TPESampler(seed=int(seed))
        trial = self.trials.ask(self._distributions())
        same = next((one for one in before if one.params == trial.params), None)
        if same:
            self._copy_result(trial, same)
        else:
            self._run(trial)

    def _copy_result(self, trial: Trial, same: FrozenTrial) -> None:
        """Take the result of an earlier trial with the same values."""
        for name, value in same.user_attrs.items():
            trial.set_user_attr(name, value)
        is_pruned = same.state == TrialState.PRUNED
        self.trials.tell(trial, None if is_pruned else same.value, same.state)

    def _run(self, trial: Trial) -> None:
        """Evaluate window after window, unless the trial falls behind the median of the others."""
        config, means = with_values(self.base, self.values(trial)), []
        for step, window in enumerate(self.windows):
            means.append(self.part.evaluate(config, window).mean(axis=0))
            trial.report(float(np.mean(means, axis=0).max()), step)
            if step + 1 < len(self.windows) and trial.should_prune():
                self.trials.tell(trial, state=TrialState.PRUNED)
                return
        curve = np.mean(means, axis=0)
        trial.set_user_attr("stop", int(curve.argmax()))
        self.trials.tell(trial, float(curve.max()))

    def _defaults(self) -> dict[str, Any]:
        return {one.name: value_of(self.base, one.name) for one in self.part.settings}

    def _distributions(self) -> dict[str, BaseDistribution]:
        defaults = self._defaults()
        return {one.name: one.distribution(defaults[one.name]) for one in self.part.settings}


class _NoLock:
    """A lock for each line that does nothing: the whole file is locked already."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def open_trials(path: Path) -> Iterator[JournalStorage]:
    """Open the file of trials for this process alone; create it if it does not exist.

    The file has one line of JSON for each trial, on the disk before the next trial begins.

    Raises:
        DataError: another search has it open, or it holds something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{path} is in use by another search: wait for it to end, or give another --study."
            ) from None
        _cut_torn_line(path)
        yield JournalStorage(JournalFileBackend(str(path), lock_obj=_NoLock()))


def _cut_torn_line(path: Path) -> None:
    """Cut off the half line that a killed process may have left."""
    whole, newline, torn = path.read_bytes().rpartition(b"\n")
    if not all(map(_is_line, whole.splitlines())) or (torn and torn[:1] != b"{"):
        raise DataError(f"{path} is no file of trials: give another --study, or remove it.")
    if torn:
        os.truncate(path, len(whole + newline))


def _is_line(line: bytes) -> bool:
    try:
        return "op_code" in json.loads(line)
    except (ValueError, TypeError):
        return False
