"""The whole offline job in one screen: read, split, replay, fit, evaluate, gate, refit, publish."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from app.artifacts import Rankers, Sizes
from app.bounds import Count, Seed
from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.rank.kinds import RankerKinds
from app.recall.channel import ChannelConfig
from app.recall.registry import read_channel_configs
from app.rerank.policies import Policy
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import LoadedData
from offline.data.split import TimeSplit, split_by_time
from offline.evaluate.by_objective import compare_objectives
from offline.evaluate.compare_rankers import compare_rankers
from offline.evaluate.drift_reference import build_drift_reference
from offline.evaluate.evaluation import Evaluation, evaluate_funnel
from offline.evaluate.gate import GateConfig, gate_remarks, run_gate
from offline.evaluate.holdout import Holdout
from offline.models.registry import RecallConfig, fit_models
from offline.publish.flatten_config import flatten_config
from offline.publish.index import IndexConfig, index_builder
from offline.publish.pointer import current_version, point_to
from offline.publish.versions import BUNDLES_KEPT, remove_old_bundles
from offline.publish.writer import TrainingResult, push_tables, write_bundle
from offline.report.report import write_report
from offline.report.report_figures import (
    OptionalFigures,
    ReportFigures,
    build_figures,
    manifest_metrics,
)
from offline.training.kinds import add_coarse, fit_ranker
from offline.training.objectives import ObjectiveWeights, choose_kinds, choose_objectives
from offline.training.rank_table import RankTable
from offline.training.rankers import HybridConfig, RankConfig, TrainedRankers, TrainingSet
from offline.training.replay import (
    add_later_events,
    add_later_moments,
    build_offline_funnel,
    find_active_users,
    sample_users,
)
from offline.training.row_collection import (
    NEGATIVES_PER_GROUP,
    collect_rows,
    insert_logged_lists,
)


@dataclass(frozen=True, slots=True)
class JobConfig:
    """All that a run depends on beside the data."""

    seed: Seed = 7
    recall: RecallConfig = field(default_factory=RecallConfig)
    rankers: RankerKinds = field(default_factory=RankerKinds)
    rank: RankConfig = field(default_factory=RankConfig)
    hybrid: HybridConfig = field(default_factory=HybridConfig)
    objectives: ObjectiveWeights = field(default_factory=ObjectiveWeights)
    sizes: Sizes = field(default_factory=Sizes)
    channels: Mapping[str, ChannelConfig] = field(default_factory=lambda: read_channel_configs({}))
    index: IndexConfig = field(default_factory=IndexConfig)
    policy: Policy = field(default_factory=Policy)
    gate: GateConfig = field(default_factory=GateConfig)
    keep: int = BUNDLES_KEPT  # bundles, the newest
    compare: bool = False  # every hybrid, in the report
    askers: Count = 1_000  # users replayed in each window, at most
    negatives: Count = NEGATIVES_PER_GROUP  # of what each of them left, about: a random sample
    redis_url: str | None = field(default=None, repr=False)  # to hold the similarity tables
    key_prefix: str = "recfunnel"


@dataclass(slots=True)
class PhaseTimer:
    """Tells a progress bar what is being done, and keeps how long each phase took."""

    on_begin: Callable[[str], None] = lambda _phase: None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Time the phase that runs within."""
        self.on_begin(phase)
        began = perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - began


def run_job(reading: LoadedData, out: Path, config: JobConfig, phases: PhaseTimer) -> Path:
    """Train on what was read and publish to ``out``, unless the gate refuses; gives the folder.

    Raises:
        DataError: there are too few interactions to train or to test on.
    """
    dataset = reading.dataset
    split = split_by_time(dataset.log)
    cpu = Cpu(threads=1)
    wiring = funnel_config(config, cpu)
    try:
        served = reading.logged_lists(split.test_start) if reading.logged_lists else None
        learned = fit_rankers(dataset, split, config, wiring, phases, served)
        with phases("evaluate"):
            exam = build_holdout(dataset, split, config, wiring)
            evaluation = evaluate_rankers(exam, learned.rankers)
            extras = OptionalFigures(
                objectives=compare_objectives(exam, learned),
                hybrids=compare_rankers(exam, learned) if config.compare else [],
            )
        with phases("gate"):
            gate = run_gate(evaluation, exam, learned.rankers, out, config.gate)
    finally:
        cpu.close()
    with phases("refit"):
        trained = refit(reading, learned, config, evaluation)
        trained = replace(
            trained,
            gate=gate,
            rankers_end=exam.cut,
            settings=flatten_config(config),
            seconds=phases.seconds,
            drift=build_drift_reference(trained.models, learned.rankers, exam),
        )
    with phases("publish"):
        folder = write_bundle(trained, out)
        if gate.verdict != "refused":
            push_tables(folder.name, trained.models, config.redis_url, config.key_prefix)
            point_to(folder)
        remove_old_bundles(out, config.keep, current_version(out))
    told_of = build_figures(dataset, split, trained, evaluation, phases.seconds)
    found: ReportFigures = {**told_of, **extras}
    found["notes"] += gate_remarks(gate)
    write_report(found, out)
    return folder


