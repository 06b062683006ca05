"""A worker hangs, starts while it is to end, or ends slowly: the parent does what is right."""

import itertools
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from app.process.draining_server import DrainingServer
from loadtest.service import list_workers
from tests.conftest import ROOT
from tests.integration.process.tiny_app import bound, configure
from tests.serving import free_port, http_client, running, until

PARENT = """
import sys
from app.process.workers import Supervision, run_workers
from tests.integration.process.tiny_app import bound, configure
listens = lambda: print("listening", flush=True)
run_workers(configure, bound(int(sys.argv[1])), 2, listens, Supervision(hang=1.5, restart=0.02))
"""


@dataclass(frozen=True)
class Pair:
    """Two tiny workers and their parent. Each test leaves two workers that answer."""

    parent: psutil.Process
    port: int
    log: Path
    starts: Path  # while this file exists, a worker that starts dies at once


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("pair"), free_port()
    starts = folder / "starts"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", PARENT, str(port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | {"DIES_WHILE": str(starts)},
            text=True,
        ) as parent,
    ):
        try:
            assert parent.stdout.readline() == "listening\n"
            yield Pair(psutil.Process(parent.pid), port, folder / "log", starts)
        finally:
            for one in psutil.Process(parent.pid).children(recursive=True):
                one.kill()
            parent.kill()


def ask(port):
    """The id of the process that answers; None if none does."""
    with suppress(httpx.TransportError), http_client(f"http://127.0.0.1:{port}") as client:
        return int(client.get("/").text)
    return None


def test_a_hung_worker_is_replaced_and_a_stop_of_all_processes_kills_none(pair):
    until(lambda: len(answering(pair.port)) == 2)
    before = workers_of(pair.parent)
    everyone = [pair.parent, *pair.parent.children(recursive=True)]
    for one in everyone:
        one.suspend()
    time.sleep(2.5)  # longer than a worker may be silent
    for one in everyone:
        one.resume()
    time.sleep(1.0)
    assert workers_of(pair.parent) == before
    hung = psutil.Process(min(before))
    hung.suspend()
    until(lambda: len(workers_of(pair.parent) - {hung.pid}) == 2, 20.0)
    assert hung.pid not in workers_of(pair.parent)
    assert max(before) in workers_of(pair.parent)
    until(lambda: len(answering(pair.port)) == 2)


def test_workers_outlive_the_process_that_forked_them(pair):
    port = pair.port
    until(lambda: len(answering(port)) == 2)
    before = list_workers(pair.parent.pid)
    before[0].parent().kill()
    time.sleep(1.0)  # longer than it takes to replace a dead worker
    assert answering(port) == {one.pid for one in before}
    before[0].kill()
    until(lambda: len(answering(port)) == 2 and before[0].pid not in answering(port), 20.0)
    assert before[1].pid in answering(port)
    assert len(workers_of(pair.parent)) == 1  # the other is no child of the new process
    before[1].kill()
    until(lambda: len(workers_of(pair.parent)) == 2, 20.0)


def test_a_stopped_process_that_forks_workers_is_replaced(pair):
    until(lambda: len(answering(pair.port)) == 2)
    dead, other = list_workers(pair.parent.pid)
    forking = dead.parent()
    forking.suspend()
    dead.kill()
    until(lambda: len(answering(pair.port) - {dead.pid}) == 2, 30.0)
    assert other.pid in answering(pair.port)
    assert not forking.is_running() or forking.status() == psutil.STATUS_ZOMBIE
    assert "the process that forks workers does not answer in 2 s" in pair.log.read_text()
    other.kill()  # it is no child of the new process
    until(lambda: len(workers_of(pair.parent)) == 2, 20.0)


def test_a_worker_that_dies_at_each_start_is_started_less_and_less_often(pair):
    until(lambda: len(answering(pair.port)) == 2)
    dead, other = list_workers(pair.parent.pid)
    pair.starts.touch()
    dead.kill()
    until(lambda: len(pair.starts.read_text().splitlines()) >= 6)
    times = [float(line) for line in pair.starts.read_text().splitlines()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(pause >= 0.02 * 2**n for n, pause in enumerate(pauses[:5], start=1))
    assert answering(pair.port) == {other.pid}
    pair.starts.unlink()
    until(lambda: len(answering(pair.port)) == 2)
    assert other.pid in answering(pair.port)
    assert "workers in a row ended within 10 s of their start" in pair.log.read_text()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others need Linux")
def test_a_worker_that_cannot_be_replaced_now_is_replaced_later(pair):
    until(lambda: len(answering(pair.port)) == 2)
    dead, other = list_workers(pair.parent.pid)
    before = resource.prlimit(pair.parent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pair.parent.pid, resource.RLIMIT_NOFILE, (3, before[1]))  # no file more
    dead.kill()
    time.sleep(1.2)  # longer than it takes to replace a dead worker
    assert pair.parent.is_running()
    assert answering(pair.port) == {other.pid}
    resource.prlimit(pair.parent.pid, resource.RLIMIT_NOFILE, before)
    until(lambda: len(answering(pair.port)) == 2, 30.0)


def workers_of(parent):
    """The ids of its worker processes that have not ended."""
    return {one.pid for one in list_workers(parent.pid)}


def answering(port):
    """The ids of the workers that answer some requests."""
    with ThreadPoolExecutor(8) as pool:  # together, so that no worker can take all of them
        return set(pool.map(ask, [port] * 16)) - {None}


def test_a_signal_to_end_while_it_starts_still_answers_who_waits():
    listener = bound()
    listener.listen()
    server = DrainingServer(configure())
    server.should_exit = True  # as the handler of SIGTERM does
    with socket.create_connection(listener.getsockname(), timeout=5) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert b"200 OK" in waiting.recv(1_000)
        thread.join(5)
    assert not thread.is_alive()


def test_a_service_reloads_on_sighup_and_drains_on_sigterm(out, redis_url):
    quiet = {"RECFUNNEL_RELOAD_SECONDS": "600", "RECFUNNEL_DRAIN_SECONDS": "1.5"}
    with running(out, REDIS_URL=redis_url, **quiet) as served:
        assert "listening on http://127.0.0.1" in served.log
        assert served.answers("/readyz").json()["refused"] is None
        (out / "current").write_text("nowhere\n")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: "nowhere" in str(served.answers("/readyz").json()["refused"]))
        served.process.send_signal(signal.SIGTERM)
        until(lambda: served.client.get("/readyz").status_code == 503)
        state = served.client.get("/readyz").json()
        assert (state["ready"], state["draining"]) == (False, True)
        assert len(served.recommend("u1")["items"]) == 10  # which is not dropped
        assert served.process.wait(10) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
