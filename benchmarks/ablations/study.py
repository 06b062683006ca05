"""Trains and evaluates the funnel without each of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.build import untrained_rankers
from app.cpu import Cpu
from app.settings import Settings
from benchmarks.ablations.ablations import (
    WHOLE_FUNNEL,
    Ablation,
    ablations,
    build_ranking,
    fit_rankers,
)
from offline.commands.train import TrainOptions
from offline.config import JobConfig
from offline.data.atomic import atomic_path
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import load_dataset
from offline.data.split import TimeSplit, split_by_time
from offline.evaluate.compare_rankers import HoldoutCandidates, build_variants, collect_candidates
from offline.evaluate.figures import Interval, Variant
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import PerUser
from offline.job import build_holdout, collect_window_rows, funnel_config
from offline.training.rank_table import RankTable

FILE = "ablations.json"
ALL_WINDOWS = "validation and test"
ALL = tuple(ablations())
JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
MAX_USERS = 2_000  # of all evaluated windows, about
SEEDS = 2  # of the rankers of each ablation; a seed alone changes NDCG@10 as much as many parts do


@dataclass(frozen=True, slots=True, eq=False)
class AblationData:
    """Training rows and later windows to evaluate on, the same for all ablations."""

    tables: list[RankTable]
    later: list[HoldoutCandidates]  # in time order, the test last; no training row is in them

    def evaluate(self, ablation: Ablation, config: JobConfig) -> PerUser:
        """Return NDCG@10 of all users of all later windows, in order; mean of the seeds."""
        seeds = range(config.seed, config.seed + SEEDS)
        means: PerUser = np.mean(
            [self.evaluate_seed(ablation, config, seed) for seed in seeds], axis=0
        )
        return means

    def evaluate_seed(self, ablation: Ablation, config: JobConfig, seed: int) -> PerUser:
        """Return NDCG@10 of the same users with rankers of one seed."""
        rankers = fit_rankers(self.tables, ablation, config.rank, seed)
        ranking = build_ranking(rankers, ablation, config.sizes)
        return np.concatenate([window.ndcg(ranking) for window in self.later])


def ablate(
    data: Path, settings: Settings, options: TrainOptions, parts: Sequence[Ablation] = ALL
) -> Path:
    """Run the ablations, print the result, and return the path of the written file.

    Raises:
        DataError: the data cannot be used, or is too little.
    """
    console, config = Console(), options.job_config(settings)
    with console.status("Reading and checking the data"):
        dataset = load_dataset(data, options.schema).dataset
    runs, cpu = [WHOLE_FUNNEL, *parts], Cpu(threads=1)
    try:
        with _bar() as bar:
            task = bar.add_task("Running recall", total=len(runs) + 1)
            ablation_data = build_data(dataset, split_by_time(dataset.log), config, cpu)
            figures: list[PerUser] = []
            for ablation in runs:
                bar.update(task, advance=1, description=ablation.name)
                figures.append(ablation_data.evaluate(ablation, config))
            bar.update(task, advance=1, description="Done")
    finally:
        cpu.close()
    result = summarise(dataset, config.seed, ablation_data.later, np.stack(figures, axis=1), parts)
    path = settings.out / FILE
    write_result(result, path)
    for group in result["views"]:
        console.print(table(group))
    console.print(f"Written: {path}.", soft_wrap=True)
    return path


def _bar() -> Progress:
    return Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def build_data(dataset: Dataset, split: TimeSplit, config: JobConfig, cpu: Cpu) -> AblationData:
    """Collect rows of the first half of the windows, candidates of the later ones and the test.

    Raises:
        DataError: users liked nothing that recall proposed, or a window has no users.
    """
    composition, half = funnel_config(config, cpu), (len(split.windows) + 1) // 2
    earlier, later = split.windows[:half], split.windows[half:]
    tables = [collect_window_rows(dataset, *window, config, composition) for window in earlier]
    if not any(map(len, tables)):
        raise DataError(
            "In the windows to learn from, users liked nothing that recall proposed. "
            "More interactions are needed."
        )
    splits = [*(TimeSplit(*window, earlier) for window in later), split]
    candidates = [
        collect_candidates(
            build_holdout(dataset, one, config, composition),
            untrained_rankers(),
            MAX_USERS // len(splits),
        )
        for one in splits
    ]
    return AblationData([table for table in tables if len(table)], candidates)


class AblationGroup(TypedDict):
    """Every ablation, for some of the users."""

    name: str  # of the windows, and "users without history"
    users: int  # a user of several windows counts in each
    whole: Interval  # NDCG@10 of the whole funnel
    variants: list[Variant]


class AblationResult(TypedDict):
    """The content of the file."""

    dataset: str
    interactions: int
    seed: int
    views: list[AblationGroup]


def summarise(
    dataset: Dataset,
    seed: int,
    later: list[HoldoutCandidates],
    figures: NDArray[np.float64],
    parts: Sequence[Ablation] = ALL,
) -> AblationResult:
    """Compare each ablation with the whole funnel, the first column of ``figures`` (u, 1 + a).

    The windows are ``later``, the test last. Their users are in the order of ``figures``.
    """
    persons = np.concatenate([[user.user for user in one.answers.users] for one in later])
    warm = np.concatenate([one.is_warm for one in later])
    is_test = np.repeat(
        np.arange(len(later)) == len(later) - 1, [len(one.answers) for one in later]
    )
    names = [one.name for one in parts]
    views = {
        "validation": warm & ~is_test,
        "test": warm & is_test,
        ALL_WINDOWS: warm,
        f"{ALL_WINDOWS}, users without history": ~warm,
    }
    return AblationResult(
        dataset=dataset.name,
        interactions=len(dataset.log),
        seed=seed,
        views=[
            AblationGroup(
                name=name,
                users=int(members.sum()),
                whole=Bootstrap.of(figures[members, :1], seed, user_ids=persons[members]).mean(0),
                variants=build_variants(figures[members], names, seed, persons[members]),
            )
            for name, members in views.items()
            if members.any()
        ],
    )


def write_result(result: AblationResult, path: Path) -> None:
    """Write the file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_bytes(orjson.dumps(result, option=JSON))


def table(view: AblationGroup) -> Table:
    """Build the table of one group of users, the largest loss first."""
    title = f"NDCG@10 of {view['users']} users, {view['name']} (95 % interval)"
    shown = Table("the funnel", title=title)
    for name in ("NDCG@10", "less the whole funnel"):
        shown.add_column(name, justify="right")
    shown.add_row("the whole funnel", f"{view['whole']['mean']:.4f}", "")
    for one in sorted(view["variants"], key=lambda one: one["difference"]["mean"] or 0.0):
        difference = one["difference"]
        interval = (
            f"{difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"
        )
        shown.add_row(one["name"], f"{one['ndcg']['mean']:.4f}", interval)
    return shown
