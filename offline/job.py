"""The whole offline job in one screen: split, recall, fit, evaluate, gate, refit, publish."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from app.artifacts import Models, Rankers
from app.build import FunnelConfig
from app.bundle.activation import changing_bundles, switch_to
from app.bundle.pointer import current_version
from app.cpu import Cpu, one_thread
from app.deadline import NO_CHECKPOINTS
from app.rank.objectives import ObjectiveBlend
from app.recall.channel import ChannelConfig
from app.recall.session_knn import SessionKNNChannelConfig
from app.rerank.seen import seen_rules
from offline.adaptation.recall_constants import (
    GROUPS,
    ConstantsResult,
    choose_constants,
    join_results,
)
from offline.config import JobConfig
from offline.data.dataset import Dataset, DataTraits, Log
from offline.data.errors import DataError
from offline.data.readers import LoadedData
from offline.data.split import TimeSplit, split_by_time, split_live_log
from offline.evaluate.compare_rankers import compare_objectives, compare_rankers
from offline.evaluate.evaluation import Evaluation, evaluate_funnel
from offline.evaluate.figures import ConstantChoice
from offline.evaluate.gate import gate_remarks, run_gate
from offline.evaluate.holdout import Holdout, build_drift_reference
from offline.models.bought_together import fit_bought_together
from offline.models.registry import RecallConfig, fit_models, with_pause
from offline.phases import PhaseTimer
from offline.processes import Processes
from offline.publish.index import index_builder
from offline.publish.versions import remove_old_bundles
from offline.publish.writer import TrainingResult, push_tables, write_bundle
from offline.report.report import write_report
from offline.report.report_figures import (
    OptionalFigures,
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

Window: TypeAlias = tuple[float, float]  # start and end, unix seconds
WindowWork: TypeAlias = tuple[Window, JobConfig]
ConstantsWork: TypeAlias = tuple[Sequence[str], Sequence[Window], JobConfig]  # of some channels
OnWritten: TypeAlias = Callable[[str, str | None], None]  # gets the version and the gate's verdict


def run_job(
    data: LoadedData,
    out: Path,
    config: JobConfig,
    phases: PhaseTimer,
    on_written: OnWritten | None = None,
) -> Path:
    """Train a bundle, write it to ``out``, and publish it unless the gate refuses it.

    ``on_written`` is called just before the bundle is put into service.

    Returns:
        The bundle's folder.

    Raises:
        DataError: there are too few interactions for training or for the test.
    """
    dataset, split, remarks = divide_data(data)
    logged_lists = data.logged_lists(split.test_start) if data.logged_lists else None
    with one_thread(), own_cpu() as cpu, ThreadPoolExecutor(1) as thread:
        config, constants, tables = adapt_and_collect(dataset, split, config, cpu, phases)
        fit = partial(fit_ahead, thread if config.processes > 1 else None, config.recall)
        models_at_cut = fit(dataset, dataset.log.before(split.test_start), split.test_start)
        trained = fit_on_rows(tables, dataset.traits, config, phases, logged_lists)
        if not (config.compare or isinstance(trained.rankers.fine, ObjectiveBlend)):
            tables.clear()  # nothing else is fitted on the rows, which take hundreds of megabytes
        models_of_all = fit(data.dataset, data.dataset.log, float(data.dataset.log.times[-1]))
        with phases("evaluate"):
            funnel = funnel_config(config, cpu)
            holdout = build_holdout(dataset, split, config, funnel, models_at_cut())
            evaluation = evaluate_rankers(holdout, trained.rankers)
            comparisons = OptionalFigures(
                constants=constants,
                objectives=compare_objectives(holdout, trained),
                hybrids=compare_rankers(holdout, trained) if config.compare else [],
            )
        with phases("gate"):
            gate = run_gate(evaluation, holdout, trained.rankers, out, config.gate)
        with phases("refit"):
            result = build_result(data, models_of_all(), trained, config, evaluation)
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
        folder = publish_result(result, out, config, on_written)
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


def adapt_and_collect(
    dataset: Dataset, split: TimeSplit, config: JobConfig, cpu: Cpu, phases: PhaseTimer
) -> tuple[JobConfig, list[ConstantChoice], list[RankTable]]:
    """Choose the constants, and collect the training rows of each window, in several processes.

    Returns:
        The configuration for this data, the constants that were tried, and the rows.

    Raises:
        DataError: there is no trainer of a ranker.
        CommandError: a process was ended from outside.
    """
    with Processes(dataset, config.processes) as processes:
        with phases("constants"):
            config, constants = adapt_config(dataset, split, config, cpu, processes)
        phases.add_memory("constants", processes.peak_bytes)
        require_trainers(config, dataset.traits)
        with phases("rows"):
            windows = [(window, config) for window in split.windows]
            tables = processes.map(collect_rows_apart, windows)
        phases.add_memory("rows", processes.peak_bytes)
    return config, constants, tables


def adapt_config(
    dataset: Dataset,
    split: TimeSplit,
    config: JobConfig,
    cpu: Cpu,
    processes: Processes[Dataset] | None = None,
) -> tuple[JobConfig, list[ConstantChoice]]:
    """Choose what visits are, and the constants of recall, for this data.

    The channel ``session_knn`` is turned off where users return, unless it is for all data.

    Nothing is chosen if ``config.adapt`` is false. Several processes share the channels.

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
    if processes is None or processes.count == 1:
        result = choose_constants(
            dataset, split.windows, config.recall, funnel_config(config, cpu), config.seed
        )
    else:
        groups = [(channels, split.windows, config) for channels in GROUPS]
        parts = processes.map(choose_constants_apart, groups)
        result = join_results(dict(zip(GROUPS, parts, strict=True)))
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


