"""Traces arrive if the answer of a collector says so, and no answer holds the sender for good."""

from collections.abc import Callable, Iterator
from threading import Event
from typing import BinaryIO

import pytest

from app.observe.otlp import OtlpSender
from app.observe.tracing_settings import TracingSettings
from tests.otlp_collector import Collector, ExportTracePartialSuccess, collecting

KEY = "HEADERSECRET"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
LENGTHS = {"length": b"Content-Length: 100000\r\n\r\n", "no length": b"\r\n", "head": b"X-Drip: "}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


def send(endpoint: str, seconds: float = 30.0) -> str:
    """Send a trace; gives why it is lost."""
    headers = {"authorization": f"Bearer {KEY}"}
    settings = TracingSettings(ratio=1.0, headers=headers, timeout_seconds=seconds)
    sender = OtlpSender(settings, endpoint)
    trace = sender.begin("", "")
    assert trace is not None
    try:
        return sender.send([trace])
    finally:
        sender.close()


def dripping(start: bytes, has_ended: Event) -> Callable[[BinaryIO], None]:
    """An answer that goes on, byte by byte, until its reader is gone."""

    def drip(output: BinaryIO) -> None:
        output.write(start)
        try:
            while True:
                output.write(b"0")
                output.flush()
                Event().wait(0.05)
        except OSError:
            has_ended.set()

    return drip


@pytest.mark.parametrize("part", list(LENGTHS))
def test_an_answer_that_drips_is_given_up_in_all(collector: Collector, part: str) -> None:
    has_ended = Event()
    collector.misbehave = dripping(HEAD + LENGTHS[part], has_ended)
    reason = send(f"{collector.endpoint}/v1/traces", seconds=0.5)
    assert "no whole answer after 0.5 s" in reason
    has_ended.wait()


def test_no_more_than_a_part_of_an_endless_answer_is_read(collector: Collector) -> None:
    has_ended = Event()

    def flood(output: BinaryIO) -> None:
        output.write(HEAD + b"\r\n")
        try:
            while True:
                output.write(65_536 * b"x")
        except OSError:
            has_ended.set()

    collector.misbehave = flood
    assert "more than 65536 bytes" in send(f"{collector.endpoint}/v1/traces")
    has_ended.wait()


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_loses_traces_and_names_its_host_alone(
    collector: Collector, status: int
) -> None:
    target = f"https://login.example.com/in?token={KEY}"
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    collector.misbehave = lambda output: output.write(head.encode()) and None
    reason = send(f"{collector.endpoint}/v1/traces")
    assert f"answers {status} and refers to login.example.com" in reason
    assert KEY not in reason


def test_spans_that_the_collector_rejects_are_lost(collector: Collector) -> None:
    collector.partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    assert "rejected 1 of their spans: too old" in send(f"{collector.endpoint}/v1/traces")
    collector.partial = ExportTracePartialSuccess(error_message="only a warning")
    assert send(f"{collector.endpoint}/v1/traces") == ""


def test_an_answer_that_is_not_in_the_format_of_collectors_loses_traces(
    collector: Collector,
) -> None:
    collector.misbehave = lambda output: (
        output.write(HEAD + b"Content-Length: 2\r\n\r\n\xff\xff") and None
    )
    assert "not in the format of OTLP" in send(f"{collector.endpoint}/v1/traces")


def test_no_reason_shows_a_key(collector: Collector) -> None:
    """A collector quotes the header, and the address is unknown."""
    head = f"HTTP/1.1 403 Bearer {KEY} is wrong\r\nContent-Length: 0\r\n\r\n"
    collector.misbehave = lambda output: output.write(head.encode()) and None
    reason = send(f"{collector.endpoint}/v1/traces")
    assert "403" in reason
    assert KEY not in reason
    down = send("http://127.0.0.1:9/v1/traces?k=OTHERSECRET", seconds=0.2)
    assert "OTHERSECRET" not in down
    assert "?k" not in down
