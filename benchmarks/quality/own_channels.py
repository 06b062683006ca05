"""The funnel against its own channels and against popularity, on rolling windows of any data set.

python -m benchmarks.quality.own_channels --data data/ml-100k [--users 400] [--trainings 0.6,0.8]

Rankers are trained on the first 60 % and 80 % of the log, as ``recfunnel train`` does it: with the
constants that it chooses and the same gate. They serve four windows each, a twentieth of the log
wide. Recall is fitted anew as of the start of each window. Without timestamps there is
one window, of users whose histories are halved.

The best channel of a window, for each of the two groups of users, is the one with the highest
NDCG@10 on all earlier windows, the last window that the rankers learned from included. Users with a
history are resampled as users. Users without one get the same list in a window, so that they are
resampled by window and list.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from app.artifacts import Rankers
from app.bundle.manifest import GateCheck, UserGroup
from app.cpu import Cpu
from app.recall.registry import CHANNELS
from app.rerank.seen import seen_rules
from benchmarks.quality.channel_figures import BEST_CHANNEL, OwnChannels, WindowFigures
from benchmarks.quality.funnel_lists import build_active_users
from benchmarks.quality.result_file import write_result
from benchmarks.quality.windows import BenchmarkWindow, selection_windows, test_windows
from offline.cli.errors import errors_as_sentences
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.split import split_by_time
from offline.evaluate.baselines import BASELINES
from offline.evaluate.comparison import RANKING, REFERENCE
from offline.evaluate.figures import HEADLINE
from offline.evaluate.funnel_answers import (
    collect_answers,
    evaluated_lists,
    method_lists,
    pad_lists,
    ranked_lists,
)
from offline.evaluate.gate import check_comparison
from offline.evaluate.metrics import MAX_K, K, user_ndcg
from offline.job import adapt_config, fit_rankers, funnel_config
from offline.models.registry import fit_models
from offline.phases import PhaseTimer
from offline.training.past_requests import (
    ActiveUser,
    build_offline_funnel,
    find_active_users,
    sample_users,
)

TRAININGS = "0.6,0.8"  # shares of the interactions that rankers are trained on
WINDOWS = 4  # of each training, until the next one
WIDTH = 0.05  # share of the interactions in each window
DEFAULT_CONSTANTS = "default constants"  # the funnel without exploration and without the choice
RESULTS = Path(__file__).parent / "results"
COMPARED = (BEST_CHANNEL, *BASELINES)
console = Console(width=160)


@dataclass(frozen=True, slots=True, eq=False)
class WindowTask:
    """Users who liked something new in a window, and its start."""

    name: str
    past: Dataset  # its log ends at the start
    cut: float  # unix seconds
    users: list[ActiveUser]


def measure(
    dataset: Dataset, config: JobConfig, trainings: Sequence[float], users: int, *, both: bool
) -> OwnChannels:
    """Train and evaluate on every window of a data set.

    Args:
        dataset: with or without timestamps.
        config: settings of the job.
        trainings: shares of the interactions that rankers are trained on.
        users: at most so many of each window.
        both: also train with the default constants where others were chosen.

    Raises:
        DataError: a part of the log is too small.
    """
    result, cpu = OwnChannels(), Cpu(threads=1)
    try:
        for past, earlier, tasks in _trainings(dataset, config, trainings, users):
            split = split_by_time(past.log, test_share=1 / len(past.log))
            adapted, constants = adapt_config(past, split, config, cpu)
            result.constants.append(constants)
            if not result.windows:
                result.learn(_evaluate(earlier, adapted, None, cpu))
            configs = {RANKING: adapted}
            if both and adapted != config:
                configs[DEFAULT_CONSTANTS] = config
            rankers = {
                name: fit_rankers(past, split, one, funnel_config(one, cpu), PhaseTimer()).rankers
                for name, one in configs.items()
            }
            for task in tasks:
                figures = _evaluate(task, adapted, rankers[RANKING], cpu)
                if both:
                    other = (
                        _evaluate(task, config, rankers[DEFAULT_CONSTANTS], cpu)
                        if DEFAULT_CONSTANTS in rankers
                        else figures
                    )
                    figures.ndcg[DEFAULT_CONSTANTS] = other.ndcg[RANKING]
                result.add(figures)
                console.log(f"window {task.name}: {len(task.users)} users")
    finally:
        cpu.close()
    return result


def _trainings(
    dataset: Dataset, config: JobConfig, trainings: Sequence[float], users: int
) -> Iterator[tuple[Dataset, WindowTask, list[WindowTask]]]:
    """Yield the data of each training, an earlier window, and the windows that it serves."""
    if not dataset.traits.has_times:
        (test,), (earlier,) = test_windows(dataset), selection_windows(dataset)
        task = _fold_in_task(dataset, test, config, users)
        yield task.past, _fold_in_task(dataset, earlier, config, users), [task]
        return
    for share in trainings:
        cuts = [share + number * WIDTH for number in range(-1, WINDOWS)]
        before, *tasks = [_task(dataset, cut, config, users) for cut in cuts]
        yield tasks[0].past, before, tasks


def _task(dataset: Dataset, share: float, config: JobConfig, users: int) -> WindowTask:
    times = dataset.log.times
    after = float(np.nextafter(times[-1], np.inf))
    start, end = (
        float(times[at]) if (at := round(one * len(times))) < len(times) else after
        for one in (share, share + WIDTH)
    )
    active = find_active_users(dataset.log, start, end, seen_rules(config.policy.seen))
    past = replace(dataset, log=dataset.log.before(start))
    return WindowTask(f"{share:.0%}", past, start, sample_users(active, users, config.seed))


def _fold_in_task(
    dataset: Dataset, window: BenchmarkWindow, config: JobConfig, users: int
) -> WindowTask:
    active = build_active_users(window, np.arange(len(window.users)))
    past = replace(dataset, log=window.log)
    return WindowTask(window.name, past, window.cut, sample_users(active, users, config.seed))


def _evaluate(
    task: WindowTask, config: JobConfig, rankers: Rankers | None, cpu: Cpu
) -> WindowFigures:
    """Compute NDCG@10 of the funnel, of its channels and of popularity for the task's users."""
    models = fit_models(task.past, task.past.log, config.recall, task.cut)
    funnel = build_offline_funnel(models, funnel_config(config, cpu), rankers)
    answers = asyncio.run(collect_answers(funnel, task.past, task.users, config.seed))
    lists = method_lists(answers.runs, evaluated_lists(funnel, answers.runs), models, MAX_K)
    lists[RANKING] = pad_lists(ranked_lists(funnel, answers.runs, MAX_K))
    _, equal = np.unique(lists[RANKING][:, :K], axis=0, return_inverse=True)
    return WindowFigures(
        task.name,
        np.array([user.user for user in task.users], np.int64),
        answers.seen.sizes > 0,
        equal.ravel().astype(np.int64),
        {method: user_ndcg(rows, answers.relevant) for method, rows in lists.items()},
    )


