import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
import redis

from app.state import embedded, server_process
from app.state.embedded import embedded_server
from app.state.server_process import LOG_LIMIT, ServerError, ServerProcess, find_binary

OWNER = """
import sys, time
from pathlib import Path
from app.state.embedded import embedded_server
try:
    with embedded_server(Path(sys.argv[1])) as url:
        print(url, flush=True)
        sys.stdin.read()
        print("leaves", flush=True)
except Exception as error:
    print(error, flush=True)
"""


@pytest.fixture
def owner(tmp_path):
    """Starts other processes that keep a server, and leaves none behind."""
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def client(url):
    return redis.Redis.from_url(url, decode_responses=True)


def server_pid(url):
    with client(url) as link:
        return link.info("server")["process_id"]


def socket_folder(url):
    return Path(unquote(url.removeprefix("unix://"))).parent


def until(done, seconds=60.0):
    give_up = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def answers(url):
    try:
        with client(url) as link:
            return link.ping()
    except redis.RedisError:
        return False


def test_what_was_written_is_there_after_a_restart_in_a_folder_with_spaces(tmp_path):
    folder = tmp_path / "a folder 'of' ours"
    with embedded_server(folder) as url, client(url) as link:
        link.set("k", "v")
    with embedded_server(folder) as url, client(url) as link:
        assert link.get("k") == "v"


def test_it_listens_on_a_private_socket_only_and_leaves_nothing_behind(tmp_path):
    with embedded_server(tmp_path) as url:
        folder, pid = socket_folder(url), server_pid(url)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "valkey.sock").stat().st_mode) == 0o700
        with client(url) as link:
            settings = link.config_get("*")
        assert settings["port"] == "0"
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "always"
        assert settings["save"] == ""
    assert not folder.exists()
    assert not is_alive(pid)


def test_a_killed_server_comes_back_on_the_same_socket_with_its_data(tmp_path, caplog):
    with embedded_server(tmp_path) as url:
        with client(url) as link:
            link.set("k", "v")
        killed = server_pid(url)
        os.kill(killed, signal.SIGKILL)
        until(lambda: answers(url))
        assert server_pid(url) != killed
        with client(url) as link:
            assert link.get("k") == "v"
    assert "ended with status -9 and is restarted" in caplog.text


def test_a_healthy_server_is_left_alone(tmp_path):
    with embedded_server(tmp_path) as url:
        pid = server_pid(url)
        time.sleep(2 * embedded.POLL)
        assert server_pid(url) == pid


def test_a_server_that_can_not_be_restarted_is_tried_again(tmp_path, monkeypatch, caplog):
    with embedded_server(tmp_path) as url:
        refused = OSError("no more processes")
        monkeypatch.setattr(embedded.ServerProcess, "start", raises(refused))
        os.kill(server_pid(url), signal.SIGKILL)
        until(lambda: "can not be restarted: no more processes" in caplog.text)
        monkeypatch.undo()
        until(lambda: answers(url))


def raises(error):
    def fail(*_):
        raise error

    return fail


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path):
    with embedded_server(tmp_path) as url:
        assert os.getpgid(server_pid(url)) != os.getpgid(0)
        assert os.getsid(server_pid(url)) != os.getsid(0)


def test_when_we_are_killed_the_server_ends_and_the_next_one_has_the_data(tmp_path, owner):
    process, url = owner(tmp_path)
    with client(url) as link:
        link.set("k", "v")
    left, folder = server_pid(url), socket_folder(url)
    process.kill()
    process.wait()
    until(lambda: not is_alive(left) and not folder.exists())
    with embedded_server(tmp_path) as url, client(url) as link:
        assert link.get("k") == "v"


def test_a_server_still_writing_after_its_owner_died_is_waited_for(tmp_path, owner):
    process, url = owner(tmp_path)
    left = server_pid(url)
    os.kill(left, signal.SIGSTOP)
    process.kill()
    process.wait()
    alarm = threading.Timer(0.5, os.kill, (left, signal.SIGCONT))
    alarm.start()
    with embedded_server(tmp_path) as url:
        assert not is_alive(left)
        assert answers(url)
    alarm.join()


def test_a_folder_in_use_is_refused_with_who_has_it(tmp_path, owner):
    process, _ = owner(tmp_path)
    with (
        pytest.raises(ServerError, match=f"in use by process {process.pid}"),
        embedded_server(tmp_path),
    ):
        pass


def test_a_dead_owners_lock_that_is_never_freed_is_refused_in_time(tmp_path, owner, monkeypatch):
    owner(tmp_path)
    monkeypatch.setattr(embedded, "LOCK_WITHIN", 0.1)
    for written in ("", "999999999"):
        (tmp_path / "owner.lock").write_text(written)
        with pytest.raises(ServerError, match="in use by process"), embedded_server(tmp_path):
            pass


def test_an_owner_of_another_account_counts_as_alive(monkeypatch):
    monkeypatch.setattr(os, "kill", raises(PermissionError()))
    assert embedded._lives("1")


def test_a_cut_off_log_of_writes_is_read_as_far_as_it_goes(tmp_path):
    with embedded_server(tmp_path) as url, client(url) as link:
        link.set("k", "v")
    last = next((tmp_path / "appendonlydir").glob("*.incr.aof"))
    last.write_bytes(last.read_bytes() + b"*3\r\n$3\r\nSET\r\n$1\r\nx")
    with embedded_server(tmp_path) as url, client(url) as link:
        assert link.get("k") == "v"
        assert link.get("x") is None


def test_a_damaged_folder_is_refused_with_the_servers_own_words(tmp_path):
    with embedded_server(tmp_path) as url, client(url) as link:
        link.set("k", "v")
    last = next((tmp_path / "appendonlydir").glob("*.incr.aof"))
    last.write_bytes(b"nonsense\r\n" + last.read_bytes())
    with (
        pytest.raises(ServerError, match=r"would not start: .*; its log is"),
        embedded_server(tmp_path),
    ):
        pass
    last.unlink()


def test_a_long_log_of_earlier_runs_is_begun_anew(tmp_path):
    path = tmp_path / "valkey.log"
    path.write_text("x" * (LOG_LIMIT + 1))
    with embedded_server(tmp_path):
        assert 0 < path.stat().st_size < LOG_LIMIT


def test_a_long_temp_folder_does_not_break_the_socket(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded.tempfile, "gettempdir", lambda: f"/{'x' * 90}")
    with embedded_server(tmp_path) as url:
        assert answers(url)


def test_a_server_that_does_not_obey_is_ended_by_force(tmp_path, monkeypatch):
    monkeypatch.setattr(server_process, "STOP_WITHIN", 0.1)
    with embedded_server(tmp_path) as url:
        pid = server_pid(url)
        os.kill(pid, signal.SIGSTOP)
    assert not is_alive(pid)


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(server_process, "START_WITHIN", 0.1)
    monkeypatch.setattr(ServerProcess, "_answers", lambda self: False)
    with pytest.raises(ServerError, match="would not start"), embedded_server(tmp_path):
        pass


def test_a_server_without_a_log_has_no_last_words(tmp_path):
    assert ServerProcess(None, tmp_path / "s", tmp_path / "absent").last_words() == "nothing"


def test_without_the_wheels_program_an_installed_one_is_used(monkeypatch, tmp_path):
    monkeypatch.setattr("platform.machine", lambda: "mips")
    (tmp_path / "redis-server").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary() == str(tmp_path / "redis-server")


def test_without_any_program_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("platform.machine", lambda: "mips")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="set REDIS_URL"):
        find_binary()
