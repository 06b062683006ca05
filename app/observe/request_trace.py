"""What is recorded of one request that has a trace. Its spans are built from it afterwards."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from app.deadline import StageResult


@dataclass(slots=True, eq=False)
class RequestTrace:
    """One request: whose trace it belongs to, what is known of it, and when its parts happened.

    Moments are seconds of time.monotonic. All are written by the event loop, before ``end``.
    """

    trace_id: int  # 128 bits
    span_id: int  # 64 bits, of the span of the whole request
    parent: Any = None  # the caller's SpanContext, of OpenTelemetry; None: the trace begins here
    name: str = ""  # method and route
    is_error: bool = False  # the answer has a status of 500 or more
    facts: dict[str, Any] = field(default_factory=dict)  # by the name of the attribute
    user: str = ""  # is sent only if the settings allow it
    stages: Sequence[StageResult] = ()  # of the funnel, if the request ran it
    arrived: float = 0.0
    answered: float = 0.0  # when the first byte of the answer was sent; 0: there was no answer
    ended: float = 0.0
    clock_offset: float = 0.0  # unix seconds less time.monotonic, at the end


# The trace of the request that runs now, for what happens within it.
CURRENT: ContextVar[RequestTrace | None] = ContextVar("request_trace", default=None)


def record_facts(facts: Mapping[str, Any]) -> None:
    """Add what is known of the current request to its trace, if it has one."""
    trace = CURRENT.get()
    if trace is not None:
        trace.facts.update(facts)


def current_trace_id() -> str:
    """Return the id of the trace of the current request, as headers have it; "" without one."""
    trace = CURRENT.get()
    return f"{trace.trace_id:032x}" if trace else ""
