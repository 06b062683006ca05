"""One study: trials of some settings, the first of them the default.

What a trial tries depends on the seed and on the finished trials before it, not on when the
process was started: a run that was killed and went on ends as one that was not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from offline.job import JobConfig
from offline.tune.parameter import SearchDimension, value_of, with_values

TrialFigures: TypeAlias = NDArray[np.float64]  # (u, r) a line a user; the best of r stops counts
TrialJudge: TypeAlias = Callable[[JobConfig, int], TrialFigures]  # a configuration in a window

optuna.logging.set_verbosity(optuna.logging.WARNING)  # the progress bar tells of each trial


@dataclass(frozen=True, slots=True)
class SearchPart:
    """Some settings that are searched together, and what is wanted of them."""

    name: str
    metric: str
    settings: tuple[SearchDimension, ...]
    judge: TrialJudge
    weight: int = 1  # its share of the time
    cost: int = 1  # it has one trial where others have so many


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The trials of one part so far; all of them are in the file."""

    trials: optuna.Study
    part: SearchPart
    base: JobConfig
    windows: tuple[int, ...]

    @classmethod
    def open(
        cls, storage: JournalStorage, name: str, part: SearchPart, base: JobConfig, windows: range
    ) -> "Study":
        """Begin the study of this name, or go on with it; what was cut off does not count."""
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
        """Give the trials that ran to their end or were pruned, oldest first."""
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        found: list[FrozenTrial] = self.trials.get_trials(deepcopy=False, states=states)
        return found

    @property
    def default(self) -> FrozenTrial:
        """Give the first trial, which is the default."""
        return self.finished[0]

    @property
    def best(self) -> FrozenTrial:
        """Give the best trial; of equals the oldest, so that nothing is changed for nothing."""
        complete = [trial for trial in self.finished if trial.state == TrialState.COMPLETE]
        return max(complete, key=lambda trial: (trial.value, -trial.number))

    def values(self, trial: FrozenTrial | Trial) -> dict[str, Any]:
        """Give the settings in which a trial is not the default."""
        drawn, defaults = trial.params, self._defaults()
        tidy = {one.name: one.rounded(drawn[one.name]) for one in self.part.settings}
        return {name: tidy[name] for name in tidy if drawn[name] != defaults[name]}

    def evaluate_trial(self, trial: FrozenTrial, window: int) -> float:
        """Judge a trial in another window, at the stop that was best in those of the study."""
        figures = self.part.judge(with_values(self.base, self.values(trial)), window)
        return float(figures[:, trial.user_attrs["stop"]].mean())

    def run_trial(self) -> None:
        """Run one more trial."""
        before = self.finished
        if not before and not self.trials.get_trials(states=[TrialState.WAITING]):
            self.trials.enqueue_trial(self._defaults())
        seed = np.random.SeedSequence([self.base.seed, len(before)]).generate_state(1)[0]
        self.trials.sampler = TPESampler(seed=int(seed))
        trial = self.trials.ask(self._distributions())
        known = next((one for one in before if one.params == trial.params), None)
        if known:
            self._repeat(trial, known)
        else:
            self._run(trial)

    def _repeat(self, trial: Trial, known: FrozenTrial) -> None:
        """Take the outcome of the same trial: nothing is computed twice."""
        for name, value in known.user_attrs.items():
            trial.set_user_attr(name, value)
        pruned = known.state == TrialState.PRUNED
        self.trials.tell(trial, None if pruned else known.value, known.state)

    def _run(self, trial: Trial) -> None:
        """Judge window after window, unless the trial falls behind the median of the others."""
        config, means = with_values(self.base, self.values(trial)), []
        for step, window in enumerate(self.windows):
            means.append(self.part.judge(config, window).mean(axis=0))
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
