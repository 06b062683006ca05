"""The HTTP connection to a collector: an answer is bounded in time and size, and only 2xx takes.

Needs the extra ``otel``.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

MAX_ANSWER = 65_536  # bytes; that of a collector has some dozens
TAKEN = range(200, 300)  # statuses
REDIRECTS = range(300, 400)
PROTOBUF = "application/x-protobuf"


class CollectorAdapter(HTTPAdapter):
    """Sends the requests of one thread. ``seconds`` bounds each of them, its answer included."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._socket: socket.socket | None = None  # of the request that runs, or of the last one
        self._is_late = False
        self._kinds = {
            kind: _watched(kind, self._watch) for kind in (HTTPConnection, HTTPSConnection)
        }

    @override
    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **named)
        is_tls = issubclass(pool.ConnectionCls, HTTPSConnection)
        pool.ConnectionCls = self._kinds[HTTPSConnection if is_tls else HTTPConnection]
        return pool

    @override
    def send(  # type: ignore[override]
        self,
        request: PreparedRequest,
        stream: bool = False,
        **named: Any,
    ) -> Response:
        """Send a request, and read the answer.

        Raises:
            RequestException: the answer was not whole in time, or the collector did not take
                what was sent; the text says why.
        """
        self._socket, self._is_late = None, False
        timer = Timer(self._seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            response = super().send(request, stream=True, **named)
            try:
                body = response.raw.read(MAX_ANSWER + 1, decode_content=True)
            finally:
                response.raw.close()
            self._check_time()
        except (RequestException, HTTPError, OSError) as error:
            self._check_time(error)
            if isinstance(error, RequestException):
                raise
            raise RequestException(f"its answer cannot be read ({error})") from error
        finally:
            timer.cancel()
        if refusal := describe_refusal(response, body):
            raise RequestException(refusal)
        response.raw = BytesIO(body)
        return response

    @override
    def close(self) -> None:
        """Send nothing more; a request that runs fails."""
        self._cut()
        super().close()

    def _check_time(self, error: Exception | None = None) -> None:
        if self._is_late:
            raise RequestException(f"no whole answer after {self._seconds:g} s") from error

    def _watch(self, connected: socket.socket | None) -> None:
        self._socket = connected

    def _end_late(self) -> None:
        self._is_late = True
        self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # closed just now
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # of TLS, too


def _watched(kind: Any, watch: Callable[[socket.socket | None], None]) -> Any:
    """Return this class of connections, whose instances name their socket before they read."""

    class Watched(kind):  # type: ignore[misc]
        @override
        def getresponse(self) -> Any:
            watch(self.sock)
            return super().getresponse()

    return Watched


def describe_refusal(response: Response, body: bytes) -> str:
    """Return why a collector with this answer did not take all traces; "" if it took them.

    Statuses of 400 and more are left to the exporter, which tries some of them again.
    """
    if response.status_code in REDIRECTS:
        host = urlsplit(response.headers.get("Location", "")).hostname or "another path of it"
        return (
            f"it answers {response.status_code} and refers to {host}; redirects are not followed: "
            "correct tracing.endpoint"
        )
    if response.status_code not in TAKEN:
        return ""
    if len(body) > MAX_ANSWER:
        return f"its answer has more than {MAX_ANSWER} bytes: this is no collector"
    is_otlp = response.headers.get("Content-Type", "").startswith(PROTOBUF)
    return _describe_rejection(body) if is_otlp else ""


def _describe_rejection(body: bytes) -> str:
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return "its answer is not in the format of OTLP: this is no collector"
    if not partial.rejected_spans:
        return ""
    return f"it rejected {partial.rejected_spans} of their spans: {partial.error_message}"
