"""The deployment's files agree with the code and with one another."""

import os
import re
import shutil
import subprocess
import tomllib
from itertools import chain, pairwise
from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.settings import Settings
from deploy import pin_images
from deploy.grafana.build_dashboard import FILE as DASHBOARD
from deploy.grafana.build_dashboard import PANELS
from offline.cli.options import read_timetable
from tests.conftest import ROOT
from tests.prometheus import exported, find_program

ALERTS = ROOT / "deploy/prometheus/alerts.yml"


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().split("\n") if line]
    return {
        canonicalize_name(line.split("==")[0]): line.split("==")[1]
        for line in lines
        if not line.startswith("#")
    }


@pytest.mark.parametrize("file", [DASHBOARD, PANELS, ALERTS], ids=lambda file: file.name)
def test_every_metric_in_use_is_one_that_the_service_exports(file: Path) -> None:
    used = set(re.findall(r"\brecfunnel_\w+", file.read_text()))
    assert used
    assert used <= exported()


def test_alerts_of_an_old_bundle_have_the_bounds_that_the_service_warns_at() -> None:
    fields = Settings.model_fields
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    rules = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    bounds = {name: float(rules[name].split(">")[1]) for name in ("BundleOld", "BundleDrifted")}
    assert bounds == {
        "BundleOld": fields["bundle_age_bound_hours"].default * 3600,
        "BundleDrifted": fields["drift_bound"].default,
    }
    assert "recfunnel_drift_psi" in rules["BundleDrifted"]


def test_every_alert_has_a_severity_and_a_section_that_says_what_to_do() -> None:
    page = (ROOT / "docs/guides/alerts.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n\n\*\*(\w+)\.\*\*", page, flags=re.M))
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert sections == {rule["alert"]: rule["labels"]["severity"] for rule in rules}
    assert set(sections.values()) == {"critical", "warning"}
    for rule in rules:
        anchor = f"docs/guides/alerts.md#{rule['alert'].lower()}"
        assert rule["annotations"]["runbook_url"] == anchor


def test_every_alert_is_tested_to_fire_and_to_be_silent() -> None:
    names = set(re.findall(r"alert: (\w+)", ALERTS.read_text()))
    tests = yaml.safe_load((ALERTS.parent / "alerts_test.yml").read_text())["tests"]
    samples = tests[1]["promql_expr_test"][0]["exp_samples"]
    assert {re.findall(r'alertname="(\w+)"', one["labels"])[0] for one in samples} == names
    expressions = "".join(re.findall(r"expr: (.*)", ALERTS.read_text()))
    used = set(re.findall(r"\brecfunnel_\w+", expressions))
    for test in tests[:2]:
        given = {one["series"].partition("{")[0] for one in test["input_series"]}
        assert used <= given


def run_promtool(*arguments: str) -> None:
    """Run Prometheus' checker beside the alerts."""
    ended = subprocess.run(
        [find_program("promtool"), *arguments],
        cwd=ALERTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_alerts_fire_when_they_should() -> None:
    run_promtool("check", "rules", "alerts.yml")
    run_promtool("test", "rules", "alerts_test.yml")


def test_prometheus_scrapes_the_service_by_its_name_in_the_composition() -> None:
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in scraped["scrape_configs"]
    }
    assert targets["recfunnel"] == ["app:8000"]
    assert "app" in compose()["services"]
    assert all((ROOT / "deploy/prometheus" / file).is_file() for file in scraped["rule_files"])


