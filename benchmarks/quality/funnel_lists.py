"""The funnel as it would be served: trained before the cut, asked as of the cut."""

import asyncio
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel
from app.recall.registry import CHANNELS
from benchmarks.quality.windows import BenchmarkWindow
from offline.data.dataset import Dataset
from offline.data.split import split_by_time
from offline.evaluate.funnel_answers import collect_answers, evaluated_lists, pad_lists
from offline.evaluate.metrics import Lists
from offline.job import JobConfig, PhaseTimer, fit_rankers
from offline.models.registry import fit_models
from offline.training.replay import ReplayUser, build_offline_funnel

FUNNEL = "funnel"


@dataclass(frozen=True, slots=True, eq=False)
class FunnelLists:
    """The lists (u, 20) of the funnel and of each of its channels alone."""

    lists: dict[str, Lists]
    seconds: float


def compute_funnel_lists(
    dataset: Dataset, window: BenchmarkWindow, config: JobConfig
) -> FunnelLists:
    """Train on what is known at the window's cut, and ask for its users."""
    began = perf_counter()
    cpu = Cpu(threads=1)
    try:
        wiring = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
        funnel = train_funnel(dataset, window, config, wiring)
        users = [
            ReplayUser(int(user), window.relevant.take(np.array([line])).rows)
            for line, user in enumerate(window.users)
        ]
        asked = asyncio.run(collect_answers(funnel, dataset, users, config.seed))
    finally:
        cpu.close()
    lists = {FUNNEL: pad_lists(evaluated_lists(funnel, asked.slates))}
    for column, channel in enumerate(CHANNELS):
        lists[channel_method(channel)] = pad_lists(
            [slate.proposals[column].rows for slate in asked.slates]
        )
    return FunnelLists(lists, perf_counter() - began)


def channel_method(channel: str) -> str:
    """Name a channel of ours: libraries have an EASE, too."""
    return f"recall.{channel}"


def train_funnel(
    dataset: Dataset, window: BenchmarkWindow, config: JobConfig, wiring: FunnelConfig
) -> Funnel:
    """Train the funnel as the job does; the data set it is given ends at the cut."""
    past = replace(dataset, log=window.log)
    split = split_by_time(
        past.log, test_share=1 / len(past.log)
    )  # the test lies beyond: nothing is kept
    learned = fit_rankers(past, split, config, wiring, PhaseTimer())
    models = fit_models(past, past.log, config.recall, window.cut)
    return build_offline_funnel(models, wiring, learned.rankers)
