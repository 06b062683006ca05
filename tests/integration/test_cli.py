"""The command line: what a user types, what he reads, and the status it ends with."""

import socket
import subprocess
import sys
from importlib.metadata import version
from operator import attrgetter

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from app.bundle.bundle import BundleError, find_current_bundle
from app.bundle.manifest import read_manifest
from app.contracts import StageError
from app.process.serve import PortTakenError
from app.process.server_process import ServerError
from app.rank.scorer import BUILT_IN_NAMES
from app.settings import SettingsError
from offline import cli
from offline.config import JobConfig
from offline.data.errors import DataError
from offline.errors import RefusedError
from offline.training.kinds import BUILT_IN_TRAINERS
from tests.conftest import ROOT, clean_environment
from tests.serving import COMMAND, QUICK
from tests.world import world, write_recbole


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
        (("batch",), ("--users", "--to", "--k", "--filter", "--fields", "--processes")),
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
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    assert all(name in result.output for name in named)


@pytest.mark.e2e
def test_the_installed_command_runs():
    result = typed("--help")
    assert result.returncode == 0
    assert "train" in result.stdout


def test_a_setting_that_makes_no_sense_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("RECFUNNEL_WORKERS", "none")
    result = invoke("serve", "--out", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("the setting workers cannot be used")


@pytest.mark.parametrize("wrong", [("--port", "-1"), ("--workers", "0"), ("--unheard", "1")])
def test_a_wrong_option_is_refused_by_name(wrong):
    result = invoke("serve", *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.output


@pytest.mark.parametrize(
    "fault",
    [
        *(SettingsError, PortTakenError, ServerError, StageError),
        *(BundleError, DataError, OSError, PermissionError),
    ],
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


def test_training_writes_a_bundle_as_it_was_told_and_says_where(out, tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("COLUMNS", "200")
    data = write_recbole(tmp_path / "cinema", world(3, users=30, items=30, ratings=300))
    gate = ("--margin", 0.5, "--keep", 1, "--force")
    result = invoke("train", "--data", data, "--out", out, "--config", QUICK, "--seed", 5, *gate)
    assert result.exit_code == 0, result.output
    (bundle,) = (out / "bundles").iterdir()  # the one in service before is gone
    assert find_current_bundle(out) == bundle
    assert bundle.name in result.output
    manifest = read_manifest(bundle)
    assert (manifest.seed, manifest.gate.margin) == (5, 0.5)


def test_training_on_nothing_is_refused(tmp_path):
    result = invoke("train", "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "There is nothing at" in result.stderr
    assert not (tmp_path / "out").exists()


def test_too_little_data_is_one_sentence_without_a_traceback(tmp_path):
    data = write_recbole(tmp_path / "cinema", world(3, users=5, items=5, ratings=19))
    result = invoke("train", "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "19 interactions are too few to split by time" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out" / "current").exists()


def test_a_taken_port_is_reported_at_once(taken, tmp_path):
    result = invoke("serve", "--out", tmp_path / "out", "--port", taken)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"cannot listen on 127.0.0.1:{taken}")
    assert f"--port {taken + 1}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_demo_looks_at_the_port_before_it_trains(taken, tmp_path):
    result = invoke("demo", "--out", tmp_path / "out", "--data", tmp_path, "--port", taken)
    assert result.exit_code == 1
    assert f"--port {taken + 1}" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_command_without_its_libraries_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "offline.commands.data", None)
    result = invoke("doctor", tmp_path)
    assert result.exit_code == 1
    assert "is not installed: pip install 'recfunnel[train]'" in result.stderr


@pytest.mark.parametrize(
    "command", [("archive", "--once"), ("erase", "u1"), ("replay",), ("replay", "r1")]
)
def test_a_command_whose_store_is_down_says_so_in_one_sentence(command, monkeypatch, tmp_path):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    result = invoke(*command, "--out", tmp_path)
    assert result.exit_code == 1
    assert "Redis at redis://127.0.0.1:1 cannot be " in result.stderr
    assert "check that it runs and that REDIS_URL points at it" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["shop", "ftp://shop", "http://[::"])
def test_events_are_sent_to_nothing_but_a_web_address(url, tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu,i,5\n")
    result = invoke("events", "import", tmp_path / "events.csv", "--url", url)
    assert result.exit_code == 1
    assert f"{url} is not the address of a service" in result.stderr


def test_the_help_names_every_kind_of_fine_ranker_that_can_be_trained():
    train = get_command(cli.app).commands["train"]
    (parameter,) = [one for one in train.params if "--fine-ranker" in one.opts]
    assert f": {', '.join(BUILT_IN_NAMES)}, or an installed one." in parameter.help
    assert set(BUILT_IN_NAMES) == set(BUILT_IN_TRAINERS)


def test_the_version_is_that_of_the_distribution():
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.output.strip() == version("recfunnel")


@pytest.mark.parametrize(
    ("path", "option"),
    [
        ("seed", "--seed"),
        ("keep", "--keep"),
        ("gate.margin", "--margin"),
        ("recall.factorisation", "--factorisation"),
        ("recall.item_cf.similarity", "--similarity"),
        ("index.kind", "--index"),
        ("rankers.fine", "--fine-ranker"),
    ],
)
def test_the_help_of_an_option_names_the_default_of_its_setting(path, option):
    train = get_command(cli.app).commands["train"]
    (parameter,) = [one for one in train.params if option in one.opts]
    assert f"Default: {attrgetter(path)(JobConfig())}." in parameter.help


@pytest.mark.parametrize("command", [("erase", "u1"), ("archive", "--once"), ("replay",)])
@pytest.mark.parametrize("exists", [True, False])
def test_a_command_in_a_folder_of_something_else_is_refused_and_makes_nothing(
    command, exists, tmp_path
):
    folder = tmp_path / "photos"
    if exists:
        folder.mkdir()
        (folder / "one.jpg").touch()
    done = invoke(*command, "--out", folder)
    assert done.exit_code == 1
    assert "run the command in the folder where the service runs" in done.output
    assert sorted(tmp_path.rglob("*")) == ([folder, folder / "one.jpg"] if exists else [])


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "file").touch()
    done = invoke("train", "--data", tmp_path / "nothing", "--out", tmp_path / "file" / "out")
    assert done.exit_code == 1
    assert "cannot be written to" in done.output
    assert "choose another folder with --out" in done.output


def test_without_a_terminal_each_phase_is_a_line(tmp_path):
    data = write_recbole(tmp_path / "data", world(users=3, items=4, ratings=8))
    done = invoke("train", "--data", data, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "Reading and checking the data ...\n" in done.output
    assert "too few" in done.output


def test_a_key_is_shown_once_and_stored_as_a_digest(tmp_path):
    file = tmp_path / "keys.txt"
    made = invoke("key", "new", "shop", "--role", "read", "--role", "write", "--file", file)
    assert made.exit_code == 0
    secret = made.stdout.splitlines()[0]
    assert secret.startswith("rf_")
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o77 == 0
    invoke("key", "new", "boss", "--role", "admin", "--until", "2030-12-31", "--file", file)
    listed = invoke("key", "list", "--file", file).stdout
    assert listed.splitlines() == ["shop read,write", "boss admin until 2030-12-31"]
    again = invoke("key", "new", "shop", "--file", file)
    assert again.exit_code == 1
    assert "two keys with the name shop" in again.output
    wrong = invoke("key", "new", "other", "--role", "reader", "--file", file)
    assert "the roles are read, write, admin" in wrong.output
