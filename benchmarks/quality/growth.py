"""What the learned blend of the fine ranker's two models is worth, on windows before the test.

python -m benchmarks.quality.growth --data data/ml-100k

The funnel is trained before each cut and asked for the users of its window: blended as the training
learned, and once more with both models counting half at the usual number of events.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel
from app.rank.pointwise_listwise import Growth, PointwiseListwiseBlend
from benchmarks.quality.funnel_lists import train_funnel
from benchmarks.quality.windows import BenchmarkWindow, selection_windows
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate.figures import Interval
from offline.evaluate.funnel_answers import collect_answers, evaluated_lists, pad_lists
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import user_ndcg
from offline.evaluate.segments import HISTORY_BANDS
from offline.job import JobConfig
from offline.training.replay import ReplayUser

SEEDS = (7, 8, 9)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One training before one window, and what its users were shown."""

    window: BenchmarkWindow
    seed: int
    growth: Growth
    usual: NDArray[np.float64]  # (u,) NDCG@10 with the constant
    learned: NDArray[np.float64]  # (u,)


def judge(dataset: Dataset, window: BenchmarkWindow, config: JobConfig) -> Judged:
    """Train on what is known at the window's cut, and ask for its users twice."""
    cpu = Cpu(threads=1)
    try:
        wiring = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
        funnel = train_funnel(dataset, window, config, wiring)
        fine = funnel.fine.scorer
        if not isinstance(fine, PointwiseListwiseBlend):
            raise TypeError(f"the fine ranker is {fine}, not two models")
        constant = replace(funnel.fine, scorer=replace(fine, growth=Growth()))
        lists = [_asked(one, dataset, window) for one in (replace(funnel, fine=constant), funnel)]
    finally:
        cpu.close()
    return Judged(window, config.seed, fine.growth, *lists)


def _asked(funnel: Funnel, dataset: Dataset, window: BenchmarkWindow) -> NDArray[np.float64]:
    users = [
        ReplayUser(int(user), window.relevant.take(np.array([line])).rows)
        for line, user in enumerate(window.users)
    ]
    asked = asyncio.run(collect_answers(funnel, dataset, users, 7))
    return user_ndcg(pad_lists(evaluated_lists(funnel, asked.slates)), asked.relevant).astype(
        np.float64
    )


def trainings(found: Sequence[Judged]) -> Table:
    """Show what each training learned, and what it changed for users with a history."""
    shown = Table("window", "seed", "half at", "held-out pools", "held out", "in the window")
    for one in found:
        gain = (one.learned - one.usual)[one.window.events > 0].mean()
        learned = f"{one.growth.gain:+.4f} (error {one.growth.error:.4f})"
        told = (f"{one.growth.half:g}", str(one.growth.pools), learned, f"{gain:+.4f}")
        shown.add_row(one.window.name, str(one.seed), *told)
    return shown


def bands(found: Sequence[Judged]) -> Table:
    """Show NDCG@10 by history, of all windows and seeds; a person is drawn with all their lines."""
    shown = Table("history", "lines", "usual", "learned", "difference (95 % interval)")
    events = np.concatenate([one.window.events for one in found])
    persons = np.concatenate([one.window.users for one in found])
    usual, learned = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("usual", "learned")
    )
    band_of = np.searchsorted(list(HISTORY_BANDS.values()), events, side="right") - 1
    parts = {name: band_of == band for band, name in enumerate(HISTORY_BANDS)}
    for name, members in {**parts, "with a history": events > 0}.items():
        if members.any():
            columns = np.stack([usual, learned, learned - usual], axis=1)[members]
            drawn = Bootstrap.of(columns, 7, user_ids=persons[members])
            told = _told(drawn.mean(2))
            means = (f"{drawn.mean(column)['mean']:.4f}" for column in (0, 1))
            shown.add_row(name, str(members.sum()), *means, told)
    return shown


def _told(difference: Interval) -> str:
    """Write a difference with its bounds, if it has any."""
    if difference["low"] is None:
        return f"{difference['mean']:+.4f}"
    return f"{difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"


def main(data: Annotated[Path, typer.Option(help="Folder of the data set.")]) -> None:
    """Compare the learned blend with the constant on the windows that settings are chosen on."""
    dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
    runs = list(product(selection_windows(dataset), SEEDS))
    progress = track(runs, "Training and asking", console=Console(stderr=True))
    found = [judge(dataset, window, JobConfig(seed=seed)) for window, seed in progress]
    console = Console(width=100)
    console.print(trainings(found), bands(found))


if __name__ == "__main__":
    typer.run(main)
