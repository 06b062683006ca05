"""Traces in the form of OpenTelemetry, sent by OTLP over HTTP. Needs the extra ``otel``.

Nothing imports this module where traces are off. Times come from what each stage has measured
anyway: spans are built after the answer, on the thread that sends them.
"""

import logging
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status, StatusCode
from requests import Session
from typing_extensions import override

from app.deadline import StageResult
from app.observe.collector_connection import CollectorAdapter
from app.observe.request_trace import RequestTrace
from app.observe.tracing_settings import TracingSettings, hide_query

SCOPE = InstrumentationScope("recfunnel", version("recfunnel"))
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
RECALL = "recall"
CHANNEL_START = "recall."  # of the names of the stages that are channels
NANOSECONDS = 1_000_000_000
MIN_SECRET = 4  # characters; shorter values are parts of words
QUERY = re.compile(r"\?[^\s)'\"]+")
HEADER_VALUE = re.compile(r"(in header (?:name|value)).*", re.DOTALL)  # as requests quotes it
FAILURES: ContextVar[list[str]] = ContextVar("messages of the exporter")  # of this thread


class OtlpSender:
    """Samples requests as OpenTelemetry does, and sends their spans to a collector."""

    def __init__(self, settings: TracingSettings, endpoint: str) -> None:
        """Prepare a sender; nothing is sent yet.

        ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` name the service, as with other
        programs, and ``OTEL_EXPORTER_OTLP_CERTIFICATE`` a private authority.
        """
        self.endpoint = hide_query(endpoint)
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        self._secrets = list(headers.values())
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(MESSAGES)
        for module in (TraceContextTextMapPropagator.__module__, SpanContext.__module__):
            logging.getLogger(module).setLevel(logging.ERROR)  # callers could fill the log
        session = Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, CollectorAdapter(settings.timeout_seconds))
        self._exporter = OTLPSpanExporter(
            endpoint, headers=headers, timeout=settings.timeout_seconds, session=session
        )
        self._resource = describe_worker().merge(OTELResourceDetector().detect())
        self._has_users = settings.user_ids
        self._ids = RandomIdGenerator()
        self._propagator = TraceContextTextMapPropagator()
        self._trusts_callers = settings.trust_callers
        self._ratio = TraceIdRatioBased(settings.ratio)
        self._sampler = ParentBased(self._ratio)

    def begin(self, traceparent: str, tracestate: str) -> RequestTrace | None:
        """Return the trace of a request with these headers; None: it has none.

        A trace continues that of the caller, if the first header is valid. A trusted caller decides
        whether there is one. Any other can only decide that there is none; else the share of
        requests decides, whatever the id of the caller's trace.
        """
        context, parent = None, None
        if traceparent:
            headers = {"traceparent": traceparent, "tracestate": tracestate}
            context = self._propagator.extract(headers)
            caller = get_current_span(context).get_span_context()
            parent = caller if caller.is_valid else None
        trace_id = parent.trace_id if parent else self._ids.generate_trace_id()
        if parent and parent.trace_flags.sampled and not self._trusts_callers:
            decision = self._ratio.should_sample(None, self._ids.generate_trace_id(), "").decision
        else:
            decision = self._sampler.should_sample(context, trace_id, "").decision
        if decision is not Decision.RECORD_AND_SAMPLE:
            return None
        return RequestTrace(trace_id, self._ids.generate_span_id(), parent)

    def send(self, traces: Sequence[RequestTrace]) -> str:
        """Send the spans of requests. Return why they are lost; "" if they arrived."""
        failures: list[str] = []
        FAILURES.set(failures)
        spans: list[ReadableSpan] = []
        for trace in traces:
            if self._has_users and trace.user:
                trace.facts["user.id"] = trace.user
            spans += SpanBuilder(trace, self._resource, self._ids.generate_span_id).build()
        if self._exporter.export(spans) is SpanExportResult.SUCCESS:
            return ""
        return hide_values(failures[0], self._secrets) if failures else "no reply"

    def close(self) -> None:
        """Send nothing more, and end the pause between two attempts of another thread."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _Messages(logging.Filter):
    """Keeps what the exporter says while a thread sends, and writes nothing of it."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if (failures := FAILURES.get(None)) is not None:
            failures.append(record.getMessage())
        return False


def hide_values(text: str, secrets: Iterable[str]) -> str:
    """Return a message of the exporter without these values of headers, and without queries."""
    text = HEADER_VALUE.sub(r"\1", QUERY.sub("?***", text))
    words = {word for secret in secrets for word in (secret, *secret.split())}
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= MIN_SECRET:
            text = text.replace(word, "***")
    return text


