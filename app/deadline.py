"""Run the stages of one request within their checkpoints, and record results and failures."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from app.contracts import History, Proposal, Query, StageError

log = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["ok", "late", "down", "bug", "lost", "unknown"]
Turn: TypeAlias = Callable[[float], Awaitable[None]]  # takes the time of arrival
T = TypeVar("T")

TICKS = 5  # parts in which the limit of a stage is counted


class OverloadError(Exception):
    """A request is refused, because it cannot be answered within its budget."""


class StageResult(NamedTuple):
    """The result of one stage, for metrics, traces and answers with ``explain=true``."""

    stage: str
    seconds: float
    outcome: Outcome
    n_in: int  # candidates in
    n_out: int  # candidates out
    started: float = 0.0  # by time.monotonic; 0: it had nothing to do


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The seconds of each stage.

    ``history`` and ``recall`` limit how long a request waits for a store, from when it asks. For
    its history a request also waits as long as its turn to compute has not come. The others limit
    computations: seconds after which the stage does not begin, from when the turn of the request
    came. What a stage saves is left for the next.
    """

    history: float = 0.050
    recall: float = 0.020
    coarse: float = 0.050
    fine: float = 0.080
    rerank: float = 0.095


NO_CHECKPOINTS = Checkpoints(*[math.inf] * 5)  # for the offline job, which runs the same funnel


@dataclass(slots=True)
class StageRunner:
    """Runs the stages of one request, and holds its arrival and the results so far."""

    arrived: float  # seconds, from time.monotonic; an event loop's clock can be too coarse
    results: list[StageResult] = field(default_factory=list)
    recent: History | None = None  # the live history, once it has been read
    query: Query | None = None  # set once the computation has begun
    proposals: list[Proposal] = field(default_factory=list)  # set once recall has ended
    turn: Turn | None = None  # waits until the event loop is free for this request
    turn_in: float = 0.0  # seconds until then, as predicted when the request was admitted
    begun: float = field(init=False)  # when its turn came; checkpoints count from here

    def __post_init__(self) -> None:
        self.begun = self.arrived

    async def begin(self) -> None:
        """Wait until this request may compute.

        Checkpoints count from then: a request that waited is answered by all stages.

        Raises:
            OverloadError: the request is refused.
            TimeoutError: the budget has passed.
        """
        if self.turn:
            await self.turn(self.arrived)
            self.begun = monotonic()

    def record_filters(self, recent: History) -> None:
        """Record as a failed stage that it is not known what the user must not be shown."""
        if recent.filters != "ok":
            self.results.append(StageResult("filters", 0.0, recent.filters, 0, 0))

    def record_idle(self, stage: str) -> None:
        """Record a stage that has nothing to do for this request."""
        self.results.append(StageResult(stage, 0.0, "ok", 0, 0))

    async def run_async(
        self, stage: str, seconds: float, work: Callable[[], Awaitable[T]], fallback: T
    ) -> T:
        """Await ``work``, and cancel it after ``seconds``.

        Return ``fallback`` if the work is cancelled or fails.

        Raises:
            OverloadError: the work refuses the request.
        """
        started = monotonic()
        result = fallback
        outcome: Outcome = "ok"
        try:
            result = await (work() if seconds == math.inf else _await_limited(work, seconds))
        except OverloadError:
            raise
        except Exception as error:  # noqa: BLE001 - here any failure becomes an outcome
            outcome = _outcome(stage, error)
        seconds = monotonic() - started
        self.results.append(StageResult(stage, seconds, outcome, 0, _size(result), started))
        return result

    def run(self, stage: str, by: float, work: Callable[[], T], fallback: T, n_in: int = 0) -> T:
        """Run ``work``, unless its checkpoint has passed. Work that has started is not interrupted.

        Return ``fallback`` if the work does not start or fails.
        """
        started = monotonic()
        result = fallback
        outcome: Outcome = "ok"
        if started >= self.begun + by:
            outcome = "late"
        else:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - here any failure becomes an outcome
                outcome = _outcome(stage, error)
        seconds = monotonic() - started
        self.results.append(StageResult(stage, seconds, outcome, n_in, _size(result), started))
        return result


async def _await_limited(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Await ``work``; cancel it after ``seconds`` in which the event loop could read the reply.

    A reply that arrives while the loop is busy is in time: the store is not late, we are. The time
    is therefore counted in ticks. A tick counts for its length, however late the loop is.

    Raises:
        TimeoutError: the work was cancelled.
    """
    loop = asyncio.get_running_loop()
    length = seconds / TICKS
    timer = loop.call_later(length, lambda: tick(TICKS - 1))

    def tick(remaining: int) -> None:
        nonlocal timer
        if remaining:
            timer = loop.call_later(length, tick, remaining - 1)
        else:
            scope.reschedule(0.0)

    async with asyncio.timeout(None) as scope:
        try:
            return await work()
        finally:
            timer.cancel()


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
    length: Callable[[object], int] | None = getattr(type(result), "__len__", None)
    return length(result) if length else 0
