"""The load tests see what is wrong with a service, and only that."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.connection import HttpClient
from loadtest.open_loop import OpenLoopPlan, measure
from loadtest.report import LoadSummary, LoadTally, print_summaries
from loadtest.run import ClosedLoopPlan, run_locust
from loadtest.service import NotServingError, free_port, pin_to_cores, run_service
from loadtest.traffic import HttpCall, Traffic
from tests.integration.loadtest.target import Behaviour, target

QUICK = OpenLoopPlan(rate=100, seconds=0.5)


def test_arrivals_are_poisson_seeded_and_within_the_time() -> None:
    arrivals = OpenLoopPlan(rate=200, seconds=20).draw_arrivals()
    assert arrivals == OpenLoopPlan(rate=200, seconds=20).draw_arrivals()
    assert arrivals == sorted(arrivals)
    assert 0 < arrivals[0] < arrivals[-1] < 20
    assert len(arrivals) == pytest.approx(4000, rel=0.1)


def test_the_mix_has_known_new_and_anonymous_users_and_events_after_some_answers() -> None:
    traffic = Traffic(seed=3)
    calls = [traffic.next_request() for _ in range(2000)]
    share = {kind: sum(c.kind == kind for c in calls) / 2000 for kind in {c.kind for c in calls}}
    assert share == pytest.approx({"trained": 0.7, "new": 0.1, "anonymous": 0.2}, abs=0.05)
    known = {int(call.user) for call in calls if call.kind == "trained"}
    assert min(known) >= 1
    assert max(known) <= 943
    session = next(json.loads(call.body) for call in calls if call.kind == "anonymous")
    assert session["history"]
    assert "user_id" not in session
    answer = {"request_id": "r", "items": [{"item_id": "50"}]}
    reactions = [traffic.next_event(call, answer) for call in calls]
    assert sum(r is not None for r in reactions) / 1600 == pytest.approx(0.3, abs=0.05)
    told = json.loads(next(reaction for reaction in reactions if reaction).body)
    assert (told["item_id"], told["request_id"]) == ("50", "r")


def test_a_good_service_keeps_the_budget_and_gets_the_events() -> None:
    behaviour = Behaviour()
    with target(behaviour) as url:
        summary = measure(url, QUICK)
    assert summary.meets_budget(500)
    assert summary.failures == 0
    assert summary.requests == len(behaviour.asked) + len(behaviour.events)
    assert behaviour.events
    assert summary.degraded == 0


def test_a_stall_counts_against_every_request_that_was_due_meanwhile() -> None:
    with target(Behaviour(stall_at=10, stall=0.4)) as url:
        summary = measure(url, OpenLoopPlan(rate=100, seconds=1.0))
    assert summary.p95 > 200
    assert not summary.meets_budget(100)


def test_degraded_lists_are_counted_and_do_not_fail() -> None:
    with target(Behaviour(degraded=True)) as url:
        summary = measure(url, QUICK)
    assert summary.degraded == 1
    assert summary.failures == 0


@pytest.mark.parametrize("behaviour", [Behaviour(status=503), Behaviour(garbage=True)])
def test_refused_and_broken_answers_are_failures(behaviour: Behaviour) -> None:
    with target(behaviour) as url:
        summary = measure(url, QUICK)
    assert summary.failures == summary.requests > 0
    assert not summary.meets_budget(1000)


def test_nobody_listening_is_a_failure_of_every_request() -> None:
    summary = measure(f"http://127.0.0.1:{free_port()}", QUICK)
    assert summary.failures == summary.requests > 0


async def test_a_connection_that_the_server_closed_is_replaced() -> None:
    behaviour = Behaviour(closes=True)
    with target(behaviour) as url:
        client = HttpClient(url)
        for _ in range(5):
            assert (await client.send(HttpCall("trained", "GET", "/recommend"))).status == 200
        client.close()


async def test_connections_are_used_again() -> None:
    with target(Behaviour()) as url:
        client = HttpClient(url)
        await client.send(HttpCall("trained", "GET", "/recommend"))
        first = client._idle[0]
        await client.send(HttpCall("trained", "GET", "/recommend"))
        assert client._idle == [first]
        first.is_open, was = False, first.is_open
        assert was
        await client.send(HttpCall("trained", "GET", "/recommend"))
        assert first not in client._idle
        first.close()
        client.close()


async def test_an_idle_connection_that_breaks_is_tried_once_more_on_a_new_one() -> None:
    with target(Behaviour()) as url:
        client = HttpClient(url)
        await client.send(HttpCall("trained", "GET", "/recommend"))
        client._idle[0]._transport.abort()
        client._idle[0].is_open = True  # the news of the end has not come yet
        assert (await client.send(HttpCall("trained", "GET", "/recommend"))).status == 200
        client.close()


async def test_a_service_that_never_answers_runs_into_the_timeout() -> None:
    with target(Behaviour(delay=1.0)) as url:
        client = HttpClient(url, timeout=0.05)
        with pytest.raises(TimeoutError):
            await client.send(HttpCall("trained", "GET", "/recommend"))


def test_percentiles_are_of_lists_and_events_only_count_as_requests() -> None:
    tally = LoadTally("a run")
    for ms in range(1, 101):
        tally.count_list(ms / 1000, {"degraded": [1] if ms <= 5 else []})
    tally.count_event()
    tally.count_failure("known: 503")
    summary = tally.summarise(lasted=2.0)
    assert (summary.requests, summary.failures, summary.rate) == (102, 1, 50.5)
    assert summary.degraded == 0.05
    assert summary.reasons == {"known: 503": 1}
    assert [summary.p50, summary.max] == pytest.approx([50.5, 100])


def test_the_table_names_the_run_that_missed(capsys: pytest.CaptureFixture[str]) -> None:
    good = LoadSummary("closed", 10, 0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
    bad = LoadSummary("open", 10, 0, 1.0, 0.0, 1.0, 2.0, 300.0, 400.0, {"events: 503": 2})
    assert print_summaries([good], 100, Console())
    assert not print_summaries([good, bad], 100, Console(width=120))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "MISSED" in line] == ["open"]
    assert "open: 2 x events: 503" in lines


def test_one_failure_in_a_fast_run_does_not_keep_the_budget() -> None:
    tally = LoadTally("fast")
    tally.count_list(0.001, {"degraded": []})
    assert tally.summarise(1.0).meets_budget(100)
    tally.count_failure("known: 500")
    assert not tally.summarise(1.0).meets_budget(100)


def test_no_answer_at_all_does_not_keep_the_budget() -> None:
    assert not LoadTally("nothing").summarise(1.0).meets_budget(100)


def test_locust_runs_the_mix_and_hands_over_what_it_measured() -> None:
    behaviour = Behaviour(degraded=True)
    with target(behaviour) as url:
        summary = run_locust(url, ClosedLoopPlan(visitors=4, seconds=3, budget_ms=1000))
    assert summary.meets_budget(1000)
    assert summary.degraded == 1
    heard = len(behaviour.asked) + len(behaviour.events)
    assert 0 <= heard - summary.requests <= 4  # each visitor may be cut off in mid-request


@pytest.mark.parametrize(("delay", "code"), [(0.0, 0), (0.3, 1)])
def test_a_missed_budget_is_the_exit_code_of_the_open_loop(delay: float, code: int) -> None:
    with target(Behaviour(delay=delay)) as url:
        ended = subprocess.run(
            f"{sys.executable} -m loadtest.open_loop --url {url} "
            "--rate 50 --seconds 0.5 --budget-ms 200".split(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == code, ended.stderr


def test_make_loads_verdict_is_its_exit_code() -> None:
    with target(Behaviour(status=503)) as url:
        ended = subprocess.run(
            f"{sys.executable} -m loadtest.run --url {url} --rate 20 --seconds 1".split(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stdout.count("MISSED") == 2


def test_a_service_that_cannot_start_is_reported_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "recfunnel"
    program.write_text("#!/bin/sh\necho there is no bundle >&2\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(NotServingError, match="no bundle"), run_service(tmp_path):
        pass


def test_a_service_is_ready_inside_the_block_and_gone_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "recfunnel"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
        "port = int(sys.argv[sys.argv.index('--port') + 1])\n"
        "SimpleHTTPRequestHandler.do_GET = lambda s: (s.send_response(200), s.end_headers())\n"
        "HTTPServer(('127.0.0.1', port), SimpleHTTPRequestHandler).serve_forever()\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    core = min(os.sched_getaffinity(0))
    with run_service(tmp_path, [core]) as own:
        assert os.sched_getaffinity(own.process) == {core}
        os.kill(own.process, signal.SIG_DFL)
    with pytest.raises(ProcessLookupError):
        os.kill(own.process, signal.SIG_DFL)


def test_a_service_that_ignores_the_signal_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "recfunnel"
    program.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("loadtest.service.START_TIMEOUT", 0.5)
    monkeypatch.setattr("loadtest.service.STOP_TIMEOUT", 0.3)
    began = time.monotonic()
    with pytest.raises(NotServingError), run_service(tmp_path):
        pass
    assert time.monotonic() - began < 10


def test_pinning_ends_with_its_block() -> None:
    before = os.sched_getaffinity(0)
    with pin_to_cores([min(before)]):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_locust_without_a_result_is_reported_in_its_own_words() -> None:
    with pytest.raises(NotServingError, match="no result"):
        run_locust("not an address", ClosedLoopPlan(visitors=-1, seconds=1, budget_ms=1))
