"""One request's clock: admits, bounds, survives, and records what each stage did."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, TypeAlias, TypeVar

from app.contracts import Proposal, Query, StageError

log = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["ok", "late", "down", "bug"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage did; exported as a metric, and shown to the caller on ``explain=true``."""

    stage: str
    seconds: float
    outcome: Outcome
    n_in: int  # candidates in
    n_out: int  # candidates out


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Seconds after arrival by which each stage must be done. Time saved rolls on."""

    history: float = 0.015
    profile: float = 0.025
    recall: float = 0.035
    coarse: float = 0.050
    fine: float = 0.080
    rerank: float = 0.095


NO_CHECKPOINTS = Checkpoints(*[math.inf] * 6)  # for the offline job, which runs the same funnel


@dataclass(slots=True)
class StageRunner:
    """One request: when it arrived, and its steps so far."""

    arrived: float  # by time.monotonic, seconds; an event loop's clock may tick in milliseconds
    results: list[StageResult] = field(default_factory=list)
    query: Query | None = None  # once the user is known
    proposals: list[Proposal] = field(default_factory=list)  # once recall has ended

    async def run_async(
        self, stage: str, by: float, work: Callable[[], Awaitable[T]], fallback: T
    ) -> T:
        """Await ``work``; cancel it ``by`` seconds after arrival, and take ``fallback`` instead."""
        began = monotonic()
        remaining = self.arrived + by - began
        result = fallback
        outcome: Outcome = "ok"
        if remaining <= 0:
            outcome = "late"
        else:
            try:
                async with asyncio.timeout(None if remaining == math.inf else remaining):
                    result = await work()
            except Exception as error:  # noqa: BLE001 - here any failure becomes an outcome
                outcome = _outcome(stage, error)
        self.results.append(StageResult(stage, monotonic() - began, outcome, 0, _size(result)))
        return result

    def run(self, stage: str, by: float, work: Callable[[], T], fallback: T, entered: int = 0) -> T:
        """Do ``work`` unless its checkpoint is past; once begun, it is not interrupted."""
        began = monotonic()
        result = fallback
        outcome: Outcome = "ok"
        if began >= self.arrived + by:
            outcome = "late"
        else:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - here any failure becomes an outcome
                outcome = _outcome(stage, error)
        self.results.append(
            StageResult(stage, monotonic() - began, outcome, entered, _size(result))
        )
        return result


def _outcome(stage: str, error: Exception) -> Outcome:
    """Name what went wrong, and log it."""
    if isinstance(error, TimeoutError):
        return "late"
    if isinstance(error, StageError):
        log.warning("%s: %s", stage, error)
        return "down"
    log.error("%s", stage, exc_info=error)
    return "bug"


def _size(result: object) -> int:
    return len(result) if hasattr(result, "__len__") else 0
