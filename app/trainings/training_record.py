"""The record of one training: who requested it, how far it is, and how it ended."""

import re
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

TrainingState: TypeAlias = Literal[
    "waiting", "running", "published", "refused", "failed", "cancelled"
]
ENDED: frozenset[TrainingState] = frozenset({"published", "refused", "failed", "cancelled"})
ID_PATTERN = r"^\d{8}T\d{6}-[0-9a-f]{6}$"  # sorts by the time of the request
CANCELLED = "cancelled on request"
SCHEDULE, EVENTS, COMMAND_LINE = "schedule", "train_when_events", "command line"  # who requests


class TrainingRecord(BaseModel):
    """One training. Times are unix seconds."""

    model_config = ConfigDict(frozen=True)
    training_id: str
    state: TrainingState = "waiting"
    by: str | None = None  # name of an API key, or one of the three above; None: no keys are set
    by_request: bool = False  # over HTTP: it waited until a trainer took it
    requested: float
    started: float | None = None
    finished: float | None = None
    from_archive: bool = False
    force: bool = False
    phase: str | None = None  # the one that runs, or the one that was the last
    progress: float = 0.0  # share of the phases that have ended
    bundle: str | None = None  # version of the bundle that was written
    gate: str | None = None  # its verdict
    reason: str | None = None  # why no new bundle is in service, or what is missing beside it
    cancelling: bool = False  # it was requested to end, and has not ended yet

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED

    def seconds(self, now: float) -> float | None:
        """Return how long it took, or has taken so far; None before its start."""
        if self.started is None:
            return None
        return max(0.0, (now if self.finished is None else self.finished) - self.started)

    def ended(self, state: TrainingState, at: float, reason: str | None = None) -> "TrainingRecord":
        """Return the record with a final state."""
        changes = {"state": state, "finished": at, "reason": reason, "cancelling": False}
        return self.model_copy(update=changes)


def new_training_id(now: float) -> str:
    """Return an id that sorts by time, unique for all purposes."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}-{token_hex(3)}"


def is_training_id(text: str) -> bool:
    """Return whether a text has the form of an id."""
    return bool(re.fullmatch(ID_PATTERN, text))


def describe_late_end(record: TrainingRecord) -> str:
    """Return a remark about a training that ended after its bundle came into service."""
    return (
        f"{record.bundle} is in service, but the training ended before its report was written or "
        f"its old bundles were removed: {record.reason}"
    )


def describe_end(record: TrainingRecord) -> str:
    """Return a sentence about how a training ended."""
    took = record.seconds(record.requested)
    after = "" if took is None else f" after {took:.0f} s"
    start = f"the training {record.training_id}"
    match record.state:
        case "published":
            gate = f"; the gate: {record.gate}" if record.gate else ""
            remark = f"; {record.reason}" if record.reason else ""
            return f"{start} has published {record.bundle}{after}{gate}{remark}"
        case "refused":
            return f"{start} has published nothing{after}: {record.reason}"
        case "cancelled":
            return f"{start} was cancelled{after}: {record.reason}"
        case _:
            return f"{start} has failed{after}: {record.reason}"
