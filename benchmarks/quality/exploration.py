"""The effect of each way of exploring on the lists, on windows before the test; one table.

NDCG@10 is that of users with a history and of all others. "Explored" is the number of different
items in the exploration slots of 1,000 lists.

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
        "ucb, 1 slot, β 1": DEFAULT_POLICY,
        "ucb, 1 slot, β 0.3": replace(DEFAULT_POLICY, explore_beta=0.3),
        "ucb, 1 slot, β 1, among 30": replace(DEFAULT_POLICY, explore_among=30),
        "ucb, 2 slots, β 1": replace(DEFAULT_POLICY, explore_from=5),
        "ucb, 3 slots, β 1": replace(DEFAULT_POLICY, explore_slots=3, explore_from=1),
        "thompson, 1 slot, β 1": replace(DEFAULT_POLICY, explore="thompson"),
        "epsilon_greedy, 1 slot, ε 0.1": replace(DEFAULT_POLICY, explore="epsilon_greedy"),
        "ucb, 1 slot, β 1, 2 positions for the tail": replace(DEFAULT_POLICY, tail_places=2),
    }
)


def answer_window(dataset: Dataset, window: BenchmarkWindow, config: JobConfig) -> FunnelAnswers:
    """Train on the log of the window, and collect the answers to its users."""
    users = build_active_users(window, np.arange(len(window.users)))
    with run_funnel(dataset, window, config) as funnel:
        return asyncio.run(collect_answers(funnel, dataset, users, config.seed))


def evaluate_policy(
    answers: FunnelAnswers, policy: SceneSettings
) -> tuple[metrics.PerUser, float, int]:
    """Return NDCG@10 of each user, the coverage of their lists, and how many items are explored."""
    builder = answers.funnel.reranker
    if not isinstance(builder, SlateBuilder):
        raise TypeError(f"the funnel's last stage is {builder}, not a SlateBuilder")
    rows = rerank_in_sequence(replace(builder, default_scene=policy), answers.runs)
    lists = pad_lists(rows, K)
    slots = min(policy.explore_slots, K // policy.explore_from)
    explored = len(np.unique(lists[:, K - slots :])) if slots else 0
    covered = metrics.coverage(lists, K, len(builder.catalogue))
    return user_ndcg(lists, answers.relevant), covered, explored


def table(windows: list[FunnelAnswers]) -> Table:
    """Build a table over the users of all windows; coverage is the mean of the windows."""
    shown = Table("exploration")
    for name in ("NDCG@10, history", "NDCG@10, none", "coverage@10", "explored"):
        shown.add_column(name, justify="right")
    warm = np.concatenate([answers.events > 0 for answers in windows])
    for name, policy in EXPLORATION_POLICIES.items():
        results = [evaluate_policy(answers, policy) for answers in windows]
        figures = np.concatenate([ndcg for ndcg, _, _ in results])
        covered = float(np.mean([share for _, share, _ in results]))
        explored = 1_000 * sum(items for _, _, items in results) / len(figures)
        shown.add_row(
            name,
            *(f"{np.mean(figures[one]):.4f}" if one.any() else "-" for one in (warm, ~warm)),
            f"{covered:.4f}",
            f"{explored:.0f}",
        )
    shown.title = f"{int(warm.sum())} users with a history, {int((~warm).sum())} without"
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
