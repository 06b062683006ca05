"""The threads beside the event loop that long computations run on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar, TypeVarTuple

import faiss
from threadpoolctl import threadpool_limits

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Cpu:
    """Runs pure functions off the event loop, with one OpenMP thread each.

    Parallelism comes from concurrent requests.
    """

    def __init__(self, threads: int) -> None:
        faiss.omp_set_num_threads(1)
        self._limits = threadpool_limits(1)  # waiting BLAS threads use a whole core
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cpu")

    async def __call__(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return ``work(*args)``. A call that has begun cannot be cancelled, only abandoned."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def close(self) -> None:
        """Wait for the running calls, and start no more."""
        self._pool.shutdown(cancel_futures=True)
        self._limits.restore_original_limits()


def one_thread() -> AbstractContextManager[object]:
    """Limit BLAS and OpenMP to one thread in a ``with`` block; more threads change the bits."""
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
