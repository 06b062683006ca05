"""The funnel as it is served: trained on the log before the cut, asked as of the cut."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.funnel import Funnel
from app.recall.registry import CHANNELS
from benchmarks.quality.windows import BenchmarkWindow
from offline.config import JobConfig
from offline.data.dataset import Dataset
from offline.data.split import split_by_time
from offline.evaluate.funnel_answers import collect_answers, evaluated_lists, pad_lists
from offline.evaluate.metrics import Lists
from offline.job import adapt_config, fit_rankers
from offline.models.registry import fit_models
from offline.phases import PhaseTimer
from offline.training.past_requests import ActiveUser, build_offline_funnel

FUNNEL = "funnel"
TrainFunction: TypeAlias = Callable[[Dataset, BenchmarkWindow, JobConfig, FunnelConfig], Funnel]


@dataclass(frozen=True, slots=True, eq=False)
class FunnelLists:
    """The lists (u, 20) of the funnel and of each of its channels alone."""

    lists: dict[str, Lists]
    seconds: float


def compute_funnel_lists(
    dataset: Dataset, window: BenchmarkWindow, config: JobConfig
) -> FunnelLists:
    """Train on the log of the window, and compute lists for its users."""
    began = perf_counter()
    with run_funnel(dataset, window, config) as funnel:
        users = build_active_users(window, np.arange(len(window.users)))
        answers = asyncio.run(collect_answers(funnel, dataset, users, config.seed))
    lists = {FUNNEL: pad_lists(evaluated_lists(funnel, answers.runs))}
    for column, channel in enumerate(CHANNELS):
        lists[channel_method(channel)] = pad_lists(
            [run.proposals[column].rows for run in answers.runs]
        )
    return FunnelLists(lists, perf_counter() - began)


def channel_method(channel: str) -> str:
    """Return the name of a channel as a method; a library may have the same name, such as EASE."""
    return f"recall.{channel}"


def build_active_users(window: BenchmarkWindow, lines: NDArray[np.intp]) -> list[ActiveUser]:
    """Return the users on these lines of the window, with what is relevant to them."""
    relevant = window.relevant.take(lines)
    parts = np.split(relevant.rows, relevant.indptr[1:-1])
    return [
        ActiveUser(int(user), rows) for user, rows in zip(window.users[lines], parts, strict=True)
    ]


@contextmanager
def run_funnel(
    dataset: Dataset,
    window: BenchmarkWindow,
    config: JobConfig,
    train: TrainFunction | None = None,
) -> Iterator[Funnel]:
    """Train the funnel, and keep its thread for as long as it is used."""
    cpu = Cpu(threads=1)
    try:
        funnel_config = FunnelConfig(cpu, NO_CHECKPOINTS, config.sizes, config.policy)
        yield (train or train_funnel)(dataset, window, config, funnel_config)
    finally:
        cpu.close()


def train_funnel(
    dataset: Dataset, window: BenchmarkWindow, config: JobConfig, funnel_config: FunnelConfig
) -> Funnel:
    """Train the funnel as the job does, with the constants that it chooses for the data.

    The data set that it gets ends at the cut.
    """
    past = replace(dataset, log=window.log)
    # The test lies beyond the cut, so the job holds nothing back.
    split = split_by_time(past.log, test_share=1 / len(past.log))
    config, _ = adapt_config(past, split, config, funnel_config.cpu)
    funnel_config = replace(funnel_config, channels=config.channels)
    trained = fit_rankers(past, split, config, funnel_config, PhaseTimer())
    models = fit_models(past, past.log, config.recall, window.cut)
    return build_offline_funnel(models, funnel_config, trained.rankers)
