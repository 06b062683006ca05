"""The whole offline job in one screen: split, recall, fit, evaluate, gate, refit, publish."""

import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from app.artifacts import Rankers
from app.build import FunnelConfig
from app.bundle.activation import point_to
from app.bundle.pointer import current_version
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.recall.channel import ChannelConfig
from app.recall.session_knn import SessionKNNChannelConfig
from app.rerank.seen import seen_rules
from offline.adaptation.recall_constants import choose_constants
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import LoadedData
from offline.data.split import TimeSplit, split_by_time, split_live_log
from offline.evaluate.compare_rankers import compare_objectives, compare_rankers
from offline.evaluate.evaluation import Evaluation, evaluate_funnel
from offline.evaluate.figures import ConstantChoice
from offline.evaluate.gate import gate_remarks, run_gate
from offline.evaluate.holdout import Holdout, build_drift_reference
from offline.models.bought_together import fit_bought_together
from offline.models.registry import fit_models, with_pause
from offline.publish.index import index_builder
from offline.publish.versions import remove_old_bundles
from offline.publish.writer import TrainingResult, push_tables, write_bundle
from offline.report.report import write_report
from offline.report.report_figures import (
    OptionalFigures,
    PhaseTime,
    ReportFigures,
    build_figures,
    manifest_metrics,
)
from offline.run_async import run_async
from offline.setting_paths import flatten_config
from offline.training.kinds import add_coarse, find_trainer, fit_ranker
from offline.training.objectives import choose_kinds, choose_objectives
from offline.training.past_requests import (
    add_later_events,
    build_offline_funnel,
    find_active_users,
    sample_users,
)
from offline.training.rank_table import RankTable
from offline.training.rankers import TrainedRankers, TrainingSet
from offline.training.row_collection import collect_rows, insert_logged_lists
from offline.training.visits import (
    RelevantItems,
    VisitConfig,
    choose_pause,
    describe_visits,
    has_visits,
    is_session_data,
    training_moments,
)


@dataclass(slots=True)
class PhaseTimer:
    """Reports the start of each phase to a progress bar, and measures how long it takes."""

    on_begin: Callable[[str], None] = lambda _phase: None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)  # of the process, until its end

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Time the phase that runs in the block."""
        self.on_begin(phase)
        began = perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - began
        self.peak_bytes[phase] = peak_memory()

    @property
    def timings(self) -> list[PhaseTime]:
        """The phases so far, in the order they began."""
        return [
            PhaseTime(phase=phase, seconds=took, peak_bytes=self.peak_bytes[phase])
            for phase, took in self.seconds.items()
        ]


def peak_memory() -> int:
    """Return the highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1_024 * peak


def run_job(data: LoadedData, out: Path, config: JobConfig, phases: PhaseTimer) -> Path:
    """Train a bundle, write it to ``out``, and publish it unless the gate refuses it.

    Returns:
        The bundle's folder.

    Raises:
        DataError: there are too few interactions for training or for the test.
    """
    dataset, split, remarks = divide_data(data)
    logged_lists = data.logged_lists(split.test_start) if data.logged_lists else None
    cpu = Cpu(threads=1)
    try:
        with phases("constants"):
            config, constants = adapt_config(dataset, split, config, cpu)
        funnel = funnel_config(config, cpu)
        trained = fit_rankers(dataset, split, config, funnel, phases, logged_lists)
        with phases("evaluate"):
            holdout = build_holdout(dataset, split, config, funnel)
            evaluation = evaluate_rankers(holdout, trained.rankers)
            comparisons = OptionalFigures(
                constants=constants,
                objectives=compare_objectives(holdout, trained),
                hybrids=compare_rankers(holdout, trained) if config.compare else [],
            )
        with phases("gate"):
            gate = run_gate(evaluation, holdout, trained.rankers, out, config.gate)
    finally:
        cpu.close()
    with phases("refit"):
        result = refit(data, trained, config, evaluation)
        result = replace(
            result,
            gate=gate,
            rankers_end=holdout.cut,
            settings=flatten_config(config),
            constants=constants,
            seconds=phases.seconds,
            drift=build_drift_reference(result.models, trained.rankers, holdout),
        )
    with phases("publish"):
        folder = write_bundle(result, out)
        if gate.verdict != "refused":
            push_tables(folder.name, result.models, config.redis_url, config.key_prefix)
            point_to(folder)
        remove_old_bundles(out, config.keep, current_version(out))
    figures: ReportFigures = {
        **build_figures(dataset, split, result, evaluation, phases.timings),
        **comparisons,
    }
    figures["notes"] += [
        *remarks,
        describe_visits(config.visits, dataset.traits),
        *gate_remarks(gate),
    ]
    write_report(figures, out, with_plots=config.plots)
    return folder


def divide_data(data: LoadedData) -> tuple[Dataset, TimeSplit, list[str]]:
    """Return the data to fit and evaluate the rankers on, its split, and remarks for the report.

    Raises:
        DataError: there are too few interactions, or too few different times.
    """
    if data.archive_state is None:
        return data.dataset, split_by_time(data.dataset.log), []
    log, split, remark = split_live_log(data.dataset.log)
    return replace(data.dataset, log=log), split, [remark] if remark else []


