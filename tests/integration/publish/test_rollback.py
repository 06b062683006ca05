"""Going back to an earlier bundle, what is listed, and what is old enough to go."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from app.bundle.activation import point_to, rollback
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, GateCheck, GateResult
from app.bundle.pointer import current_version
from app.bundle.stored_bundles import HISTORY, list_bundles, service_history
from offline import cli
from offline.config import build_job_config
from offline.job import publish_result
from offline.publish.versions import DRAFT_PREFIX, draft_folder, is_locked, remove_old_bundles
from offline.publish.writer import write_bundle
from tests.bundles import build_training_result, edit_manifest
from tests.conftest import ROOT, clean_environment
from tests.fakes import small_models

FIGURE = {"mean": 0.25, "low": 0.2, "high": 0.3}
LOCKING = """
import sys
from pathlib import Path
from offline.publish.versions import draft_folder
with draft_folder(Path(sys.argv[1]), "dying") as folder:
    (folder / "half.npy").write_bytes(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def gate(verdict):
    outcome = "passed" if verdict == "passed" else "failed"
    why = "The funnel is clearly worse than popularity."
    check = GateCheck(
        baseline="popularity", users="warm", user_count=50, outcome=outcome, explanation=why
    )
    return GateResult(verdict=verdict, margin=0.02, min_users=30, checks=[check])


@pytest.fixture
def make(tmp_path):
    """Write small bundles, each an hour younger than the one before."""
    made = []

    def one(verdict="passed", *, serve=True):
        models = small_models()
        factors = replace(models.factors, items=models.factors.items + np.float32(len(made)))
        told = build_training_result(
            models=replace(models, factors=factors),
            metrics={"ndcg@10": {"funnel": FIGURE}},
            gate=gate(verdict) if verdict else None,
        )
        moment = 1_800_000_000.0 + 3_600 * len(made)
        folder = write_bundle(told, tmp_path, lambda: moment)
        made.append(folder)
        if serve:
            point_to(folder)
        return folder

    return one


def versions(out):
    return [one.version for one in list_bundles(out)]


def typed(*arguments):
    told = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    return told.exit_code, told.output


def test_a_bundle_is_recorded_before_it_comes_into_service(tmp_path):
    config, seen = build_job_config({}, "defaults"), []

    def on_written(version, verdict):
        seen.append((version, verdict, current_version(tmp_path)))
        if len(seen) == 1:
            raise SystemExit(143)  # as a training that is cancelled just then

    models = small_models()
    later = replace(models, factors=replace(models.factors, items=models.factors.items * 2))
    results = [build_training_result(gate=gate("passed"), models=m) for m in (models, later)]
    with pytest.raises(SystemExit):
        publish_result(results[0], tmp_path, config, on_written)
    assert current_version(tmp_path) is None
    folder = publish_result(results[1], tmp_path, config, on_written)
    assert seen[1] == (folder.name, "passed", None)
    assert current_version(tmp_path) == folder.name


def test_going_back_takes_the_bundle_that_was_in_service_before(make, tmp_path):
    a, b, c = make(), make(), make()
    assert service_history(tmp_path) == [a.name, b.name, c.name]
    assert rollback(tmp_path) == b == find_current_bundle(tmp_path)
    assert rollback(tmp_path) == a == find_current_bundle(tmp_path)
    assert service_history(tmp_path) == [a.name]
    with pytest.raises(BundleError, match=r"no bundle in .* was in service before"):
        rollback(tmp_path)
    assert find_current_bundle(tmp_path) == a


def test_what_was_rolled_back_from_is_not_gone_back_to(make, tmp_path):
    a, _bad = make(), make()
    rollback(tmp_path)
    c = make()
    assert service_history(tmp_path) == [a.name, c.name]
    assert rollback(tmp_path) == a


def test_a_refused_bundle_is_not_gone_back_to_unless_named(make, tmp_path):
    a, refused, c = make(), make("refused", serve=False), make()
    assert rollback(tmp_path) == a
    assert rollback(tmp_path, refused.name) == refused
    assert service_history(tmp_path) == [a.name, refused.name]
    assert rollback(tmp_path, c.name) == c


def test_a_named_bundle_of_before_shortens_the_history_to_it(make, tmp_path):
    a, _, _ = make(), make(), make()
    assert rollback(tmp_path, a.name) == a
    assert service_history(tmp_path) == [a.name]


def test_without_a_history_it_is_told_from_when_bundles_were_made(make, tmp_path):
    a, _refused, c = make(None), make("refused", serve=False), make()
    (tmp_path / HISTORY).unlink()
    assert service_history(tmp_path) == [a.name, c.name]
    assert rollback(tmp_path) == a


def test_killed_between_pointer_and_history_the_pointer_is_believed(make, tmp_path):
    a, b = make(), make()
    before = (tmp_path / HISTORY).read_text()
    c = make()
    (tmp_path / HISTORY).write_text(before)
    assert service_history(tmp_path) == [a.name, b.name, c.name]
    assert rollback(tmp_path) == b


def test_a_history_of_rubbish_or_of_removed_bundles_harms_nothing(make, tmp_path):
    a, b = make(), make()
    (tmp_path / HISTORY).write_bytes(b"\xff\xfe")
    assert service_history(tmp_path) == [a.name, b.name]
    (tmp_path / HISTORY).write_text(f"gone\n{a.name}\nalso-gone\n{b.name}\n")
    assert service_history(tmp_path) == [a.name, b.name]


def test_a_pointer_to_nowhere_is_put_right_by_going_back(make, tmp_path):
    a, _ = make(), make()
    (tmp_path / "current").write_text("nowhere\n")
    assert rollback(tmp_path, a.name) == a
    (tmp_path / "current").unlink()
    assert current_version(tmp_path) is None
    assert service_history(tmp_path) == []
    with pytest.raises(BundleError, match="was in service before"):
        rollback(tmp_path)


@pytest.mark.parametrize("to", ["unheard-of", "../bundles", ".."])
def test_a_version_that_is_not_there_is_refused(make, tmp_path, to):
    make()
    with pytest.raises(BundleError, match=r"there is no bundle .* `recfunnel bundles"):
        rollback(tmp_path, to)


def test_the_one_in_service_is_nothing_to_go_back_to(make, tmp_path):
    a = make()
    with pytest.raises(BundleError, match="is already in service"):
        rollback(tmp_path, a.name)


def test_a_corrupt_earlier_bundle_is_refused_in_a_sentence_and_nothing_changes(make, tmp_path):
    a, b = make(), make()
    with (a / "fine.listwise.0.txt").open("ab") as file:
        file.write(b"!")
    code, told = typed("rollback", "--out", tmp_path)
    assert code == 1
    assert "fine.listwise.0.txt is corrupt" in told
    assert f"{b.name} stays in service; choose another with --to" in told
    assert "Traceback" not in told
    assert find_current_bundle(tmp_path) == b
    assert service_history(tmp_path) == [a.name, b.name]


def test_the_command_says_from_what_to_what_and_what_the_gate_had_said(make, tmp_path):
    a, refused = make(), make("refused", serve=False)
    code, told = typed("rollback", "--out", tmp_path, "--to", refused.name)
    assert code == 0
    assert f"{refused.name} is in service instead of {a.name}: made 2027-01-15" in told
    assert "NDCG@10 0.250 (0.200 to 0.300)" in told
    assert "The gate found: The funnel is clearly worse than popularity." in told


def test_bundles_are_listed_newest_first_with_what_is_damaged_last(make, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    a, b, c = make(None), make("forced"), make("refused", serve=False)
    (tmp_path / "bundles" / "half").mkdir()
    (tmp_path / "bundles" / f"{DRAFT_PREFIX}1").mkdir()
    code, told = typed("bundles", "--out", tmp_path)
    assert code == 0
    lines = [line for line in told.splitlines() if line.startswith("│")]
    shown = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert [row[0] for row in shown] == [c.name, b.name, a.name, "half"]
    assert [row[4] for row in shown] == ["refused", "forced", "-", "damaged"]
    assert [row[5] for row in shown] == ["", "in service", "", ""]
    assert shown[0][3] == "0.250 (0.200 to 0.300)"
    assert "half has no manifest.json" in told


def test_without_a_bundle_there_is_a_sentence(tmp_path):
    code, told = typed("bundles", "--out", tmp_path)
    assert code == 1
    assert "there is no bundle in" in told


def test_the_newest_stay_and_the_one_in_service_whatever_its_age(make, tmp_path):
    made = [make() for _ in range(5)]
    rollback(tmp_path, made[0].name)
    assert remove_old_bundles(tmp_path, 2, current_version(tmp_path)) == [
        made[2].name,
        made[1].name,
    ]
    assert versions(tmp_path) == [made[4].name, made[3].name, made[0].name]
    assert find_current_bundle(tmp_path) == made[0]
    assert remove_old_bundles(tmp_path, 2, current_version(tmp_path)) == []


def test_refused_bundles_do_not_push_out_one_to_go_back_to(make, tmp_path):
    a, b = make(), make()
    refused = [make("refused", serve=False) for _ in range(3)]
    remove_old_bundles(tmp_path, 2, b.name)
    assert versions(tmp_path) == [refused[2].name, refused[1].name, b.name, a.name]


def test_what_is_no_bundle_stays_and_what_a_killed_run_left_goes(make, tmp_path):
    a = make()
    mine = tmp_path / "bundles" / "of-mine"
    mine.mkdir()
    left = tmp_path / "bundles" / f"{DRAFT_PREFIX}123"
    left.mkdir()
    (left / "half.npy").write_bytes(b"half")
    remove_old_bundles(tmp_path, 1, a.name)
    assert mine.is_dir()
    assert not left.exists()


def test_what_another_run_is_writing_is_left_to_it(make, tmp_path):
    a = make()
    with draft_folder(tmp_path, "theirs") as theirs:
        remove_old_bundles(tmp_path, 1, a.name)
        assert theirs.is_dir()
    remove_old_bundles(tmp_path, 1, a.name)
    assert not theirs.exists()


def test_a_draft_that_vanishes_while_it_is_looked_at_is_nobody_s(tmp_path):
    assert is_locked(tmp_path / "gone")


@pytest.mark.e2e
def test_a_run_killed_outright_loses_its_lock_and_then_its_draft(make, tmp_path):
    a = make()
    process = subprocess.Popen(
        [sys.executable, "-c", LOCKING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
    )
    assert process.stdout.readline() == b"writing\n"
    left = tmp_path / "bundles" / f"{DRAFT_PREFIX}dying"
    remove_old_bundles(tmp_path, 1, a.name)
    assert left.is_dir()
    process.kill()
    process.communicate()
    remove_old_bundles(tmp_path, 1, a.name)
    assert not left.exists()
    assert find_current_bundle(tmp_path) == a


def test_killed_while_removing_it_leaves_a_draft_and_no_half_bundle(make, tmp_path):
    a, b = make(), make()
    remove_old_bundles(tmp_path, 1, b.name, lambda _: None)
    assert versions(tmp_path) == [b.name]
    remove_old_bundles(tmp_path, 1, b.name)
    assert not list((tmp_path / "bundles").glob(f"{DRAFT_PREFIX}*"))
    assert not a.exists()


def test_a_bundle_for_other_features_is_marked_in_the_list(make, tmp_path):
    edit_manifest(make(), view="of another version")
    _, output = typed("bundles", "--out", tmp_path)
    assert "train again" in output