def choose_constants_apart(dataset: Dataset, work: ConstantsWork) -> ConstantsResult:
    """Choose the constants of some channels in any process."""
    channels, windows, config = work
    with own_cpu() as cpu:
        funnel = funnel_config(config, cpu)
        return choose_constants(dataset, windows, config.recall, funnel, config.seed, channels)


@contextmanager
def own_cpu() -> Iterator[Cpu]:
    """Yield a ``Cpu`` for computations in the block."""
    cpu = Cpu(threads=1)
    try:
        yield cpu
    finally:
        cpu.close()


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
    require_trainers(config, dataset.traits)
    with phases("rows"):
        tables = [collect_window_rows(dataset, *window, config, funnel) for window in split.windows]
    return fit_on_rows(tables, dataset.traits, config, phases, logged_lists)


def require_trainers(config: JobConfig, traits: DataTraits) -> None:
    """Find the trainers of both rankers, so that an unknown kind is an error at once.

    Raises:
        DataError: there is no such trainer.
    """
    objectives = choose_objectives(config.objectives, traits, config.rankers.fine)
    kinds = choose_kinds(config.rankers, objectives)
    for kind in (kinds.coarse, kinds.fine):
        find_trainer(kind)


def fit_on_rows(
    tables: list[RankTable],
    traits: DataTraits,
    config: JobConfig,
    phases: PhaseTimer,
    logged_lists: RankTable | None = None,
) -> TrainedRankers:
    """Fit the rankers on the rows of each window, and on logged lists, which are inserted.

    Raises:
        DataError: users liked none of the proposed items, or all of them.
    """
    objectives = choose_objectives(config.objectives, traits, config.rankers.fine)
    kinds = choose_kinds(config.rankers, objectives)
    if logged_lists is not None and len(logged_lists) and not objectives:
        tables[:] = insert_logged_lists(tables, logged_lists)
    training = TrainingSet(
        tables, config.seed, rank=config.rank, hybrid=config.hybrid, objectives=objectives
    )
    with phases("fine"):
        fine = fit_ranker(kinds.fine, training)
    with phases("coarse"):
        return add_coarse(fine, kinds.coarse, training)


def collect_rows_apart(dataset: Dataset, work: WindowWork) -> RankTable:
    """Collect the training rows of one window in any process."""
    window, config = work
    with own_cpu() as cpu:
        return collect_window_rows(dataset, *window, config, funnel_config(config, cpu))


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
    dataset: Dataset,
    split: TimeSplit,
    config: JobConfig,
    funnel: FunnelConfig,
    models: Models | None = None,
) -> Holdout:
    """Sample users of the test window.

    ``models`` were fitted on the events before the test. None: they are fitted here.

    Raises:
        DataError: no user of the test window liked a new item.
    """
    cut, end = split.test_start, split.test_end
    if models is None:
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


def publish_result(
    result: TrainingResult, out: Path, config: JobConfig, on_written: OnWritten | None = None
) -> Path:
    """Write the bundle, and put it into service unless the gate refused it; return its folder.

    ``on_written`` is called just before the bundle is put into service.
    """
    folder = write_bundle(result, out)
    verdict = result.gate.verdict if result.gate else None
    if verdict != "refused":
        push_tables(folder.name, result.models, config.redis_url, config.key_prefix)
    with changing_bundles(out):
        if on_written:
            on_written(folder.name, verdict)
        if verdict != "refused":
            switch_to(folder)
        remove_old_bundles(out, config.keep, current_version(out))
    return folder


def fit_ahead(
    executor: Executor | None, recall: RecallConfig, dataset: Dataset, log: Log, at: float
) -> Callable[[], Models]:
    """Return a function that returns the models of all events before ``at``.

    The fit begins at once on a thread of the executor. Without one it begins when it is wanted,
    which takes less memory.
    """
    fit = partial(fit_models, dataset, log, recall, at)
    return executor.submit(fit).result if executor else fit


def build_result(
    data: LoadedData,
    models: Models,
    trained: TrainedRankers,
    config: JobConfig,
    evaluation: Evaluation,
) -> TrainingResult:
    """Return what the bundle holds: models of all data, and the rankers that were evaluated."""
    dataset = data.dataset
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
