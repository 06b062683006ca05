"""``recfunnel train --every`` refuses at once what could never train."""

import pytest
from typer.testing import CliRunner

from offline import cli


def train(*options):
    result = CliRunner(env={"REDIS_URL": ""}).invoke(cli.app, ["train", *map(str, options)])
    return result.exit_code, " ".join(result.stderr.split())


def test_without_data_and_archive_no_schedule_begins(tmp_path):
    status, message = train("--every", "24h", "--out", tmp_path / "out")
    assert status == 1
    assert message.startswith("There is no data to train on")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    status, message = train("--at", "03:00", "--from-archive", "--out", tmp_path / "out")
    assert status == 1
    assert "trainings cannot be started here" in message
    assert "cannot be written to" in message


def test_files_that_the_bundle_learned_from_have_to_be_named(trained, tmp_path):
    status, message = train("--every", "24h", "--from-archive", "--out", trained)
    assert status == 1
    assert "learned from the files of" in message
    assert "name their folder with --data" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--every", "often"), "often is no interval: write 30m, 24h, 7d or never"),
        (("--at", "25:00"), "25:00 is no time of day"),
        (("--every", "24h", "--at", "03:00"), "name one of --every and --at"),
    ],
)
def test_a_timetable_that_cannot_be_read_is_a_wrong_option(options, message):
    status, printed = train(*options)
    assert status == 2
    assert message in printed.replace("│ ", "").replace(" │", "")
