"""The collector of traces is down, comes back, refuses and hangs: lists are answered as before."""

import json
import re
import secrets
import signal
from pathlib import Path

from tests.otlp_collector import Collector, collecting
from tests.serving import Served, free_port, running, until

ERROR = 2  # the code of a span's status
LOST = "and recfunnel_traces_total counts them"
BACK = "takes traces again"


def counted(served: Served, outcome: str) -> float:
    """The number of traces with this outcome, as Prometheus reads it."""
    text = served.client.get("/metrics").text
    found = re.search(rf'^recfunnel_traces_total{{outcome="{outcome}"}} (\S+)', text, flags=re.M)
    return float(found[1]) if found else 0.0


def ask(served: Served, n: int) -> None:
    """Ask for lists, each of which is whole."""
    for _ in range(n):
        assert not served.recommend("u1")["degraded"]


def ask_without_redis(served: Served) -> str:
    """Kill the embedded server until a list lacks the history; gives the id of its trace."""

    def lacks_history() -> str:
        for process in served.family():
            if "valkey" in process.name():
                process.kill()
        trace_id = secrets.token_hex(16)
        headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        answer = served.client.get("/recommend?user_id=u1", headers=headers).json()
        return trace_id if {"stage": "history", "outcome": "down"} in answer["degraded"] else ""

    return until(lacks_history)


def lines(served: Served, text: str) -> list[str]:
    return [line for line in served.log.splitlines() if text in line]


def test_a_collector_that_is_down_costs_traces_alone_and_is_taken_up_when_it_is_back(
    out: Path,
) -> None:
    port = free_port()
    settings = {
        "RECFUNNEL_TRACING__ENDPOINT": f"http://127.0.0.1:{port}/v1/traces?k=OTHERSECRET",
        "RECFUNNEL_TRACING__HEADERS": json.dumps({"x-key": "HEADERSECRET\n"}),
        "RECFUNNEL_TRACING__RATIO": "1",
        "RECFUNNEL_TRACING__TIMEOUT_SECONDS": "0.5",
    }
    with running(out, **settings) as served:
        for n in (1, 2):  # several rounds of sending
            ask(served, 3)
            until(lambda n=n: counted(served, "lost") >= 3 * n)
        assert counted(served, "sent") == 0
        (lost,) = lines(served, LOST)
        assert f"http://127.0.0.1:{port}/v1/traces" in lost
        with collecting(port) as collector:
            until(lambda: ask(served, 1) or counted(served, "sent"))
            until(lambda: lines(served, BACK))
            a_stage_that_fails_is_an_error_in_its_span_and_in_the_log(served, collector)
            collector.status = 401
            until(lambda: ask(served, 1) or lines(served, "reason: Unauthorized"))
            collector.status = 200
            collector.goes_on.clear()
            n_before = len(collector.requests)
            until(lambda: ask(served, 1) or len(collector.requests) > n_before)
            ask(served, 5)  # while the collector does not answer
            status, left = served.end(signal.SIGTERM)
            assert (status, left) == (0, [])
            assert collector.requests[0][1]["x-key"] == "HEADERSECRET"
        assert "go to http://127.0.0.1" in served.log
        assert "SECRET" not in served.log


def a_stage_that_fails_is_an_error_in_its_span_and_in_the_log(
    served: Served, collector: Collector
) -> None:
    trace_id = ask_without_redis(served)
    whole, *parts = collector.await_trace(trace_id)
    assert "history: down" in whole.facts["recfunnel.degraded"]
    (history,) = [part for part in parts if part.name == "history"]
    assert history.status == (ERROR, "down")
    assert history.facts["recfunnel.outcome"] == "down"
    logged = [json.loads(line) for line in lines(served, trace_id)]
    assert {line["trace_id"] for line in logged} == {trace_id}
    assert any("history" in line["message"] for line in logged)
    until(lambda: not served.recommend("u1")["degraded"])
