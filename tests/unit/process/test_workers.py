"""The supervisor goes on when the system has no room for a new worker."""

import os
from types import SimpleNamespace

import pytest

from app.process import workers
from app.process.workers import DEFAULT_SUPERVISION, _Supervisor, _Worker


def ended_worker():
    reports, reporting = os.pipe()
    os.close(reporting)
    reader = workers.Connection(reports, writable=False)
    worker = _Worker(SimpleNamespace(pid=1, exitcode=-9), reader)
    worker.read_report()
    assert worker.has_ended
    return worker


@pytest.mark.parametrize("error", [OSError(12, "no memory"), EOFError()])
def test_a_worker_that_cannot_be_replaced_now_is_replaced_later(monkeypatch, caplog, error):
    monkeypatch.setattr(workers, "RESTART_PAUSE", 0.0)
    supervisor = _Supervisor(None, None, None, DEFAULT_SUPERVISION)
    dead, new = ended_worker(), object()
    starts = [new, error]

    def start():
        result = starts.pop()
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(supervisor, "_start", start)
    alive = SimpleNamespace(has_ended=False)
    supervisor._workers = [dead, alive]
    supervisor._replace_dead()
    assert supervisor._workers == [dead, alive]
    assert "cannot be replaced now" in caplog.text
    supervisor._replace_dead()
    assert supervisor._workers == [new, alive]
    assert dead.reports.closed
