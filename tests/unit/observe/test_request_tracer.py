"""Traces wait in a bounded queue, and what becomes of each is counted."""

import logging
from collections.abc import Callable, Sequence
from itertools import chain
from threading import Event

import pytest

from app.observe.metrics import Metrics
from app.observe.request_trace import RequestTrace
from app.observe.request_tracer import BATCH_SIZE, RequestTracer

OFTEN = 0.001  # seconds between two rounds


class Sender:
    """A collector in this process. ``reply`` says why it does not take traces."""

    endpoint = "http://collector/v1/traces"

    def __init__(self) -> None:
        self.reply: Callable[[], str] = lambda: ""
        self.batches: list[list[int]] = []
        self.is_closed = Event()

    def begin(self, traceparent: str, tracestate: str) -> RequestTrace | None:
        return RequestTrace(int(traceparent, 16), 1)

    def send(self, traces: Sequence[RequestTrace]) -> str:
        self.batches.append([trace.trace_id for trace in traces])
        return self.reply()

    def close(self) -> None:
        self.is_closed.set()


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def counted(metrics: Metrics) -> dict[str, float]:
    return {labels[0]: numbers[0] for labels, numbers in metrics.numbers("traces").items()}


def add(tracer: RequestTracer, *trace_ids: int) -> None:
    for trace_id in trace_ids:
        trace = tracer.begin(f"{trace_id:x}", "")
        assert trace is not None
        tracer.add(trace)


def test_what_waits_is_sent_in_order_and_in_small_batches(sender: Sender, metrics: Metrics) -> None:
    tracer = RequestTracer(sender, metrics)
    add(tracer, *range(2 * BATCH_SIZE + 1))
    tracer.start()
    tracer.close()
    assert list(chain(*sender.batches)) == list(range(2 * BATCH_SIZE + 1))
    assert max(map(len, sender.batches)) == BATCH_SIZE
    assert counted(metrics) == {"sent": 2 * BATCH_SIZE + 1}
    assert sender.is_closed.is_set()


def test_a_full_queue_drops_new_traces_and_counts_them(
    sender: Sender, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tracer = RequestTracer(sender, metrics, capacity=3)
    add(tracer, *range(5))
    tracer.start()
    tracer.close()
    assert list(chain(*sender.batches)) == [0, 1, 2]
    assert counted(metrics) == {"sent": 3, "lost": 2}
    loss, end = [record.getMessage() for record in caplog.records]
    assert "it is too slow, 3 traces wait" in loss
    assert sender.endpoint in loss
    assert "takes traces again; 2 are lost" in end


def test_the_loss_is_said_once_and_so_is_its_end(
    sender: Sender, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    taken = Event()
    replies = ["refused", "refused", "refused", ""]

    def reply() -> str:
        if not replies:
            taken.set()
        return replies.pop(0) if replies else ""

    sender.reply = reply
    tracer = RequestTracer(sender, metrics, interval=OFTEN)
    add(tracer, *range(3 * BATCH_SIZE + 1))
    tracer.start()
    while not taken.wait(OFTEN):
        add(tracer, 1)
    tracer.close()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "traces are lost (refused)" in said[0]
    assert said[1] == f"{sender.endpoint} takes traces again; {3 * BATCH_SIZE} are lost"
    assert counted(metrics)["lost"] == 3 * BATCH_SIZE


def test_a_bug_loses_the_traces_of_one_batch_and_ends_no_thread(
    sender: Sender, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    has_ended = Event()

    def reply() -> str:
        if len(sender.batches) == 1:
            raise ZeroDivisionError
        has_ended.set()
        return ""

    sender.reply = reply
    tracer = RequestTracer(sender, metrics, interval=OFTEN)
    add(tracer, *range(BATCH_SIZE + 1))
    tracer.start()
    has_ended.wait()
    tracer.close()
    assert counted(metrics) == {"lost": BATCH_SIZE, "sent": 1}
    assert any(record.exc_info for record in caplog.records)


def test_a_worker_that_ends_asks_a_collector_that_refuses_only_once(
    sender: Sender, metrics: Metrics
) -> None:
    sender.reply = lambda: "refused"
    tracer = RequestTracer(sender, metrics, interval=600.0)
    add(tracer, *range(10 * BATCH_SIZE))
    tracer.start()
    tracer.close()
    assert counted(metrics) == {"lost": 10 * BATCH_SIZE}
    assert len(sender.batches) == 1


def test_traces_that_find_the_queue_full_are_counted_while_the_collector_hangs(
    sender: Sender, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    hangs, goes_on = Event(), Event()

    def reply() -> str:
        hangs.set()
        goes_on.wait()
        return ""

    sender.reply = reply
    tracer = RequestTracer(sender, metrics, capacity=1, interval=OFTEN)
    tracer.start()
    add(tracer, 1)
    hangs.wait()
    add(tracer, 2, 3, 4)
    assert counted(metrics) == {"lost": 2}
    assert "it is too slow, 1 traces wait" in caplog.text
    goes_on.set()
    tracer.close()


def test_a_round_with_nothing_to_send_ends_no_loss(
    sender: Sender, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender.reply = lambda: "refused"
    tracer = RequestTracer(sender, metrics, interval=OFTEN)
    add(tracer, 1)
    tracer.start()
    while not counted(metrics):
        Event().wait(OFTEN)
    Event().wait(50 * OFTEN)  # rounds without a trace
    tracer.close()
    assert "takes traces again" not in caplog.text
