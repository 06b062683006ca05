"""What runs beside a worker's requests: computations on threads, and tasks that nobody awaits."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar, TypeVarTuple

import faiss
from threadpoolctl import threadpool_limits

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Cpu:
    """Runs pure functions on threads of a pool, while the event loop goes on.

    Each function uses one OpenMP thread. Parallelism comes from concurrent requests.
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


class BusyError(Exception):
    """A call is refused, because too many wait already."""


class SingleThread:
    """Runs slow functions one at a time on a thread of its own. Only a few calls may wait.

    The threads of ``Cpu`` stay free for what lists need.
    """

    def __init__(self, name: str, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._calls: list[Future[Any]] = []  # the running one, and those that wait

    async def __call__(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return ``work(*args)``. A call that has begun cannot be cancelled, only abandoned.

        Raises:
            BusyError: one call runs, and ``max_waiting`` others wait.
        """
        self._calls = [call for call in self._calls if not call.done()]
        if len(self._calls) > self._max_waiting:
            raise BusyError(f"{len(self._calls)} calls are running or waiting")
        call = self._pool.submit(work, *args)
        self._calls.append(call)
        return await asyncio.wrap_future(call)

    def close(self) -> None:
        """Wait for the running call, and start no more."""
        self._pool.shutdown(cancel_futures=True)


def one_thread() -> AbstractContextManager[object]:
    """Limit BLAS and OpenMP to one thread in a ``with`` block; more threads change the bits."""
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


log = logging.getLogger(__name__)


class BackgroundTasks:
    """The running tasks. A task that fails ends alone; the others go on."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: dict[str, None] = {}  # names of the work of tasks that failed, in order

    @property
    def alerts(self) -> list[str]:
        """A sentence for each kind of task that failed: its work is not done any more."""
        return [
            f"{name} failed in a worker, and its work is left undone: see the log, and restart"
            for name in self._failed
        ]

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._remove)
        return task

    async def stop(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        await cancel(*self._tasks)

    def _remove(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed[getattr(task.get_coro(), "__qualname__", task.get_name())] = None
            log.error("a background task failed", exc_info=error)


async def cancel(*tasks: asyncio.Task[None]) -> None:
    """Cancel these tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
