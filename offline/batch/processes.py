"""Compute lists on several cores: a process has a funnel of its own, and takes users in chunks."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from app.settings import Settings
from offline.batch.batch_lists import BatchFunnel, BatchOptions, UserList

CHUNK_USERS = 100  # that a process takes at a time
FEW_USERS = 200  # for fewer it takes longer to start processes than to compute the lists

Compute: TypeAlias = Callable[[Sequence[Sequence[str]]], Iterator[list[UserList]]]


@dataclass(slots=True)
class _Process:
    """The funnel of this process. A process of a pool is told nothing but users later."""

    funnel: BatchFunnel | None = field(default=None)
    skip_erased: bool = True


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
def list_computation(
    settings: Settings, options: BatchOptions, processes: int, *, skip_erased: bool
) -> Iterator[Compute]:
    """Yield a function that returns the lists of each chunk of users, in their order.

    Args:
        settings: of the service, with the address of its Redis.
        options: of each list.
        processes: how many compute at once; 1: this one.
        skip_erased: leave out users of the bundle who were erased since.
    """
    if processes == 1:
        with BatchFunnel(settings, options) as funnel:
            yield partial(map, partial(funnel.recommend, skip_erased=skip_erased))
        return
    context = multiprocessing.get_context("spawn")  # a fork would lack the threads
    start = (settings, options, skip_erased)
    with ProcessPoolExecutor(processes, context, _start, start) as pool:
        yield partial(pool.map, _recommend)


def _start(settings: Settings, options: BatchOptions, skip_erased: bool) -> None:  # noqa: FBT001
    """Build the funnel of this process."""
    _PROCESS.funnel = BatchFunnel(settings, options).__enter__()
    _PROCESS.skip_erased = skip_erased


def _recommend(users: Sequence[str]) -> list[UserList]:
    funnel = _PROCESS.funnel
    if funnel is None:
        raise RuntimeError("the process has no funnel: _start has not run")
    return funnel.recommend(users, skip_erased=_PROCESS.skip_erased)
