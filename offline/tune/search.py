"""The whole search in one screen: each part is searched and confirmed, then all together."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil, inf
from time import monotonic
from typing import Any

import numpy as np
from optuna.storages import JournalStorage

from app.cpu import Cpu
from offline.config import JobConfig
from offline.evaluate.figures import Interval
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import PerUser
from offline.tune.evaluators import evaluate_config
from offline.tune.parts import PartsFunction, search_parts, study_name
from offline.tune.space import with_values
from offline.tune.study import SearchPart, Study
from offline.tune.windows import TuningData


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a search: number of trials, and time."""

    trials: int = 40  # trials of each part, with the default
    seconds: float = inf  # for the trials of all parts; a trial that runs is finished

    def of(self, part: SearchPart) -> int:
        """Return the number of trials of one part."""
        return ceil(self.trials / part.cost)


@dataclass(frozen=True, slots=True)
class PartResult:
    """The result of one part."""

    part: SearchPart
    trials: int
    values: dict[str, Any]  # settings of the best trial that differ from the default
    selection: tuple[float, float]  # default and best, on the selection windows
    confirmation: tuple[float, float] | None = None  # the same on a later one; None: no change

    @property
    def is_kept(self) -> bool:
        """True if the best trial also beats the default on the later window."""
        return self.confirmation is not None and self.confirmation[1] > self.confirmation[0]


@dataclass(frozen=True, slots=True)
class FunnelComparison:
    """The default and the new settings, in the real funnel on the last window before the test."""

    users: int
    default: float  # NDCG@10
    tuned: float
    difference: Interval  # tuned - default

    @property
    def is_better(self) -> bool:
        """True if the new settings are better."""
        return self.tuned > self.default


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search."""

    config: JobConfig  # the better one: the default, or the new settings
    parts: list[PartResult]
    comparison: FunnelComparison | None  # None: no part has confirmed settings


@dataclass(frozen=True, slots=True)
class SearchListener:
    """Functions that are called as the search proceeds."""

    part_started: Callable[[Study, int], None] = lambda _study, _trials: None
    trial_finished: Callable[[Study], None] = lambda _study: None
    part_finished: Callable[[PartResult], None] = lambda _result: None
    comparison_started: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One run of the search. Trials that are already in the file are not repeated."""

    data: TuningData
    base: JobConfig
    storage: JournalStorage
    budget: Budget = field(default_factory=Budget)
    listener: SearchListener = field(default_factory=SearchListener)
    parts: PartsFunction = search_parts
    evaluate: Callable[[TuningData, Cpu, JobConfig, int], PerUser] = evaluate_config
    clock: Callable[[], float] = monotonic  # seconds

    def run(self) -> SearchResult:
        """Search each part, keep what is confirmed, and compare all of it with the default."""
        cpu = Cpu(threads=1)
        try:
            config, results = self._search(cpu)
            comparison = self._compare(config, cpu) if config != self.base else None
        finally:
            cpu.close()
        is_better = comparison is not None and comparison.is_better
        return SearchResult(config if is_better else self.base, results, comparison)

    def _search(self, cpu: Cpu) -> tuple[JobConfig, list[PartResult]]:
        """Search the parts in turn. The time that a part leaves over goes to the next ones."""
        config, results, end = self.base, [], self.clock() + self.budget.seconds
        parts = self.parts(self.data, self.base, cpu)
        for i, part in enumerate(parts):
            now, left = self.clock(), sum(one.weight for one in parts[i:])
            study = self._explore(part, config, now + (end - now) * part.weight / left)
            result = self._confirm(study)
            self.listener.part_finished(result)
            results.append(result)
            config = with_values(config, result.values) if result.is_kept else config
        return config, results

    def _explore(self, part: SearchPart, config: JobConfig, until: float) -> Study:
        """Run the trials that the file does not have. The default always runs."""
        name = study_name(self.data, config, part)
        study = Study.open(self.storage, name, part, config, self.data.selection)
        self.listener.part_started(study, self.budget.of(part))
        while len(study.finished) < self.budget.of(part):
            if study.finished and self.clock() >= until:
                break
            study.run_trial()
            self.listener.trial_finished(study)
        return study

    def _confirm(self, study: Study) -> PartResult:
        """Evaluate the best trial and the default on a later window."""
        default, best = study.default, study.best
        selection = (float(default.value), float(best.value))
        result = PartResult(study.part, len(study.finished), study.values(best), selection)
        if not result.values:
            return result
        before, after = (
            study.evaluate_trial(one, self.data.confirmation) for one in (default, best)
        )
        return replace(result, confirmation=(before, after))

    def _compare(self, config: JobConfig, cpu: Cpu) -> FunnelComparison:
        """Train with both on all windows but the last, and evaluate both funnels on it."""
        self.listener.comparison_started()
        both = [self.evaluate(self.data, cpu, c, self.data.last) for c in (self.base, config)]
        bootstrap = Bootstrap.of(np.stack(both, axis=1), self.base.seed)
        default, tuned = bootstrap.means.tolist()
        return FunnelComparison(len(both[0]), default, tuned, bootstrap.difference(1, 0))
