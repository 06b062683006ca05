"""Run the stages of one request within their checkpoints, and record results and failures."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, TypeAlias, TypeVar

from app.contracts import History, Proposal, Query, StageError

log = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["ok", "late", "down", "bug", "lost", "unknown"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of one stage, for the metrics and for answers with ``explain=true``."""

    stage: str
    seconds: float
    outcome: Outcome
    n_in: int  # candidates in
    n_out: int  # candidates out


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Seconds after arrival by which each stage must be done. Saved time is left for the next."""

    history: float = 0.015
    profile: float = 0.025
    recall: float = 0.035
    coarse: float = 0.050
    fine: float = 0.080
    rerank: float = 0.095


NO_CHECKPOINTS = Checkpoints(*[math.inf] * 6)  # for the offline job, which runs the same funnel


@dataclass(slots=True)
class StageRunner:
    """Runs the stages of one request, and holds its arrival and the results so far."""

    arrived: float  # seconds, from time.monotonic; an event loop's clock can be too coarse
    results: list[StageResult] = field(default_factory=list)
    query: Query | None = None  # set once the user is known
    proposals: list[Proposal] = field(default_factory=list)  # set once recall has ended

    def record_filters(self, recent: History) -> None:
        """Record as a failed stage that it is not known what the user must not be shown."""
        if recent.filters != "ok":
            self.results.append(StageResult("filters", 0.0, recent.filters, 0, 0))

    async def run_async(
        self, stage: str, by: float, work: Callable[[], Awaitable[T]], fallback: T
    ) -> T:
        """Await ``work``, and cancel it ``by`` seconds after arrival.

        Return ``fallback`` if the work is cancelled or fails.
        """
        started = monotonic()
        remaining = self.arrived + by - started
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
        self.results.append(StageResult(stage, monotonic() - started, outcome, 0, _size(result)))
        return result

    def run(self, stage: str, by: float, work: Callable[[], T], fallback: T, n_in: int = 0) -> T:
        """Run ``work``, unless its checkpoint has passed. Work that has started is not interrupted.

        Return ``fallback`` if the work does not start or fails.
        """
        started = monotonic()
        result = fallback
        outcome: Outcome = "ok"
        if started >= self.arrived + by:
            outcome = "late"
        else:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - here any failure becomes an outcome
                outcome = _outcome(stage, error)
        self.results.append(StageResult(stage, monotonic() - started, outcome, n_in, _size(result)))
        return result


def _outcome(stage: str, error: Exception) -> Outcome:
    """Return the outcome that names the error, and log the error."""
    if isinstance(error, TimeoutError):
        return "late"
    if isinstance(error, StageError):
        log.warning("%s: %s", stage, error)
        return "down"
    log.error("%s", stage, exc_info=error)
    return "bug"


def _size(result: object) -> int:
    return len(result) if hasattr(result, "__len__") else 0