MESSAGES = _Messages()


def describe_worker() -> Resource:
    """Return the attributes that all spans of this process have."""
    name = socket.gethostname()
    return Resource.create(
        {
            "service.name": "recfunnel",
            "service.version": version("recfunnel"),
            "service.instance.id": f"{name}-{os.getpid()}",
            "host.name": name,
            "process.pid": os.getpid(),
        }
    )


@dataclass(frozen=True, slots=True)
class SpanBuilder:
    """Builds the spans of one request: the whole of it, and its parts in the order they began."""

    trace: RequestTrace
    resource: Resource
    new_id: Callable[[], int]

    def build(self) -> list[ReadableSpan]:
        """Return the span of the request, then those of its parts."""
        trace = self.trace
        timed = [done for done in trace.stages if done.started]
        channels = [done for done in timed if done.stage.startswith(CHANNEL_START)]
        others = [done for done in timed if not done.stage.startswith(CHANNEL_START)]
        whole = self._span(
            trace.name,
            (trace.arrived, trace.ended),
            trace.facts,
            context=self._context(trace.span_id),
            parent=trace.parent,
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR) if trace.is_error else Status(),
        )
        spans = [whole, *(self._stage(done, whole.context) for done in others)]
        spans += self._between(timed, whole.context)
        spans += self._recall(channels, whole.context)
        return spans

    def _recall(
        self, channels: Sequence[StageResult], parent: SpanContext
    ) -> Iterator[ReadableSpan]:
        """Yield the span of recall, then that of each channel that had something to do."""
        if not channels:
            return
        idle = [
            done.stage.removeprefix(CHANNEL_START)
            for done in self.trace.stages
            if done.stage.startswith(CHANNEL_START) and not done.started
        ]
        facts = {
            "recfunnel.candidates.out": sum(done.n_out for done in channels),
            "recfunnel.recall.channels": len(channels),
            "recfunnel.recall.idle": idle,
        }
        recall = self._span(RECALL, _extent(channels), facts, parent=parent)
        yield recall
        for done in channels:
            yield self._stage(done, recall.context)

    def _between(
        self, stages: Sequence[StageResult], parent: SpanContext
    ) -> Iterator[ReadableSpan]:
        """Yield the wait after the read of the history, and the work after the last stage."""
        if not stages:
            return
        if stages[0].stage == "history" and len(stages) > 1:
            turn = stages[0].started + stages[0].seconds, stages[1].started
            yield self._span("queue", turn, {}, parent=parent)
        if self.trace.answered:
            yield self._span("render", (_extent(stages)[1], self.trace.answered), {}, parent=parent)

    def _stage(self, done: StageResult, parent: SpanContext) -> ReadableSpan:
        facts: dict[str, Any] = {"recfunnel.outcome": done.outcome}
        if done.n_in:
            facts["recfunnel.candidates.in"] = done.n_in
        if done.n_in or done.stage.startswith(CHANNEL_START):
            facts["recfunnel.candidates.out"] = done.n_out
        status = Status() if done.outcome == "ok" else Status(StatusCode.ERROR, done.outcome)
        extent = done.started, done.started + done.seconds
        return self._span(done.stage, extent, facts, parent=parent, status=status)

    def _span(  # noqa: PLR0913 - of a span
        self,
        name: str,
        extent: tuple[float, float],
        facts: Mapping[str, Any],
        *,
        parent: SpanContext | None,
        context: SpanContext | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        status: Status | None = None,
    ) -> ReadableSpan:
        return ReadableSpan(
            name,
            context or self._context(self.new_id()),
            parent,
            self.resource,
            facts,
            kind=kind,
            status=status or Status(),
            start_time=self._unix(extent[0]),
            end_time=self._unix(extent[1]),
            instrumentation_scope=SCOPE,
        )

    def _context(self, span_id: int) -> SpanContext:
        state = self.trace.parent.trace_state if self.trace.parent else None
        return SpanContext(self.trace.trace_id, span_id, False, SAMPLED, state)  # noqa: FBT003

    def _unix(self, moment: float) -> int:
        """Return nanoseconds of unix time of a moment by the monotonic clock."""
        return int((moment + self.trace.clock_offset) * NANOSECONDS)


def _extent(stages: Sequence[StageResult]) -> tuple[float, float]:
    """Return when the first of these stages began, and when the last one ended."""
    ends = [done.started + done.seconds for done in stages]
    return min(done.started for done in stages), max(ends)
