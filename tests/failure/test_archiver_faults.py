"""The archiver dies at any point, or its server fails: each event is archived once."""

import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import redis

from app.process.embedded_server import embedded_server
from app.state.archiver_status import GROUP
from app.state.event_codec import events_key
from offline.archive.files import StreamFiles
from tests.archiving import add, client, drain, ids, named, prefix
from tests.conftest import ROOT, clean_environment
from tests.serving import until

__all__ = ["client", "prefix"]  # fixtures


@pytest.mark.parametrize("crash", ["before the file", "in the file", "after the file"])
def test_a_crash_at_any_point_loses_and_duplicates_nothing(
    client, prefix, tmp_path, monkeypatch, crash
):
    add(client, prefix, *range(10))
    crashing = drain(client, prefix, tmp_path)
    with monkeypatch.context() as patch:
        if crash == "before the file":
            patch.setattr(StreamFiles, "write", lambda *_: 1 / 0)
        elif crash == "in the file":
            patch.setattr(Path, "replace", lambda *_: 1 / 0)
        else:
            patch.setattr(client, "xack", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            crashing.run()
    add(client, prefix, *range(10, 15))
    after = drain(client, prefix, tmp_path)
    after.run()
    assert ids(tmp_path) == named(*range(15))
    assert after.counts.repeated == (10 if crash == "after the file" else 0)
    assert client.xpending(events_key(prefix), GROUP)["pending"] == 0
    after.files.merge(today="9999-01-01")
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_server_that_lost_the_consumer_group_duplicates_nothing(client, prefix, tmp_path):
    add(client, prefix, *range(10))
    drain(client, prefix, tmp_path).run()
    client.xgroup_destroy(events_key(prefix), GROUP)
    add(client, prefix, 10)
    drain(client, prefix, tmp_path).run()
    assert ids(tmp_path) == named(*range(11))


def test_a_server_with_a_full_memory_is_drained(tmp_path):
    with embedded_server(tmp_path / "redis") as url, redis.Redis.from_url(url) as client:
        add(client, "t", 1)
        drain(client, "t", tmp_path).run()
        add(client, "t", 2, 3)
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            add(client, "t", 4)
        assert drain(client, "t", tmp_path, keep=1).run() == 2
        assert client.xlen(events_key("t")) == 1
    assert ids(tmp_path) == named(1, 2, 3)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others need Linux")
def test_an_archiver_whose_disk_is_full_goes_on_when_there_is_room(
    client, prefix, redis_url, tmp_path
):
    environment = clean_environment() | {"REDIS_URL": redis_url, "RECFUNNEL_KEY_PREFIX": prefix}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # Python itself would leave files that are cut
    command = [sys.executable, "-m", "offline.cli", "archive", "--every", "0.1"]
    add(client, prefix, *range(50))
    unlimited = resource.RLIM_INFINITY
    with subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, unlimited))
            lines = iter(process.stderr.readline, "")
            told = next(line for line in lines if "archiving is interrupted" in line)
            assert "Free space on its disk" in told
            assert ids(tmp_path / "archive") == []
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            until(lambda: ids(tmp_path / "archive") == named(*range(50)), 20.0)
        finally:
            process.kill()
    assert not list(tmp_path.rglob("*.tmp"))


def test_an_archiver_killed_again_and_again_has_each_event_once(
    client, prefix, redis_url, tmp_path
):
    environment = clean_environment() | {"REDIS_URL": redis_url, "RECFUNNEL_KEY_PREFIX": prefix}
    command = [sys.executable, "-m", "offline.cli", "archive", "--every", "0.1"]
    added, log = [0], tmp_path / "log"

    def grown(before):
        added[0] += 1
        add(client, prefix, added[0])
        return len(ids(tmp_path / "archive")) > before

    for _ in range(2):
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--out", str(tmp_path)], cwd=ROOT, env=environment, stderr=out
            )
        until(partial(grown, len(ids(tmp_path / "archive"))), every=0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
    drain(client, prefix, tmp_path / "archive").run()
    assert sorted(ids(tmp_path / "archive")) == sorted(named(*range(1, added[0] + 1)))
