"""Processes are killed while events come; each acknowledged event is in the archive once."""

import subprocess
import sys
from types import SimpleNamespace

import psutil

from benchmarks.crash import CrashPlan, CrashResult, run, show
from benchmarks.killable_service import KillableService
from tests.serving import until


def test_every_acknowledged_event_is_archived_once_whatever_is_killed(trained, tmp_path, capsys):
    plan = CrashPlan(
        events=1_000,
        batch=50,
        workers=2,
        worker_kills=1,
        archiver_kills=1,
        server_kills=1,
        clients=2,
    )
    result = run(trained, tmp_path, plan)
    show(result, plan)
    output = capsys.readouterr().out
    assert result.is_sound, (output, (tmp_path / "log.txt").read_text()[-3000:])
    assert len(result.acknowledged) == result.archived == 1_000
    assert result.kills["server"] == result.kills["archiver"] == 1
    assert "Every acknowledged event is archived once." in output


def test_lost_doubled_and_unacknowledged_events_are_reported(capsys):
    lost = CrashResult(acknowledged={"a", "b"}, archived=3, missing=1, doubled=2)
    show(lost, CrashPlan(events=4))
    output = capsys.readouterr().out
    assert not lost.is_sound
    assert "lost or doubled" in output
    assert "2 events were never acknowledged" in output


def test_a_killed_worker_is_not_live_and_the_last_one_is_not_killed(tmp_path):
    forked = "import multiprocessing as m, time; c = m.get_context('forkserver'); [c.Process(target=time.sleep, args=(60,)).start() for _ in range(2)]; time.sleep(60)"  # noqa: E501
    parent = subprocess.Popen([sys.executable, "-c", forked])
    service = KillableService(tmp_path, 2, tmp_path / "log")
    service.service = SimpleNamespace(pid=parent.pid)
    try:
        until(lambda: len(service.live_workers()) == 2, 20)
        assert service.kill_worker(0.9)
        until(lambda: len(service.live_workers()) == 1, 20)
        assert not service.kill_worker(0.0)
    finally:
        for one in psutil.Process(parent.pid).children(recursive=True):
            one.kill()
        parent.kill()
        parent.wait()
