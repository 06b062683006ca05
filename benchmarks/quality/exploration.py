"""What each way of exploring does to lists, on windows before the test; one table.

python -m benchmarks.quality.exploration --data data/ml-100k

The funnel is trained before each cut and asked for the users of its window. Then its candidates are
put in lists by each policy, user after user: each list counts as shown to the next, as in service.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.rerank.policies import Policy
from app.rerank.slate_builder import SlateBuilder
from benchmarks.quality.funnel_lists import train_funnel
from benchmarks.quality.windows import BenchmarkWindow, selection_windows
from offline.data.dataset import Dataset
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.evaluate import metrics
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    collect_answers,
    pad_lists,
    rerank_in_sequence,
)
from offline.evaluate.metrics import K, user_ndcg
from offline.job import JobConfig
from offline.training.replay import ReplayUser

PLAIN = Policy()
EXPLORATION_POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "none": replace(PLAIN, explore_slots=0),
        "ucb, 1 slot, β 0.3": replace(PLAIN, explore_slots=1, explore_beta=0.3),
        "ucb, 2 slots, β 1": PLAIN,
        "ucb, 2 slots, β 1, among 40": replace(PLAIN, explore_among=40),
        "ucb, 2 slots, β 1, among 20": replace(PLAIN, explore_among=20),
        "ucb, 3 slots, β 1": replace(PLAIN, explore_slots=3, explore_from=1),
        "ucb, 4 slots, β 1": replace(PLAIN, explore_slots=4, explore_from=1),
        "thompson, 2 slots, β 1": replace(PLAIN, explore="thompson"),
        "epsilon_greedy, 2 slots, ε 0.5": replace(PLAIN, explore="epsilon_greedy"),
        "ucb, 2 slots, β 1, 2 places for the tail": replace(PLAIN, tail_places=2),
        "ucb, 2 slots, β 1, 4 places for the tail": replace(PLAIN, tail_places=4),
    }
)


def answer_window(dataset: Dataset, window: BenchmarkWindow, config: JobConfig) -> FunnelAnswers:
    """Train on what is known at the window's cut, and ask for its users with a history."""
    cpu = Cpu(threads=1)
    users = [
        ReplayUser(int(user), window.relevant.take(np.array([line])).rows)
        for line, user in enumerate(window.users)
    ]
    try:
        wiring = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
        funnel = train_funnel(dataset, window, config, wiring)
        return asyncio.run(collect_answers(funnel, dataset, users, config.seed))
    finally:
        cpu.close()


def evaluate_policy(asked: FunnelAnswers, policy: Policy) -> tuple[metrics.PerUser, float]:
    """Give NDCG@10 of each user with a history, and the coverage of their lists."""
    maker = asked.funnel.reranker
    if not isinstance(maker, SlateBuilder):
        raise TypeError(f"the funnel's last stage is {maker}, not a SlateBuilder")
    lists = pad_lists(rerank_in_sequence(replace(maker, policy=policy), asked.slates), K)
    warm = np.flatnonzero(asked.events > 0)
    covered = metrics.coverage(lists[warm], K, len(maker.catalogue))
    return user_ndcg(lists, asked.relevant)[warm], covered


def table(windows: list[FunnelAnswers]) -> Table:
    """Pool the users of all windows; coverage is the mean of the windows."""
    shown = Table()
    for name in ("exploration", "NDCG@10", "coverage@10"):
        shown.add_column(name, justify="left" if name == "exploration" else "right")
    for name, policy in EXPLORATION_POLICIES.items():
        told = [evaluate_policy(asked, policy) for asked in windows]
        mean = float(np.concatenate([figures for figures, _ in told]).mean())
        covered = float(np.mean([share for _, share in told]))
        shown.add_row(name, f"{mean:.4f}", f"{covered:.4f}")
    shown.title = f"{sum(int((one.events > 0).sum()) for one in windows)} users with a history"
    return shown


def main(data: Annotated[Path, typer.Option(help="Folder of the data set.")]) -> None:
    """Compare ways of exploring on the windows that settings are chosen on."""
    dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
    windows = selection_windows(dataset)
    progress = track(windows, "Training and asking", console=Console(stderr=True))
    Console(width=100).print(
        table([answer_window(dataset, window, JobConfig()) for window in progress])
    )


if __name__ == "__main__":
    typer.run(main)
