"""Processes are killed while events come: each acknowledged event is in the archive once."""

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from benchmarks.crash import CrashPlan, CrashResult, run, show
from benchmarks.killable_service import KillableService


@pytest.mark.e2e
def test_every_acknowledged_event_is_archived_once_whatever_is_killed(trained, tmp_path, capsys):
    plan = CrashPlan(
        events=2_000,
        batch=50,
        workers=2,
        worker_kills=1,
        archiver_kills=2,
        server_kills=2,
        clients=2,
    )
    outcome = run(trained, tmp_path, plan)
    show(outcome, plan)
    told = capsys.readouterr().out
    assert outcome.is_sound, (told, (tmp_path / "log.txt").read_text()[-3000:])
    assert len(outcome.acknowledged) == outcome.archived == 2_000
    assert outcome.kills["server"] == outcome.kills["archiver"] == 2
    assert "Every event is there once." in told


def test_what_is_lost_or_doubled_or_never_taken_is_told(capsys):
    lost = CrashResult(acknowledged={"a", "b"}, archived=3, missing=1, doubled=2)
    show(lost, CrashPlan(events=4))
    told = capsys.readouterr().out
    assert not lost.is_sound
    assert "lost or doubled" in told
    assert "2 events were never acknowledged" in told


def test_a_worker_that_was_killed_and_not_yet_reaped_is_not_alive(tmp_path):
    spawned = "import subprocess, sys, time; [subprocess.Popen([sys.executable, '-c', 'spawn_main = 1; import time; time.sleep(60)']) for _ in range(2)]; time.sleep(60)"  # noqa: E501
    parent = subprocess.Popen([sys.executable, "-c", spawned])
    found = KillableService(tmp_path, 2, tmp_path / "log")
    found.service = SimpleNamespace(pid=parent.pid)
    family = []
    try:
        until = time.monotonic() + 20
        while len(found.alive()) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        family = psutil.Process(parent.pid).children()
        assert found.kill_worker(0.9)
        while len(found.alive()) > 1 and time.monotonic() < until:
            time.sleep(0.02)
        assert psutil.STATUS_ZOMBIE in {one.status() for one in family}
        assert not found.kill_worker(0.0)
    finally:
        for one in family:
            one.send_signal(signal.SIGKILL)
        parent.kill()
        parent.wait()
