"""The whole search in one screen: part after part is searched and confirmed, then all of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil, inf
from time import monotonic
from typing import Any

import numpy as np
from optuna.storages import JournalStorage

from app.cpu import Cpu
from offline.evaluate.figures import Interval
from offline.evaluate.intervals import Bootstrap
from offline.job import JobConfig
from offline.tune.parameter import with_values
from offline.tune.parts import search_parts, study_name
from offline.tune.study import SearchPart, Study
from offline.tune.whole_funnel import evaluate_config
from offline.tune.windows import TuningData


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is tried."""

    trials: int = 40  # of each part, the default included
    seconds: float = inf  # for the trials of all parts; what is under way is finished

    def of(self, part: SearchPart) -> int:
        """Give the trials of one part."""
        return ceil(self.trials / part.cost)


@dataclass(frozen=True, slots=True)
class PartResult:
    """What came of one part."""

    part: SearchPart
    trials: int
    values: dict[str, Any]  # of the best trial, where they are not the default
    selection: tuple[float, float]  # default and best, on the windows that chose
    confirmation: tuple[float, float] | None = None  # the same on a later one; None: nothing to ask

    @property
    def is_kept(self) -> bool:
        """Say whether the best is better than the default where it was not chosen, too."""
        return self.confirmation is not None and self.confirmation[1] > self.confirmation[0]


@dataclass(frozen=True, slots=True)
class FunnelComparison:
    """Defaults and all that was found, in the real funnel on the last window before the test."""

    users: int
    default: float  # NDCG@10
    tuned: float
    difference: Interval  # tuned - default

    @property
    def is_better(self) -> bool:
        """Say whether what was found is to be used."""
        return self.tuned > self.default


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What came of a search."""

    config: JobConfig  # to be used: the defaults unless something better was found
    parts: list[PartResult]
    comparison: (
        FunnelComparison | None
    )  # None: no part has anything that is better than its default


@dataclass(frozen=True, slots=True)
class SearchListener:
    """Who is told how it goes."""

    part_started: Callable[[Study, int], None] = lambda _study, _trials: None
    trial_finished: Callable[[Study], None] = lambda _study: None
    part_finished: Callable[[PartResult], None] = lambda _finding: None
    comparison_started: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One run of the search. Trials that are in the file already are not repeated."""

    data: TuningData
    base: JobConfig
    storage: JournalStorage
    budget: Budget = field(default_factory=Budget)
    listener: SearchListener = field(default_factory=SearchListener)

    def run(self) -> SearchResult:
        """Search each part, keep what is confirmed, and compare it all with the defaults."""
        cpu = Cpu(threads=1)
        try:
            config, findings = self._search(cpu)
            verdict = self._verdict(config, cpu) if config != self.base else None
        finally:
            cpu.close()
        is_better = verdict is not None and verdict.is_better
        return SearchResult(config if is_better else self.base, findings, verdict)

    def _search(self, cpu: Cpu) -> tuple[JobConfig, list[PartResult]]:
        """Go through the parts; what one leaves of its share of the time the next ones have."""
        config, findings, end = self.base, [], monotonic() + self.budget.seconds
        wanted = search_parts(self.data, self.base, cpu)
        for at, part in enumerate(wanted):
            now, left = monotonic(), sum(one.weight for one in wanted[at:])
            study = self._explore(part, config, now + (end - now) * part.weight / left)
            finding = self._confirm(study)
            self.listener.part_finished(finding)
            findings.append(finding)
            config = with_values(config, finding.values) if finding.is_kept else config
        return config, findings

    def _explore(self, part: SearchPart, config: JobConfig, until: float) -> Study:
        """Run the trials that the file does not have yet; the default is always run."""
        name = study_name(self.data, config, part)
        study = Study.open(self.storage, name, part, config, self.data.selection)
        self.listener.part_started(study, self.budget.of(part))
        while len(study.finished) < self.budget.of(part):
            if study.finished and monotonic() >= until:
                break
            study.run_trial()
            self.listener.trial_finished(study)
        return study

    def _confirm(self, study: Study) -> PartResult:
        """Ask on a later window whether the best trial is better than the default there, too."""
        default, best = study.default, study.best
        chosen = (float(default.value), float(best.value))
        finding = PartResult(study.part, len(study.finished), study.values(best), chosen)
        if not finding.values:
            return finding
        before, after = (
            study.evaluate_trial(one, self.data.confirmation) for one in (default, best)
        )
        return replace(finding, confirmation=(before, after))

    def _verdict(self, config: JobConfig, cpu: Cpu) -> FunnelComparison:
        """Train with both on all windows but the last, and ask both funnels there."""
        self.listener.comparison_started()
        both = [evaluate_config(self.data, cpu, c, self.data.last) for c in (self.base, config)]
        drawn = Bootstrap.of(np.stack(both, axis=1), self.base.seed)
        default, tuned = drawn.means.tolist()
        return FunnelComparison(len(both[0]), default, tuned, drawn.difference(1, 0))
