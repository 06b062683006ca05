"""The examples of schedulers in the guide of training can be used as they are written."""

import re
import shutil
import subprocess

import pytest
import yaml
from typer.main import get_command

from offline import cli
from tests.docs.reference import DOCS

GUIDE = (DOCS / "guides/training.md").read_text()
CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.M | re.S)


def is_cron_time(text):
    fields = text.split()
    numbers = [re.fullmatch(r"\*|\d{1,2}", field) for field in fields]
    return len(fields) == len(CRON_FIELDS) and all(
        number and (number[0] == "*" or low <= int(number[0]) <= high)
        for number, (low, high) in zip(numbers, CRON_FIELDS, strict=True)
    )


def options_of(command):
    return {word for word in command.split() if word.startswith("--")}


def test_every_command_has_options_that_exist():
    train = get_command(cli.app).commands["train"]
    known = {name for parameter in train.params for name in parameter.opts}
    commands = re.findall(r"recfunnel train [^>\n`\"]*", GUIDE)
    assert len(commands) > 8
    for command in commands:
        assert options_of(command) <= known, command


def test_the_line_of_cron_has_five_fields_and_a_command():
    (text,) = blocks("cron")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == 1
    time, command = lines[0].split("  ", 1)
    assert is_cron_time(time)
    assert "%" not in command  # cron would end the line there


def test_the_units_of_systemd_are_valid(tmp_path):
    service, timer = blocks("ini")
    program = "/srv/recfunnel/.venv/bin/recfunnel"
    assert f"ExecStart={program} train " in service
    assert "SuccessExitStatus=4" in service
    here = service.replace(program, str(shutil.which("true")))  # it must exist
    (tmp_path / "recfunnel-train.service").write_text(here)
    (tmp_path / "recfunnel-train.timer").write_text(timer)
    for unit in (service, timer):
        lines = [line for line in unit.splitlines() if line and not line.startswith("#")]
        assert all(re.fullmatch(r"\[\w+\]|\w+=.+", line) for line in lines)
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        return  # the form of the lines is checked above
    checked = subprocess.run(
        [analyse, "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in checked.stderr.splitlines() if "recfunnel-train" in line]
    assert ours == []


def test_the_job_of_kubernetes_is_whole_and_confined():
    (text,) = blocks("yaml")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert is_cron_time(job["spec"]["schedule"])
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert container["args"][:2] == ["recfunnel", "train"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert "memory" in container["resources"]["limits"]
    assert pod["securityContext"]["runAsUser"] == 10001  # the user of the image


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_file_of_airflow_compiles(number):
    code = blocks("python")[number]
    compile(code, "recfunnel_train.py", "exec")
    (schedule,) = re.findall(r'schedule="([^"]+)"', code)
    assert is_cron_time(schedule)
    assert "skip_on_exit_code=4" in code
