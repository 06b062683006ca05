"""``recfunnel tune`` on real, little data: what it writes, survives, refuses and never looks at."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from typer.testing import CliRunner

from offline import cli
from offline.config import read_config
from offline.data.readers import load_dataset as read_data
from offline.data.split import split_by_time
from offline.tune import search
from offline.tune.journal import open_journal
from tests.conftest import ROOT, clean_environment, until, world, write_recbole

FEW = ("ease", "fine")  # parts: all of them take too long here
SETTINGS = """
askers = 30
[recall.als]
size = 8
rounds = 2
[rank]
rounds = 6
least_rounds = 3
leaf_rows = 3_000
[sizes]
recall = 15
coarse = 15
fine = 12
"""
DYING = """
import tests.test_tune_command as made
made.search.parts = made.fewer
made.cli.main()
"""
every_part = search.search_parts


def fewer(*told):
    return [part for part in every_part(*told) if part.name in FEW]


@pytest.fixture(autouse=True)
def _few_parts(monkeypatch):
    monkeypatch.setattr(search, "search_parts", fewer)


def arguments(data, out, trials=6, *more):
    config = out.with_name("begin.toml")
    config.write_text(SETTINGS)
    told = ("tune", "--data", data, "--out", out, "--config", config, "--trials", trials, *more)
    return [str(one) for one in told]


def tune(*told):
    return CliRunner().invoke(cli.app, arguments(*told), env={"COLUMNS": "100"})


def little(folder, made=None, **known):
    return write_recbole(
        folder / "cinema", made or world(17, users=30, items=40, ratings=600), **known
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return little(tmp_path_factory.mktemp("tune"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """What a search that nothing disturbed wrote and said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "search_parts", fewer)
        out = tmp_path_factory.mktemp("whole") / "out"
        told = tune(data, out)
        assert told.exit_code == 0, told.output
        return out, told.output


def test_the_outcome_is_a_file_that_train_reads(whole):
    out, said = whole
    config = read_config(out / "tuned.toml")
    begun = read_config(out.with_name("begin.toml"))
    assert replace(config, recall=begun.recall, rank=begun.rank) == begun
    assert replace(config.recall, ease=begun.recall.ease) == begun.recall
    assert config.rank.leaf_rows < 400 < begun.rank.leaf_rows
    head = (out / "tuned.toml").read_text().split("\nseed")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    assert f"#   rank.leaf_rows 3000 -> {config.rank.leaf_rows}" in head
    assert f"--config {out / 'tuned.toml'}" in said


def test_it_is_said_what_was_found_and_that_it_is_no_test(whole):
    _, said = whole
    assert "Windows before the test: default -> best of the trials" in said
    assert "NDCG@10 of the whole funnel for" in said
    assert (
        "These are windows before the test, by which the settings were chosen: they flatter."
        in said
    )
    assert "ease" in said
    assert "taken up" in said


def changed_from(folder, cut, seed=1):
    """The same data, but from ``cut`` on other users rate other items, otherwise, and when."""
    made, drawn = world(17, users=30, items=40, ratings=600), np.random.default_rng(seed)
    late = np.flatnonzero(made.times >= cut)
    columns = {name: getattr(made, name).copy() for name in ("users", "items", "times")}
    for column in columns.values():
        column[late] = drawn.permutation(column[late])
    stars = made.stars.copy()
    stars[late] = drawn.integers(1, 6, len(late))
    return little(folder, replace(made, stars=stars, **columns))


def findings(said):
    return said[said.index("Windows before") : said.index("Written")]


def test_nothing_from_the_test_on_moves_what_is_found(whole, data, tmp_path):
    out, said = whole
    split = split_by_time(read_data(data).dataset.log)
    other = changed_from(tmp_path, split.test_start)
    told = tune(other, tmp_path / "out")
    assert (tmp_path / "out" / "tuned.toml").read_text() == (out / "tuned.toml").read_text()
    assert findings(told.output) == findings(said)
    before = changed_from(tmp_path / "before", split.windows[-1][0])
    tune(before, tmp_path / "before" / "out")
    moved = (tmp_path / "before" / "out" / "tuned.toml").read_text()
    assert moved != (out / "tuned.toml").read_text()


def trials_in(path):
    return path.read_text().count("\n") if path.exists() else 0


def dying(data, out):
    return subprocess.Popen(
        [sys.executable, "-c", DYING, *arguments(data, out)],
        cwd=ROOT,
        env=clean_environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(process, out, how, lines=30):
    """Send the signal when so many lines are written; gives the exit status and the output."""
    kept = out / "tune" / "trials.jsonl"
    until(lambda: trials_in(kept) >= lines or process.poll() is not None, 60)
    os.kill(process.pid, how)
    said, _ = process.communicate(timeout=30)
    return process.returncode, said, kept.read_text()


def test_a_search_that_was_killed_goes_on_and_ends_as_if_nothing_had_happened(
    whole, data, tmp_path
):
    out = tmp_path / "out"
    status, _, kept = killed(dying(data, out), out, signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert not (out / "tuned.toml").exists()
    told = tune(data, out)
    assert told.exit_code == 0, told.output
    assert (out / "tune" / "trials.jsonl").read_text().startswith(kept[: kept.rfind("\n") + 1])
    assert (out / "tuned.toml").read_text() == (whole[0] / "tuned.toml").read_text()


def test_ctrl_c_ends_it_with_a_sentence_that_says_how_to_go_on(data, tmp_path):
    out = tmp_path / "out"
    status, said, _ = killed(dying(data, out), out, signal.SIGINT, lines=8)
    assert status == 130
    assert f"The trials are kept in {out / 'tune' / 'trials.jsonl'}" in said
    assert "Traceback" not in said
    assert not (out / "tuned.toml").exists()


def test_without_timestamps_nothing_fades_and_nothing_of_it_is_searched(tmp_path):
    data = little(tmp_path, timed=False)
    told = tune(data, tmp_path / "out", 3)
    assert told.exit_code == 0, told.output
    config = read_config(tmp_path / "out" / "tuned.toml")
    assert config.recall.ease.half_life == inf
    assert config.recall.als.half_life == inf


def test_the_file_of_trials_can_be_another_and_is_for_one_search_at_a_time(data, tmp_path):
    kept = tmp_path / "mine.jsonl"
    with open_journal(kept):
        told = tune(data, tmp_path / "out", 2, "--study", kept)
    assert told.exit_code == 1
    assert "in use by another search" in told.output
    told = tune(data, tmp_path / "out", 1, "--study", kept, "--minutes", "0.001")
    assert told.exit_code == 0, told.output
    assert "Nothing was found that is better than the defaults; these are written." in told.output
    assert trials_in(kept) > 0
    assert not (tmp_path / "out" / "tune").exists()
    assert read_config(tmp_path / "out" / "tuned.toml") == read_config(tmp_path / "begin.toml")


def test_what_cannot_be_used_is_said_in_a_sentence(data, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[sizes]\nrecall = 0\n")
    told = CliRunner().invoke(cli.app, ["tune", "--data", str(data), "--config", str(bad)])
    assert told.exit_code == 1
    assert "sizes.recall cannot be 0: it should be greater than or equal to 1." in told.output
    told = tune(tmp_path / "nowhere", tmp_path / "out")
    assert told.exit_code == 1
    assert "nowhere" in told.output
