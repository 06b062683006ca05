"""One request's clock: admits, bounds, survives, and records what each stage did."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sized
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, TypeAlias, TypeVar

from app.contracts import StageError

log = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["ok", "late", "down", "bug"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did; exported as a metric, and shown to the caller on ``explain=true``."""

    stage: str
    seconds: float
    outcome: Outcome
    entered: int  # candidates in
    left: int  # candidates out


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Seconds after arrival by which each stage must be done. Time saved rolls on."""

    history: float = 0.015
    profile: float = 0.020
    recall: float = 0.035
    coarse: float = 0.050
    fine: float = 0.080
    rerank: float = 0.095


NO_HURRY = Checkpoints(*[math.inf] * 6)  # for the offline job, which runs the same funnel


@dataclass(slots=True)
class Run:
    """One request: when it arrived, and its steps so far."""

    arrived: float  # by time.monotonic, seconds; an event loop's clock may tick in milliseconds
    steps: list[Step] = field(default_factory=list)

    async def attempt(
        self,
        stage: str,
        by: float,
        work: Callable[[], Awaitable[T]],
        fallback: T,
        entered: int = 0,
    ) -> T:
        """Do ``work`` within ``by`` seconds of arrival, or take ``fallback`` and record why."""
        began = monotonic()
        remaining = self.arrived + by - began
        outcome: Outcome = "ok"
        result = fallback
        if remaining <= 0:
            outcome = "late"
        else:
            try:
                async with asyncio.timeout(None if remaining == math.inf else remaining):
                    result = await work()
            except TimeoutError:
                outcome = "late"
            except StageError as error:
                outcome = "down"
                log.warning("%s: %s", stage, error)
            except Exception:
                outcome = "bug"
                log.exception("%s", stage)
        self.steps.append(Step(stage, monotonic() - began, outcome, entered, _size(result)))
        return result


def _size(result: object) -> int:
    return len(result) if isinstance(result, Sized) else 0
