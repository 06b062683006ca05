"""The command line: what a user types, what he reads, and the status it ends with."""

import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
import typer
from typer.testing import CliRunner

from app.bundle.bundle import BundleError, find_current_bundle
from app.process.serve import PortTakenError
from app.process.server_process import ServerError
from app.settings import Settings, SettingsError
from offline import cli
from offline.data.errors import DataError
from offline.errors import RefusedError
from offline.evaluate.gate import GateConfig
from tests.conftest import COMMAND, ROOT, clean_environment, running, until, world, write_recbole


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def typed(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment() | {"COLUMNS": "200"} | environment,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module", autouse=True)
def _all_commands():
    registered = cli.app.registered_commands[:], cli.app.registered_groups[:]
    cli._add_training_commands()
    yield
    cli.app.registered_commands[:], cli.app.registered_groups[:] = registered


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ((), ("serve", "train", "demo", "doctor", "data")),
        (("serve",), ("--out", "--host", "--port", "--workers")),
        (("train",), ("--data", "--out", "--schema", "--seed", "--max-bad-share")),
        (("train",), ("--force", "--margin", "--keep")),
        (("rollback",), ("--out", "--to")),
        (("bundles",), ("--out",)),
        (("report",), ("--out", "--compare", "--data")),
        (("demo",), ("--out", "--port", "--data", "--user")),
        (("doctor",), ("--schema", "--bad")),
        (("data",), ("get",)),
        (("data", "get"), ("--to",)),
    ],
)
def test_every_command_says_what_it_takes(command, named, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    told = invoke(*command, "--help")
    assert told.exit_code == 0
    assert all(name in told.output for name in named)


@pytest.mark.e2e
def test_the_installed_command_runs():
    told = typed("--help")
    assert told.returncode == 0
    assert "train" in told.stdout


def test_what_the_command_line_says_reaches_the_service(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(cli, "serve", given.append)
    assert invoke("serve", "--out", tmp_path, "--port", 9, "--workers", 3).exit_code == 0
    assert invoke("serve").exit_code == 0
    assert (given[0].out, given[0].port, given[0].workers) == (tmp_path, 9, 3)
    assert given[0].host == "127.0.0.1"
    assert given[1].out == Settings().out


def test_a_setting_that_makes_no_sense_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("RECFUNNEL_WORKERS", "none")
    told = invoke("serve", "--out", tmp_path)
    assert told.exit_code == 1
    assert told.stderr.startswith("the setting workers cannot be used")


@pytest.mark.parametrize("wrong", [("--port", "-1"), ("--workers", "0"), ("--unheard", "1")])
def test_a_wrong_option_is_refused_by_name(wrong):
    told = invoke("serve", *wrong)
    assert told.exit_code == 2
    assert wrong[0] in told.output


@pytest.mark.parametrize(
    "fault",
    [SettingsError, PortTakenError, ServerError, BundleError, DataError, OSError, PermissionError],
)
def test_what_a_user_can_put_right_is_one_sentence_and_status_1(fault, capsys):
    with pytest.raises(typer.Exit) as ended, cli.errors_as_sentences():
        raise fault("the [red]disk[/red] is full")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "the [red]disk[/red] is full\n"


def test_what_the_gate_refused_is_one_sentence_and_status_3(capsys):
    with pytest.raises(typer.Exit) as ended, cli.errors_as_sentences():
        raise RefusedError("The bundle v2 is written but not published.")
    assert ended.value.exit_code == 3
    assert capsys.readouterr().err == "The bundle v2 is written but not published.\n"


def test_what_the_command_line_says_reaches_the_gate(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr("offline.commands.train.train", lambda *told, **_: given.append(told[2]))
    train = ("train", "--data", tmp_path, "--out", tmp_path)
    assert invoke(*train).exit_code == 0
    assert invoke(*train, "--force", "--margin", 0.1, "--keep", 3).exit_code == 0
    assert [one.gate for one in given] == [GateConfig(), GateConfig(margin=0.1, force=True)]
    assert [one.keep for one in given] == [5, 3]


def test_a_library_that_is_not_installed_is_named_with_what_to_do(capsys):
    with pytest.raises(typer.Exit) as ended, cli.errors_as_sentences():
        import unheard_of  # noqa: F401, PLC0415
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == (
        "unheard_of is not installed: pip install 'recfunnel[train]'\n"
    )


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), cli.errors_as_sentences():
        raise ZeroDivisionError


def test_training_writes_a_bundle_and_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "")
    data = write_recbole(tmp_path / "cinema", world(3, users=30, items=30, ratings=300))
    told = invoke("train", "--data", data, "--out", tmp_path / "out", "--seed", 5)
    assert told.exit_code == 0, told.output
    assert find_current_bundle(tmp_path / "out").name in told.output.replace("\n", "")


def test_training_on_nothing_is_refused(tmp_path):
    told = invoke("train", "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert told.exit_code == 1
    assert "There is nothing at" in told.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.e2e
def test_too_little_data_is_one_sentence_without_a_traceback(tmp_path):
    data = write_recbole(tmp_path / "cinema", world(3, users=5, items=5, ratings=19))
    told = typed("train", "--data", data, "--out", tmp_path / "out")
    assert told.returncode == 1
    assert "19 interactions are too few to split by time" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "out" / "current").exists()


def test_a_taken_port_is_told_at_once(taken, tmp_path):
    told = invoke("serve", "--out", tmp_path / "out", "--port", taken)
    assert told.exit_code == 1
    assert told.stderr.startswith(f"cannot listen on 127.0.0.1:{taken}")
    assert f"--port {taken + 1}" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_demo_looks_at_the_port_before_it_trains(taken, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "offline.commands.demo.fetch_ml_100k", lambda _: pytest.fail("it began to work")
    )
    told = invoke("demo", "--out", tmp_path / "out", "--data", tmp_path, "--port", taken)
    assert told.exit_code == 1
    assert f"--port {taken + 1}" in told.stderr
    assert not (tmp_path / "out").exists()


def test_without_the_training_libraries_there_are_fewer_commands(monkeypatch):
    monkeypatch.setitem(sys.modules, "offline.commands.data", None)
    before = len(cli.app.registered_commands)
    cli._add_training_commands()
    assert len(cli.app.registered_commands) == before


def test_the_command_line_is_the_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["recfunnel", "--help"])
    with suppress(SystemExit):
        cli.main()
    assert "train" in capsys.readouterr().out


@pytest.mark.e2e
def test_without_a_bundle_the_service_is_not_ready_and_its_log_says_why(tmp_path):
    with running(tmp_path / "out", ready=False) as served:
        until(lambda: served.answers() and "refused" in served.log, 30)
        told = served.client.get("/readyz")
        assert told.status_code == 503
        assert "there is no bundle in" in told.json()["refused"]
        assert "there is no bundle in" in served.log
        assert "Traceback" not in served.log
        assert served.end(signal.SIGTERM) == (0, [])


@pytest.mark.e2e
def test_a_corrupt_bundle_is_refused_with_a_sentence(out):
    with (find_current_bundle(out) / "fine.listwise.0.txt").open("ab") as file:
        file.write(b"!")
    with running(out, ready=False) as served:
        until(lambda: served.answers() and "refused" in served.log, 30)
        told = served.client.get("/readyz")
        assert told.status_code == 503
        assert "fine.listwise.0.txt is corrupt" in told.json()["refused"]
        assert "fine.listwise.0.txt is corrupt" in served.log
        assert "Traceback" not in served.log