def test_ports_are_published_on_the_loopback_only() -> None:
    published = [port for each in compose()["services"].values() for port in each.get("ports", [])]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize(
    "service",
    ["secrets", "redis", "train", "trainer", "app", "archive", "prometheus", "grafana"],
)
def test_every_container_is_confined_and_bounded(service: str) -> None:
    settings = compose()["services"][service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in settings


def test_the_traces_of_the_composition_reach_a_collector_that_hands_them_on() -> None:
    traced = yaml.safe_load((ROOT / "deploy/tracing/compose.yml").read_text())["services"]
    names = {"collector", "jaeger"}
    assert set(traced) == {"app"} | names
    assert not names & set(compose()["services"])
    for name in names:
        assert traced[name]["read_only"] is True
        assert traced[name]["cap_drop"] == ["ALL"]
        assert "mem_limit" in traced[name]
        assert all(port.startswith("127.0.0.1:") for port in traced[name].get("ports", ()))
    (volume,) = traced["collector"]["volumes"]
    config = yaml.safe_load((ROOT / volume.split(":")[0]).read_text())
    receiver = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    environment = traced["app"]["environment"]
    assert environment.pop("RECFUNNEL_TRACING__ENDPOINT") == f"http://collector:{receiver[8:]}"
    assert list(environment) == ["RECFUNNEL_TRACING__RATIO"]
    pipeline = config["service"]["pipelines"]["traces"]
    assert pipeline["receivers"] == ["otlp"]
    assert set(pipeline["processors"]) == set(config["processors"])
    assert pipeline["exporters"] == list(config["exporters"])
    assert "['otel']" in (ROOT / "Dockerfile").read_text()  # the image can send them


def test_the_archiver_is_not_asked_for_the_health_of_a_service() -> None:
    archive = compose()["services"]["archive"]
    assert archive["build"]["target"] == "app"
    assert "/srv/recfunnel/out/archive" in archive["healthcheck"]["test"]


def test_the_composition_trains_each_night_unless_it_is_switched_off() -> None:
    trainer = compose()["services"]["trainer"]
    assert trainer["build"] == compose()["services"]["train"]["build"]
    assert "ports" not in trainer
    assert trainer["networks"] == ["store"]
    command = trainer["command"]
    assert command[command.index("--at") + 1] == "${RECFUNNEL_TRAIN_AT:-03:00}"
    for value, seconds in (("03:00", None), ("never", inf)):
        timetable = read_timetable(None, value)
        assert getattr(timetable, "seconds", None) == seconds


@pytest.mark.parametrize("service", ["train", "trainer", "app", "archive"])
def test_what_must_survive_the_loss_of_redis_is_in_a_volume_that_can_be_written(
    service: str,
) -> None:
    settings = compose()["services"][service]
    folder = settings["environment"]["RECFUNNEL_STATE"]
    assert f"state:{folder}" in settings["volumes"]
    assert "state" in compose()["volumes"]
    assert folder in (ROOT / "Dockerfile").read_text()  # it belongs to the image's user


def test_a_full_redis_refuses_to_write_before_it_is_killed_and_evicts_nothing() -> None:
    redis = compose()["services"]["redis"]
    options = dict(pairwise(redis["command"][2:]))
    assert options["--maxmemory-policy"] == "noeviction"
    maximum, limit = (
        int(re.sub(r"\D", "", t)) for t in (options["--maxmemory"], redis["mem_limit"])
    )
    assert maximum <= 0.75 * limit


def test_the_data_set_is_in_the_training_image_only() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.M)[1:]
    holders = [stage.split("\n")[0].split(" AS ")[1] for stage in stages if "dataset" in stage]
    assert holders == ["train-builder", "train"]
    assert stages[-1].startswith("base AS app")


def test_the_image_holds_the_compiled_kernels_of_what_is_installed() -> None:
    text = (ROOT / "Dockerfile").read_text()
    program = "from app.kernels.compiled import compile_kernels; compile_kernels(print)"
    assert f'cd / && python -c "{program}"' in text


def test_the_images_run_as_a_numbered_user_without_rights() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.M)
    assert users == ["10001:10001"]


def test_every_requirement_of_every_extra_is_pinned_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *chain.from_iterable(extras)]
    pinned = pins()
    for requirement in map(Requirement, wanted):
        if requirement.name == project["name"]:
            continue  # an extra that includes another one
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_the_pins_name_versions_only_and_no_place_to_fetch_them_from() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+|#.*", line), line


def test_every_target_of_the_makefile_is_listed_by_help() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, flags=re.M)
    assert phony is not None
    printed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {line.split()[0] for line in printed.stdout.splitlines()}
    assert listed == set(phony[1].split())


def test_without_a_usable_python_make_says_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("make", "bash", "sh", "touch"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    ended = subprocess.run(
        ["make", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in ended.stderr


def test_the_continuous_check_can_be_started_and_calls_the_makefile() -> None:
    run = ROOT / ".ci/run"
    assert os.access(run, os.X_OK)
    called = re.findall(r"^make (\S+)", run.read_text(), flags=re.M)
    assert called == ["npm", "compose-verify", "check", "console-check", "test"]


def test_images_are_pinned_by_digest_and_stages_of_the_build_are_not() -> None:
    digest = f"sha256:{64 * 'a'}"
    for name in pin_images.FILES:
        text = (ROOT / name).read_text()
        once = pin_images.pin(text, lambda _: digest)
        images = re.findall(r"^(?:\s*image:|FROM) +(\S+:\S+)", once, flags=re.M)
        assert len(images) >= 2
        assert all(image.endswith(f"@{digest}") for image in images)
        assert pin_images.pin(once, lambda _: digest) == once  # a pinned image is pinned anew
        assert re.sub("@sha256:a{64}", "", once) == re.sub("@sha256:[0-9a-f]{64}", "", text)
