"""``recfunnel ablate``: learns and judges the funnel without each part, and says what is lost."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

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
from benchmarks.ablations.results import FILE, summary, table, write
from offline.commands.train import TrainOptions
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import load_dataset
from offline.data.split import TimeSplit, split_by_time
from offline.evaluate.metrics import PerUser
from offline.evaluate.rerank_only import HoldoutCandidates, collect_candidates
from offline.job import JobConfig, build_holdout, funnel_config, replay_window
from offline.training.rank_table import RankTable

MAX_USERS = 2_000  # in all windows that are judged, about
SEEDS = 2  # rankers of each ablation: another seed alone moves NDCG@10 as much as many a part


@dataclass(frozen=True, slots=True, eq=False)
class AblationData:
    """Rows to learn from, and later windows to judge on, made once for all ablations."""

    tables: list[RankTable]
    later: list[HoldoutCandidates]  # in time order, the test last; none of it was learned from

    def evaluate(self, ablation: Ablation, config: JobConfig) -> PerUser:
        """Give NDCG@10 of all users of all later windows, end to end; the mean of two seeds."""
        seeds = range(config.seed, config.seed + SEEDS)
        found: PerUser = np.mean([self._judge(ablation, config, s) for s in seeds], axis=0)
        return found

    def _judge(self, ablation: Ablation, config: JobConfig, seed: int) -> PerUser:
        way = build_ranking(
            fit_rankers(self.tables, ablation, config.rank, seed), ablation, config.sizes
        )
        return np.concatenate([found.ndcg(way) for found in self.later])


def ablate(
    data: Path, settings: Settings, choice: TrainOptions, schema: Path | None = None
) -> Path:
    """Run every ablation and print what was found; gives the written file.

    Raises:
        DataError: the data cannot be used, or is too little.
    """
    console, config = Console(), choice.job_config(settings)
    with console.status("Reading and checking the data"):
        dataset = load_dataset(data, schema).dataset
    tried, cpu = [WHOLE_FUNNEL, *ablations()], Cpu(threads=1)
    try:
        with _bar() as bar:
            task = bar.add_task("Replaying recall", total=len(tried) + 1)
            bench = build(dataset, split_by_time(dataset.log), config, cpu)
            found: list[PerUser] = []
            for ablation in tried:
                bar.update(task, advance=1, description=ablation.name)
                found.append(bench.evaluate(ablation, config))
            bar.update(task, advance=1, description="Done")
    finally:
        cpu.close()
    told = summary(dataset, config.seed, bench.later, np.stack(found, axis=1))
    path = settings.out / FILE
    write(told, path)
    for judged in told["views"]:
        console.print(table(judged))
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


def build(dataset: Dataset, split: TimeSplit, config: JobConfig, cpu: Cpu) -> AblationData:
    """Replay the first half of the windows, and ask the funnel in each later one and the test.

    Raises:
        DataError: users took nothing of what recall proposed, or nobody came to a window.
    """
    wiring, half = funnel_config(config, cpu), (len(split.windows) + 1) // 2
    known, later = split.windows[:half], split.windows[half:]
    tables = [replay_window(dataset, *window, config, wiring) for window in known]
    if not any(map(len, tables)):
        raise DataError(
            "In the windows to learn from users took nothing that recall proposed. "
            "More interactions are needed."
        )
    splits = [*(TimeSplit(*window, known) for window in later), split]
    asked = [
        collect_candidates(
            build_holdout(dataset, one, config, wiring),
            untrained_rankers(),
            MAX_USERS // len(splits),
        )
        for one in splits
    ]
    return AblationData([table for table in tables if len(table)], asked)
