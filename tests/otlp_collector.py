"""A collector of traces that tests send to: it takes OTLP over HTTP, as a real one does."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.serving import until
from tests.tracing import untraced


def plain(value):
    """The Python value of an attribute's value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


@dataclass
class ReceivedSpan:
    """One span, its ids in hexadecimal."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    start: int  # unix time, nanoseconds
    end: int
    facts: dict
    status: tuple[int, str]
    resource: dict
    scope: str


def spans_in(body: bytes) -> Iterator[ReceivedSpan]:
    """Yield the spans of the body of a request."""
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {each.key: plain(each.value) for each in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    {each.key: plain(each.value) for each in span.attributes},
                    (span.status.code, span.status.message),
                    resource,
                    scope.scope.name,
                )


@dataclass
class Collector:
    """What has arrived. ``status`` is what it answers; ``goes_on`` holds answers back if cleared.

    ``misbehave`` writes an answer of its own instead, and closes the connection.
    """

    port: int
    spans: list[ReceivedSpan] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    misbehave: Callable[[BinaryIO], None] | None = None
    partial: ExportTracePartialSuccess | None = None  # what the answer says of rejected spans
    goes_on: threading.Event = field(default_factory=threading.Event)  # cleared: it answers nothing

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.requests.append((path, headers, body))
        if self.status == 200:
            self.spans += spans_in(body)

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        return [span for span in list(self.spans) if span.trace_id == trace_id]

    def await_trace(self, trace_id: str) -> list[ReceivedSpan]:
        """Wait for the spans of a trace, which arrive together; the whole request is the first."""
        return until(lambda: self.trace(trace_id))


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Run a collector in a thread, on a free port or on this one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            collector.goes_on.wait()
            if collector.misbehave is not None:
                self.close_connection = True
                collector.misbehave(self.wfile)
                return
            whole = ExportTraceServiceResponse(partial_success=collector.partial)
            answer = whole.SerializeToString()
            self.send_response(collector.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Write nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *args: object) -> None:
            """Write nothing where a service that ended does not wait for its answer."""

    with Server(("127.0.0.1", port), Handler) as server:
        collector = Collector(server.server_address[1])
        collector.goes_on.set()
        thread = threading.Thread(target=untraced(server.serve_forever), args=(0.05,))
        thread.start()
        try:
            yield collector
        finally:
            collector.goes_on.set()
            server.shutdown()
            thread.join()
