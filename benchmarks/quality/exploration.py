"""The effect of each way of exploring on the lists, on windows before the test; one table.

python -m benchmarks.quality.exploration --data data/ml-100k

The funnel is trained before each cut and asked for the users of its window. Then each policy builds
lists of its candidates, user after user. Each list counts as shown to the next user, as in service.
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

from app.rerank.policies import SceneSettings
from app.rerank.slate_builder import SlateBuilder
from benchmarks.quality.funnel_lists import build_active_users, run_funnel
from benchmarks.quality.windows import BenchmarkWindow, selection_windows
from offline.config import JobConfig
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

DEFAULT_POLICY = SceneSettings()
EXPLORATION_POLICIES: Mapping[str, SceneSettings] = MappingProxyType(
    {
        "none": replace(DEFAULT_POLICY, explore_slots=0),
        "ucb, 1 slot, β 0.3": replace(DEFAULT_POLICY, explore_slots=1, explore_beta=0.3),
        "ucb, 2 slots, β 1": DEFAULT_POLICY,
        "ucb, 2 slots, β 1, among 40": replace(DEFAULT_POLICY, explore_among=40),
        "ucb, 2 slots, β 1, among 20": replace(DEFAULT_POLICY, explore_among=20),
        "ucb, 3 slots, β 1": replace(DEFAULT_POLICY, explore_slots=3, explore_from=1),
        "ucb, 4 slots, β 1": replace(DEFAULT_POLICY, explore_slots=4, explore_from=1),
        "thompson, 2 slots, β 1": replace(DEFAULT_POLICY, explore="thompson"),
        "epsilon_greedy, 2 slots, ε 0.5": replace(DEFAULT_POLICY, explore="epsilon_greedy"),
        "ucb, 2 slots, β 1, 2 positions for the tail": replace(DEFAULT_POLICY, tail_places=2),
        "ucb, 2 slots, β 1, 4 positions for the tail": replace(DEFAULT_POLICY, tail_places=4),
    }
)


def answer_window(dataset: Dataset, window: BenchmarkWindow, config: JobConfig) -> FunnelAnswers:
    """Train on the log of the window, and collect the answers to its users."""
    users = build_active_users(window, np.arange(len(window.users)))
    with run_funnel(dataset, window, config) as funnel:
        return asyncio.run(collect_answers(funnel, dataset, users, config.seed))


def evaluate_policy(answers: FunnelAnswers, policy: SceneSettings) -> tuple[metrics.PerUser, float]:
    """Return NDCG@10 of each user with a history, and the coverage of their lists."""
    builder = answers.funnel.reranker
    if not isinstance(builder, SlateBuilder):
        raise TypeError(f"the funnel's last stage is {builder}, not a SlateBuilder")
    lists = pad_lists(rerank_in_sequence(replace(builder, default_scene=policy), answers.runs), K)
    warm = np.flatnonzero(answers.events > 0)
    covered = metrics.coverage(lists[warm], K, len(builder.catalogue))
    return user_ndcg(lists, answers.relevant)[warm], covered


def table(windows: list[FunnelAnswers]) -> Table:
    """Build a table over the users of all windows; coverage is the mean of the windows."""
    shown = Table("exploration")
    for name in ("NDCG@10", "coverage@10"):
        shown.add_column(name, justify="right")
    for name, policy in EXPLORATION_POLICIES.items():
        results = [evaluate_policy(answers, policy) for answers in windows]
        mean = float(np.concatenate([figures for figures, _ in results]).mean())
        covered = float(np.mean([share for _, share in results]))
        shown.add_row(name, f"{mean:.4f}", f"{covered:.4f}")
    shown.title = f"{sum(int((one.events > 0).sum()) for one in windows)} users with a history"
    return shown


def main(data: Annotated[Path, typer.Option(help="Folder of the data set.")]) -> None:
    """Compare the ways of exploring on the windows on which settings are chosen."""
    dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
    windows = selection_windows(dataset)
    progress = track(windows, "Training and asking", console=Console(stderr=True))
    Console(width=100).print(
        table([answer_window(dataset, window, JobConfig()) for window in progress])
    )


if __name__ == "__main__":
    typer.run(main)
