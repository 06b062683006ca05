"""The whole search in one screen: part after part is searched and confirmed, then all of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil, inf
from time import monotonic
from typing import Any

import numpy as np
from optuna.storages import JournalStorage

from app.cpu import Cpu
from offline.evaluate.intervals import Bootstrap
from offline.job import JobConfig
from offline.report.figures import Interval
from offline.tune.parameter import changed
from offline.tune.parts import parts, study_name
from offline.tune.study import Part, Study
from offline.tune.whole_funnel import judge_funnel
from offline.tune.windows import Known


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is tried."""

    trials: int = 40  # of each part, the default included
    seconds: float = inf  # for the trials of all parts; what is under way is finished

    def of(self, part: Part) -> int:
        """Give the trials of one part."""
        return ceil(self.trials / part.cost)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one part."""

    part: Part
    trials: int
    values: dict[str, Any]  # of the best trial, where they are not the default
    chosen: tuple[float, float]  # default and best, on the windows that chose
    confirmed: tuple[float, float] | None = None  # the same on a later one; None: nothing to ask

    @property
    def is_kept(self) -> bool:
        """Say whether the best is better than the default where it was not chosen, too."""
        return self.confirmed is not None and self.confirmed[1] > self.confirmed[0]


@dataclass(frozen=True, slots=True)
class Verdict:
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
class Outcome:
    """What came of a search."""

    config: JobConfig  # to be used: the defaults unless something better was found
    findings: list[Finding]
    verdict: Verdict | None  # None: no part has anything that is better than its default


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how it goes."""

    begin: Callable[[Study, int], None] = lambda _study, _trials: None
    trial: Callable[[Study], None] = lambda _study: None
    found: Callable[[Finding], None] = lambda _finding: None
    last: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One run of the search. Trials that are in the file already are not repeated."""

    known: Known
    base: JobConfig
    storage: JournalStorage
    budget: Budget = field(default_factory=Budget)
    watch: Watch = field(default_factory=Watch)

    def run(self) -> Outcome:
        """Search each part, keep what is confirmed, and compare it all with the defaults."""
        cpu = Cpu(threads=1)
        try:
            config, findings = self._search(cpu)
            verdict = self._verdict(config, cpu) if config != self.base else None
        finally:
            cpu.close()
        is_better = verdict is not None and verdict.is_better
        return Outcome(config if is_better else self.base, findings, verdict)

    def _search(self, cpu: Cpu) -> tuple[JobConfig, list[Finding]]:
        """Go through the parts; what one leaves of its share of the time the next ones have."""
        config, findings, end = self.base, [], monotonic() + self.budget.seconds
        wanted = parts(self.known, self.base, cpu)
        for at, part in enumerate(wanted):
            now, left = monotonic(), sum(one.weight for one in wanted[at:])
            study = self._explore(part, config, now + (end - now) * part.weight / left)
            finding = self._confirm(study)
            self.watch.found(finding)
            findings.append(finding)
            config = changed(config, finding.values) if finding.is_kept else config
        return config, findings

    def _explore(self, part: Part, config: JobConfig, until: float) -> Study:
        """Run the trials that the file does not have yet; the default is always run."""
        name = study_name(self.known, config, part)
        study = Study.open(self.storage, name, part, config, self.known.choosing)
        self.watch.begin(study, self.budget.of(part))
        while len(study.finished) < self.budget.of(part):
            if study.finished and monotonic() >= until:
                break
            study.advance()
            self.watch.trial(study)
        return study

    def _confirm(self, study: Study) -> Finding:
        """Ask on a later window whether the best trial is better than the default there, too."""
        default, best = study.default, study.best
        chosen = (float(default.value), float(best.value))
        finding = Finding(study.part, len(study.finished), study.values(best), chosen)
        if not finding.values:
            return finding
        before, after = (study.figure(one, self.known.confirming) for one in (default, best))
        return replace(finding, confirmed=(before, after))

    def _verdict(self, config: JobConfig, cpu: Cpu) -> Verdict:
        """Train with both on all windows but the last, and ask both funnels there."""
        self.watch.last()
        both = [judge_funnel(self.known, cpu, c, self.known.last) for c in (self.base, config)]
        drawn = Bootstrap.of(np.stack(both, axis=1), self.base.seed)
        default, tuned = drawn.means.tolist()
        return Verdict(len(both[0]), default, tuned, drawn.difference(1, 0))