def funnel_config(config: JobConfig, cpu: Cpu) -> FunnelConfig:
    """Set the funnel up as configured, with all the time that it needs."""
    index = index_builder(config.index, config.seed)
    return FunnelConfig(
        cpu, NO_CHECKPOINTS, config.sizes, config.policy, index, channels=config.channels
    )


def fit_rankers(  # noqa: PLR0913, PLR0917 - the last is seldom there
    dataset: Dataset,
    split: TimeSplit,
    config: JobConfig,
    wiring: FunnelConfig,
    phases: PhaseTimer,
    served: RankTable | None = None,
) -> TrainedRankers:
    """Fit the rankers on the windows before the test; nothing from ``split.test_start`` on is read.

    Lists that were served are learnt from as well, where there is one objective.

    Raises:
        DataError: users took nothing, or everything, of what recall proposed.
    """
    objectives = choose_objectives(config.objectives, dataset.traits, config.rankers.fine)
    with phases("replay"):
        tables = [replay_window(dataset, *window, config, wiring) for window in split.windows]
    if served is not None and len(served) and not objectives:
        tables = insert_logged_lists(tables, served)
    training = TrainingSet(
        tables,
        config.seed,
        rank=config.rank,
        hybrid=config.hybrid,
        objectives=objectives,
    )
    kinds = choose_kinds(config.rankers, objectives)
    with phases("fine"):
        fine = fit_ranker(kinds.fine, training)
    with phases("coarse"):
        return add_coarse(fine, kinds.coarse, training)


def replay_window(
    dataset: Dataset, start: float, end: float, config: JobConfig, wiring: FunnelConfig
) -> RankTable:
    """Make training rows of one window: the real recall, as of the moment each user came."""
    models = fit_models(dataset, dataset.log.before(start), config.recall, start)
    users = sample_users(find_active_users(dataset.log, start, end), config.askers, config.seed)
    users = add_later_moments(dataset.log, users, start, end, config.seed)
    if choose_objectives(config.objectives, dataset.traits, config.rankers.fine):
        users = add_later_events(dataset.log, users, start, end)
    funnel = build_offline_funnel(models, wiring)
    return asyncio.run(collect_rows(funnel, dataset, users, config.seed, config.negatives))


def build_holdout(
    dataset: Dataset, split: TimeSplit, config: JobConfig, wiring: FunnelConfig
) -> Holdout:
    """Fit recall as of the cut, and find the users of the test window.

    Raises:
        DataError: there are none.
    """
    cut, end = split.test_start, split.test_end
    models = fit_models(dataset, dataset.log.before(cut), config.recall, cut)
    users = sample_users(find_active_users(dataset.log, cut, end), 3 * config.askers, config.seed)
    if not users:
        raise DataError(
            "Nobody liked anything new in the newest interactions, so the funnel cannot be judged. "
            "More interactions are needed."
        )
    return Holdout(dataset, models, users, cut, wiring, config.seed)


def evaluate_rankers(exam: Holdout, rankers: Rankers) -> Evaluation:
    """Ask the real funnel, as of the cut, for all users of the test window."""
    funnel = build_offline_funnel(exam.models, exam.funnel_config, rankers)
    return asyncio.run(evaluate_funnel(funnel, exam.models, exam.dataset, exam.users, exam.seed))


def refit(
    reading: LoadedData, learned: TrainedRankers, config: JobConfig, evaluation: Evaluation
) -> TrainingResult:
    """Fit the recall models once more, on everything; the rankers stay as they were judged."""
    dataset = reading.dataset
    models = fit_models(dataset, dataset.log, config.recall, float(dataset.log.times[-1]))
    return TrainingResult(
        models=models,
        rankers=learned.rankers,
        ranker_kinds=learned.kinds,
        sizes=config.sizes,
        channels=config.channels,
        event_weights=reading.event_weights,
        dataset=dataset.name,
        interactions=len(dataset.log),
        seed=config.seed,
        metrics=manifest_metrics(evaluation),
        build_index=index_builder(config.index, config.seed),
        archive_state=reading.archive_state,
    )
