"""Pins the thread pools of the numeric libraries, whose size would change the bits."""

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """Give BLAS and OpenMP one thread for the length of a ``with`` block."""
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
