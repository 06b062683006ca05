"""The load tests find what is wrong with a service, and only that."""

import os
import signal
import sys

import pytest
import typer
from typer.testing import CliRunner

from loadtest import open_loop
from loadtest.connection import HttpClient
from loadtest.open_loop import OpenLoopPlan, measure
from loadtest.run import ClosedLoopPlan, main, run_locust
from loadtest.service import NotServingError, Timeouts, free_port, pin_to_cores, run_service
from loadtest.traffic import HttpCall
from tests.integration.loadtest.target import Behaviour, target

SHORT = OpenLoopPlan(rate=100, seconds=0.5)
AMPLE = 20_000  # ms, also on a busy machine
CALL = HttpCall("trained", "GET", "/recommend")


def test_a_good_service_keeps_the_budget_and_gets_the_events():
    behaviour = Behaviour()
    with target(behaviour) as url:
        summary = measure(url, SHORT)
    assert summary.meets_budget(AMPLE)
    assert summary.failures == 0
    assert summary.requests == len(behaviour.lists) + len(behaviour.events)
    assert behaviour.events
    assert summary.degraded == 0


def test_a_stall_counts_against_every_request_that_was_due_meanwhile():
    with target(Behaviour(stall_at=10, stall=0.4)) as url:
        summary = measure(url, OpenLoopPlan(rate=100, seconds=1.0))
    assert summary.p95 > 200
    assert not summary.meets_budget(100)


def test_degraded_lists_are_counted_and_do_not_fail():
    with target(Behaviour(degraded=True)) as url:
        summary = measure(url, SHORT)
    assert summary.degraded == 1
    assert summary.failures == 0


@pytest.mark.parametrize("behaviour", [Behaviour(status=503), Behaviour(garbage=True)])
def test_refused_and_broken_answers_are_failures(behaviour):
    with target(behaviour) as url:
        summary = measure(url, SHORT)
    assert summary.failures == summary.requests > 0
    assert not summary.meets_budget(AMPLE)


def test_every_request_fails_where_nothing_listens():
    summary = measure(f"http://127.0.0.1:{free_port()}", SHORT)
    assert summary.failures == summary.requests > 0


@pytest.mark.parametrize(
    ("behaviour", "connections"),
    [(Behaviour(), 1), (Behaviour(closes=True), 5), (Behaviour(hangs_up=True), 5)],
    ids=["kept", "closed", "broken"],
)
async def test_a_connection_is_used_again_and_replaced_when_it_ended(behaviour, connections):
    with target(behaviour) as url:
        client = HttpClient(url)
        for _ in range(5):
            assert (await client.send(CALL)).status == 200
        client.close()
    assert len(behaviour.connections) == connections


async def test_a_service_that_does_not_answer_runs_into_the_timeout():
    with target(Behaviour(delay=1.0)) as url:
        client = HttpClient(url, timeout=0.05)
        with pytest.raises(TimeoutError):
            await client.send(CALL)


def test_locust_runs_the_mix_and_returns_its_result():
    behaviour = Behaviour(degraded=True)
    with target(behaviour) as url:
        summary = run_locust(url, ClosedLoopPlan(visitors=4, seconds=5, budget_ms=AMPLE))
    assert summary.meets_budget(AMPLE)
    assert summary.degraded == 1
    received = len(behaviour.lists) + len(behaviour.events)
    assert 0 <= received - summary.requests <= 4  # each visitor may end in mid-request


def test_locust_without_a_result_is_reported_with_its_output():
    with pytest.raises(NotServingError, match="spawn-rate"):
        run_locust("not an address", ClosedLoopPlan(visitors=-1, seconds=1, budget_ms=1))


@pytest.mark.parametrize(("budget", "code"), [(AMPLE, 0), (1, 1)])
def test_a_missed_budget_is_the_exit_code_of_the_open_loop(budget, code):
    program = typer.Typer()
    program.command()(open_loop.main)
    options = ("--rate", "50", "--seconds", "0.5", "--budget-ms", str(budget))
    with target(Behaviour(delay=0.05)) as url:
        assert CliRunner().invoke(program, ["--url", url, *options]).exit_code == code


def test_a_failing_service_is_the_exit_code_of_make_load(capsys):
    with target(Behaviour(status=503)) as url, pytest.raises(SystemExit) as ended:
        main(url, rate=20, seconds=1)
    assert ended.value.code == 1
    assert capsys.readouterr().out.count("MISSED") == 2


@pytest.fixture
def program(tmp_path):
    """Writes a script that stands in for ``recfunnel``."""

    def write(text):
        path = tmp_path / "recfunnel"
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write


def test_a_service_that_cannot_start_is_reported_with_its_output(tmp_path, program):
    script = program("#!/bin/sh\necho there is no bundle >&2\nexit 2\n")
    with pytest.raises(NotServingError, match="no bundle"), run_service(tmp_path, program=script):
        pass


def test_a_service_is_ready_inside_the_block_and_gone_after_it(tmp_path, program):
    script = program(
        f"#!{sys.executable}\n"
        "import sys\n"
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
        "port = int(sys.argv[sys.argv.index('--port') + 1])\n"
        "SimpleHTTPRequestHandler.do_GET = lambda s: (s.send_response(200), s.end_headers())\n"
        "HTTPServer(('127.0.0.1', port), SimpleHTTPRequestHandler).serve_forever()\n"
    )
    core = min(os.sched_getaffinity(0))
    with run_service(tmp_path, [core], program=script) as service:
        assert os.sched_getaffinity(service.process) == {core}
        os.kill(service.process, signal.SIG_DFL)
    with pytest.raises(ProcessLookupError):
        os.kill(service.process, signal.SIG_DFL)


def test_a_service_that_ignores_the_signal_is_killed(tmp_path, program):
    script = program(
        f"#!/bin/sh\ntrap '' TERM\necho $$ > {tmp_path}/pid\nwhile :; do sleep 0.1; done\n"
    )
    timeouts = Timeouts(start=0.5, stop=0.3)
    with pytest.raises(NotServingError), run_service(tmp_path, program=script, timeouts=timeouts):
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIG_DFL)


def test_pinning_ends_with_its_block():
    before = os.sched_getaffinity(0)
    with pin_to_cores([min(before)]):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
