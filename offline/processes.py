"""Compute parts of the job in this process and in others at once, over the same data."""

import multiprocessing
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from app.process.worker_process import end_with_parent
from offline.errors import CommandError
from offline.phases import peak_memory

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class _Started:
    """The state of a process that was started for its parent."""

    data: Any = field(default=None)


_STARTED = _Started()


class Processes(Generic[Shared]):
    """This process, and others that hold a copy of the same data until the ``with`` block ends.

    The others are started by the first ``map``. Nothing is computed in another way for their sake,
    so that their number changes no bit of the results.
    """

    def __init__(self, data: Shared, count: int) -> None:
        """Hold ``data``; ``count`` processes compute at once, this one among them."""
        self.data = data
        self.count = count
        self.peak_bytes = 0  # the highest memory of the others, together
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Processes[Shared]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def map(self, compute: Callable[[Shared, Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return ``compute(data, item)`` of each item, in their order.

        Args:
            compute: a function of a module; each process takes the next item when it is free.
            items: what to compute; they and the results must be able to be pickled.

        Raises:
            CommandError: a process ended before it had computed its item.
        """
        waiting = enumerate(items)  # shared by all threads: the next item is taken once
        results: dict[int, Result] = {}
        peaks: dict[int, int] = {}

        def take_for_another(process: int) -> None:
            with _emptied_at_error(waiting):
                for at, item in waiting:
                    task = self._started().submit(_compute, compute, item)
                    results[at], peaks[process] = task.result()

        others = min(self.count - 1, len(items) - 1)
        with ThreadPoolExecutor(max(others, 1)) as threads:
            taken = [threads.submit(take_for_another, process) for process in range(others)]
            with _emptied_at_error(waiting):
                for at, item in waiting:
                    results[at] = compute(self.data, item)
        try:
            for one in taken:
                one.result()
        except BrokenProcessPool:
            raise CommandError(
                "A process of the training was ended from outside, such as for want of memory, so "
                "nothing is published. Train again with --processes 1, which takes less memory."
            ) from None
        self.peak_bytes = max(self.peak_bytes, sum(peaks.values()))
        return [results[at] for at in range(len(items))]

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")  # a fork would lack the threads
                self._pool = ProcessPoolExecutor(self.count - 1, context, _start, (self.data,))
            return self._pool


@contextmanager
def _emptied_at_error(waiting: Iterator[Any]) -> Iterator[None]:
    """Take all that waits when the block fails, so that no process begins another item."""
    try:
        yield
    except BaseException:
        deque(waiting, maxlen=0)
        raise


def _start(data: Any) -> None:
    """Keep the data in a process that was started. It ends with its parent."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    _STARTED.data = data


def _compute(compute: Callable[[Any, Item], Result], item: Item) -> tuple[Result, int]:
    """Return the result, and the highest memory of this process so far, in bytes."""
    return compute(_STARTED.data, item), peak_memory()
