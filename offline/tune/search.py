"""The whole search: its parts are searched and confirmed in turn, then all compared together."""

import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil, inf
from time import monotonic
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray
from optuna.storages import JournalStorage

from app.cpu import Cpu
from app.features.views import view_hash
from app.recall.registry import CHANNELS
from offline.config import JobConfig
from offline.evaluate.figures import Interval
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import PerUser
from offline.models.registry import FACTOR_MODELS, RECALL_MODELS
from offline.setting_paths import flatten_config, with_values
from offline.tune.evaluators import (
    CoarseEvaluator,
    FineEvaluator,
    RecallEvaluator,
    WindowTables,
    evaluate_config,
    evaluate_sizes,
)
from offline.tune.space import COARSE, FINE, RECALL, SIZES, SearchDimension
from offline.tune.study import SearchPart, Study
from offline.tune.windows import TuningData

PartsFunction: TypeAlias = Callable[[TuningData, JobConfig, Cpu], list[SearchPart]]


def search_parts(data: TuningData, base: JobConfig, cpu: Cpu) -> list[SearchPart]:
    """List the parts in the order in which they are searched. Each builds on those before it.

    The recall models come first, each alone, because they are cheap. The rankers follow. The
    numbers of candidates come last, because recall runs again for each of their trials.
    """
    recall, replays = RecallEvaluator(data, base, cpu), WindowTables(data, cpu)
    metric = f"recall@{recall.limit}"
    alone = [
        SearchPart(name, metric, _timed(RECALL[name], data), partial(recall.evaluate, name))
        for name in RECALL
        if RECALL_MODELS[name].channel in CHANNELS
        and name not in FACTOR_MODELS - {base.recall.factorisation}
    ]
    return [
        *alone,
        SearchPart(
            "fine", "NDCG@10", _timed(FINE, data), FineEvaluator(replays).evaluate, weight=3
        ),
        SearchPart("coarse", "share kept", COARSE, CoarseEvaluator(replays).evaluate),
        SearchPart("sizes", "NDCG@10", SIZES, partial(evaluate_sizes, data, cpu), weight=3, cost=4),
    ]


def _timed(settings: tuple[SearchDimension, ...], data: TuningData) -> tuple[SearchDimension, ...]:
    """Leave out the half-lives where the data has no times."""
    is_timed = data.dataset.traits.has_times
    return tuple(one for one in settings if is_timed or not one.name.endswith("half_life"))


def study_name(data: TuningData, base: JobConfig, part: SearchPart) -> str:
    """Return the name of a study, from all that its figures depend on."""
    facts = {
        "version": importlib.metadata.version("recfunnel"),
        "features": view_hash(),
        "space": repr(part.settings),
        "settings": flatten_config(base),
        "windows": data.windows,
    }
    digest = hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))
    log, catalogue = data.dataset.log, data.dataset.catalogue
    columns = (log.users, log.items, log.values, log.weights, log.times)
    texts = [t.utf8 for t in (catalogue.titles, catalogue.descriptions) if t is not None]
    arrays: list[NDArray[Any]] = [*columns, catalogue.categories, catalogue.released, *texts]
    for array in arrays:
        digest.update(array.tobytes())
    return f"{part.name}-{digest.hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a search: number of trials, and time."""

    trials: int = 40  # trials of each part, with the default
    seconds: float = inf  # for the trials of all parts; a trial that runs is finished

    def of(self, part: SearchPart) -> int:
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
