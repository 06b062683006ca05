"""``recfunnel ablate``: learns and judges the funnel without each part, and says what is lost."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.assemble import UNTRAINED
from app.cpu import Cpu
from app.settings import Settings
from offline.ablated import FILE, summary, table, write
from offline.ablations import AS_IT_IS, Ablation, ablations, cut, learn
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.data.readers import read
from offline.data.split import Split, by_time
from offline.evaluate.metrics import PerUser
from offline.evaluate.rescored import Rescored, rescored
from offline.job import JobConfig, prepare, replay, wired
from offline.table import RankTable
from offline.train import Choice


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Rows to learn from, and later windows to judge on, made once for all ablations."""

    tables: list[RankTable]
    later: dict[str, Rescored]  # in time order; none of it was learned from

    def judge(self, ablation: Ablation, config: JobConfig) -> list[PerUser]:
        """Give NDCG@10 of the warm users of each later window."""
        rankers = learn(self.tables, ablation, config.rank, config.seed)
        way = cut(rankers, ablation, config.sizes)
        return [found.ndcg(way)[found.is_warm] for found in self.later.values()]


def ablate(data: Path, settings: Settings, choice: Choice, schema: Path | None = None) -> Path:
    """Run every ablation and print what was found; gives the written file.

    Raises:
        DataError: the data cannot be used, or gives too few windows.
    """
    console, config = Console(), choice.job(settings)
    with console.status("Reading and checking the data"):
        dataset = read(data, schema).dataset
    tried, cpu = [AS_IT_IS, *ablations()], Cpu(threads=1)
    try:
        with _bar() as bar:
            task = bar.add_task("Replaying recall", total=len(tried) + 1)
            bench = build(dataset, by_time(dataset.log), config, cpu)
            found: list[list[PerUser]] = []
            for ablation in tried:
                bar.update(task, advance=1, description=ablation.name)
                found.append(bench.judge(ablation, config))
            bar.update(task, advance=1, description="Done")
    finally:
        cpu.close()
    told = summary(dataset, config.rank.least_rounds, config.seed, list(bench.later), found)
    path = settings.out / FILE
    write(told, path)
    for judged in told["windows"]:
        console.print(table(judged))
    console.print(f"Written: {path}. The next report on {dataset.name} shows it.", soft_wrap=True)
    return path


def _bar() -> Progress:
    return Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def build(dataset: Dataset, split: Split, config: JobConfig, cpu: Cpu) -> Bench:
    """Replay all windows but the last, and ask the funnel in that one and in the test.

    Raises:
        DataError: there are too few windows, or nobody with a history came in one.
    """
    *earlier, last = split.windows
    if not earlier:
        raise DataError(
            "Ablations need two windows before the test, and the data gives one: too many "
            "interactions share their timestamps."
        )
    wiring = wired(config, cpu)
    tables = [replay(dataset, *window, config, wiring) for window in earlier]
    splits = {"validation": Split(*last, tuple(earlier)), "test": split}
    later = {
        name: rescored(prepare(dataset, one, config, wiring), UNTRAINED)
        for name, one in splits.items()
    }
    later = {name: found for name, found in later.items() if found.is_warm.any()}
    if not later:
        raise DataError("Nobody with a history came back. More interactions are needed.")
    return Bench([table for table in tables if len(table)], later)
