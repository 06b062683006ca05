"""Run a coroutine to its end and return its result, at the cost of the coroutine alone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


def run_async(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine on an event loop of its own and return its result.

    ``asyncio.run`` does the same, but when it puts the signal handler back, Python formats the
    result as text: with thousands of arrays in it, that takes longer than to compute them.
    """
    results: list[R] = []

    async def keep_result() -> None:
        results.append(await coroutine)

    asyncio.run(keep_result())
    return results[0]
