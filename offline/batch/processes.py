"""Compute lists on several cores: a process has a funnel of its own, and takes users in chunks."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from app.settings import Settings
from offline.batch.batch_lists import BatchFunnel, BatchOptions, UserList
from offline.errors import CommandError

CHUNK_USERS = 100  # that a process takes at a time
FEW_USERS = 200  # for fewer it takes longer to start processes than to compute the lists

Compute: TypeAlias = Callable[[Sequence[Sequence[str]]], Iterator[list[UserList]]]


@dataclass(frozen=True, slots=True)
class ListWork:
    """What the processes of a run have in common."""

    settings: Settings  # of the service, with the address of its Redis
    options: BatchOptions
    bundle: Path  # the folder
    skip_erased: bool  # leave out users of the bundle who were erased since

    def build_funnel(self) -> BatchFunnel:
        """Return a funnel that is not loaded yet."""
        return BatchFunnel(self.settings, self.options, self.bundle)


@dataclass(slots=True)
class _Process:
    """The state of this process of a pool."""

    work: ListWork | None = field(default=None)
    funnel: BatchFunnel | None = field(default=None)  # None: not loaded yet


_PROCESS = _Process()


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunks_of(users: Sequence[str]) -> list[Sequence[str]]:
    """Split the users into the chunks that processes take."""
    return [users[start : start + CHUNK_USERS] for start in range(0, len(users), CHUNK_USERS)]


@contextmanager
def list_computation(work: ListWork, processes: int) -> Iterator[Compute]:
    """Yield a function that returns the lists of each chunk of users, in their order.

    Args:
        work: what to compute.
        processes: how many compute at once; 1: this one.

    Raises:
        BundleError: the bundle must not be served.
        StageError: the store does not answer.
        CommandError: a process ended before its lists were computed.
    """
    if processes == 1:
        with work.build_funnel() as funnel:
            yield partial(map, partial(funnel.recommend, skip_erased=work.skip_erased))
        return
    context = multiprocessing.get_context("spawn")  # a fork would lack the threads
    try:
        with ProcessPoolExecutor(processes, context, start_process, (work,)) as pool:
            yield partial(pool.map, compute_chunk)
    except BrokenProcessPool:
        raise CommandError(
            f"one of {processes} processes was ended from outside, such as for want of memory, so "
            "the lists are not written: run the command again with fewer --processes"
        ) from None


def start_process(work: ListWork) -> None:
    """Keep what to compute. An error here would break the pool, so nothing is loaded yet."""
    _PROCESS.work = work


def compute_chunk(users: Sequence[str]) -> list[UserList]:
    """Return the lists of a chunk; load the funnel before the first. Errors reach the caller."""
    work = _PROCESS.work
    if work is None:
        raise RuntimeError("the process has nothing to compute: start_process has not run")
    if _PROCESS.funnel is None:
        _PROCESS.funnel = work.build_funnel().__enter__()
    return _PROCESS.funnel.recommend(users, skip_erased=work.skip_erased)