def summarise(dataset: Dataset, result: OwnChannels, config: JobConfig) -> dict[str, Any]:
    """Return everything that the table shows, and the means of each window."""
    groups: dict[str, Any] = {}
    checks: list[GateCheck] = []
    names: dict[UserGroup, bool] = {"warm": True, "cold": False}
    for group, warm in names.items():
        comparison = result.compare(warm=warm, seed=config.seed)
        groups[group] = comparison
        if comparison:
            checks += check_comparison(comparison, group, config.gate)
    return {
        "dataset": {
            "name": dataset.name,
            "users": len(dataset.users),
            "items": len(dataset.catalogue),
            "interactions": len(dataset.log),
            "timed": dataset.traits.has_times,
        },
        "best_channel": dict(
            zip((figures.name for figures in result.windows), result.chosen, strict=True)
        ),
        **groups,
        "windows": {
            figures.name: {
                "warm": int(figures.is_warm.sum()),
                "cold": int((~figures.is_warm).sum()),
                "cold_lists": len(np.unique(figures.lists[~figures.is_warm])),
                HEADLINE: {
                    group: {
                        method: _mean(values[members]) for method, values in figures.ndcg.items()
                    }
                    for group, members in (("warm", figures.is_warm), ("cold", ~figures.is_warm))
                },
            }
            for figures in result.windows
        },
        "gate": [{"outcome": check.outcome, "explanation": check.explanation} for check in checks],
        "constants": [
            [
                {name: choice[name] for name in ("setting", "channel", "default", "chosen")}
                for choice in choices
                if choice["chosen"] != choice["default"]
            ]
            for choices in result.constants
        ],
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def show(summary: dict[str, Any]) -> None:
    """Print the figures: a line for each group and method."""
    console.print(f"{summary['dataset']}", markup=False)
    for group in ("warm", "cold"):
        comparison = summary[group]
        if not comparison:
            console.print(f"{group}: nobody")
            continue
        console.print(f"{group}: {comparison['evaluated_users']} users, NDCG@10")
        means = comparison["methods"]
        for method in (REFERENCE, RANKING):
            console.print(f"  {method:20} {_figure(means[method][HEADLINE])}")
        for method in (*COMPARED, DEFAULT_CONSTANTS, *CHANNELS):
            if method in means:
                gap = comparison["ranking_differences"][method]["difference"]
                text = f"{means[method][HEADLINE]['mean']:.4f}, ranking - it: {_figure(gap, '+')}"
                console.print(f"  {method:20} {text}")
        gap = comparison["ranking_differences"][REFERENCE]["difference"]
        console.print(f"  cost of exploration and freshness: {_figure(gap, '+')}")
    console.print(f"best channel of each window: {summary['best_channel']}", markup=False)
    console.print(f"constants: {summary['constants']}", markup=False)
    for check in summary["gate"]:
        console.print(f"gate, {check['outcome']}: {check['explanation']}", markup=False)


def _figure(figure: dict[str, float], sign: str = "") -> str:
    return f"{figure['mean']:{sign}.4f} ({figure['low']:{sign}.4f} to {figure['high']:{sign}.4f})"


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    users: Annotated[int, typer.Option(help="At most so many users of each window.")] = 400,
    trainings: Annotated[
        str, typer.Option(help="Cuts, as shares of the interactions.")
    ] = TRAININGS,
    default_constants: Annotated[  # noqa: FBT002
        bool, typer.Option(help="Train with the default constants too, and compare the lists.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = RESULTS,
) -> None:
    """Compare the funnel with its own channels; write the result and print it."""
    began, config = process_time(), JobConfig()
    with errors_as_sentences():
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        result = measure(
            dataset,
            config,
            [float(share) for share in trainings.split(",")],
            users,
            both=default_constants,
        )
    summary = summarise(dataset, result, config)
    show(summary)
    path = out / f"own-channels-{dataset.name}.json"
    write_result(path, summary)
    console.print(
        f"CPU time {process_time() - began:.0f} s. The result is in {path}", soft_wrap=True
    )


if __name__ == "__main__":
    typer.run(main)