def adapt_config(
    dataset: Dataset, split: TimeSplit, config: JobConfig, cpu: Cpu
) -> tuple[JobConfig, list[ConstantChoice]]:
    """Choose what visits are, and the constants of recall, for this data.

    The channel ``session_knn`` is turned off where users return, unless it is for all data.

    Nothing is chosen if ``config.adapt`` is false.

    Returns:
        The configuration, and the constants that were tried.
    """
    if not config.adapt:
        return config, []
    if dataset.traits.has_times and config.visits == VisitConfig():
        before = dataset.log.before(split.test_start)
        pause = choose_pause(before)
        relevant: RelevantItems = "next" if is_session_data(before, pause) else "later"
        config = replace(config, visits=VisitConfig(pause=pause, relevant=relevant))
    config = replace(config, recall=with_pause(config.recall, config.visits.pause))
    if config.visits.relevant != "next":
        config = replace(config, channels=_without_session_channel(config.channels))
    wiring = funnel_config(config, cpu)
    result = choose_constants(dataset, split.windows, config.recall, wiring, config.seed)
    chosen = result.settings
    return replace(config, recall=chosen.recall, channels=chosen.channels), result.choices


def _without_session_channel(channels: Mapping[str, ChannelConfig]) -> dict[str, ChannelConfig]:
    """Return the configs with ``session_knn`` off, unless it is for all data."""
    return {
        name: replace(one, enabled=False)
        if isinstance(one, SessionKNNChannelConfig) and one.sessions_only
        else one
        for name, one in channels.items()
    }


def funnel_config(config: JobConfig, cpu: Cpu) -> FunnelConfig:
    """Return the configuration of the offline funnel, which has no checkpoints."""
    return FunnelConfig(
        cpu,
        NO_CHECKPOINTS,
        config.sizes,
        config.policy,
        index_builder(config.index, config.seed),
        channels=config.channels,
    )


def fit_rankers(  # noqa: PLR0913, PLR0917 - few callers have logged lists
    dataset: Dataset,
    split: TimeSplit,
    config: JobConfig,
    funnel: FunnelConfig,
    phases: PhaseTimer,
    logged_lists: RankTable | None = None,
) -> TrainedRankers:
    """Fit the rankers on the windows before the test window.

    The rankers also learn from logged lists, unless there are several objectives.

    Raises:
        DataError: users liked none of the proposed items, or all of them.
    """
    objectives = choose_objectives(config.objectives, dataset.traits, config.rankers.fine)
    kinds = choose_kinds(config.rankers, objectives)
    for kind in (kinds.coarse, kinds.fine):
        find_trainer(kind)  # an unknown kind is an error now, not after minutes of work
    with phases("rows"):
        tables = [collect_window_rows(dataset, *window, config, funnel) for window in split.windows]
    if logged_lists is not None and len(logged_lists) and not objectives:
        tables = insert_logged_lists(tables, logged_lists)
    training = TrainingSet(
        tables, config.seed, rank=config.rank, hybrid=config.hybrid, objectives=objectives
    )
    with phases("fine"):
        fine = fit_ranker(kinds.fine, training)
    with phases("coarse"):
        return add_coarse(fine, kinds.coarse, training)


def collect_window_rows(
    dataset: Dataset, start: float, end: float, config: JobConfig, funnel: FunnelConfig
) -> RankTable:
    """Collect the training rows of one window: run the real recall at the moments of its users."""
    models = fit_models(dataset, dataset.log.before(start), config.recall, start)
    active = find_active_users(dataset.log, start, end, seen_rules(config.policy.seen))
    users = sample_users(active, config.users_per_window, config.seed)
    users = training_moments(dataset, users, (start, end), config.visits, config.seed)
    if choose_objectives(config.objectives, dataset.traits, config.rankers.fine):
        users = add_later_events(dataset.log, users, start, end)
    recall = build_offline_funnel(models, funnel)
    return run_async(collect_rows(recall, dataset, users, config.seed, config.negatives))


def build_holdout(
    dataset: Dataset, split: TimeSplit, config: JobConfig, funnel: FunnelConfig
) -> Holdout:
    """Fit the recall models on the events before the test, and sample users of the test window.

    Raises:
        DataError: no user of the test window liked a new item.
    """
    cut, end = split.test_start, split.test_end
    models = fit_models(dataset, dataset.log.before(cut), config.recall, cut)
    active = find_active_users(dataset.log, cut, end, seen_rules(config.policy.seen))
    users = sample_users(active, 3 * config.users_per_window, config.seed)
    if not users:
        raise DataError(
            "No user liked a new item in the newest interactions, so the funnel cannot be "
            "evaluated. More interactions are needed."
        )
    pause = config.visits.pause if has_visits(config.visits, dataset.traits) else 0.0
    return Holdout(dataset, models, users, cut, funnel, config.seed, pause)


def evaluate_rankers(holdout: Holdout, rankers: Rankers) -> Evaluation:
    """Evaluate the real funnel with these rankers for the users of the holdout."""
    funnel = build_offline_funnel(holdout.models, holdout.funnel_config, rankers)
    return run_async(
        evaluate_funnel(
            funnel, holdout.models, holdout.dataset, holdout.users, holdout.seed, holdout.pause
        )
    )


def refit(
    data: LoadedData, trained: TrainedRankers, config: JobConfig, evaluation: Evaluation
) -> TrainingResult:
    """Fit the recall models again, on all data. The rankers are those that were evaluated."""
    dataset = data.dataset
    models = fit_models(dataset, dataset.log, config.recall, float(dataset.log.times[-1]))
    together = fit_bought_together(dataset.log, len(dataset.catalogue))
    if together is not None:
        models = replace(models, tables={**models.tables, "together": together})
    return TrainingResult(
        models=models,
        rankers=trained.rankers,
        ranker_kinds=trained.kinds,
        sizes=config.sizes,
        channels=config.channels,
        event_weights=data.event_weights,
        dataset=dataset.name,
        interactions=len(dataset.log),
        seed=config.seed,
        metrics=manifest_metrics(evaluation),
        build_indexes=index_builder(config.index, config.seed),
        archive_state=data.archive_state,
        time_margin=data.time_margin,
    )
