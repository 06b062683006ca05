"""``recfunnel tune`` on real, little data: what it writes, survives, refuses and never looks at."""

import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from math import inf

import numpy as np
import pytest
from typer.testing import CliRunner

from app.settings import Settings
from offline import cli
from offline.commands import tune as command
from offline.commands.train import TrainOptions
from offline.config import read_config
from offline.data.errors import DataError
from offline.data.readers import load_dataset as read_data
from offline.data.split import split_by_time
from offline.tune.search import Budget, search_parts
from offline.tune.study import open_trials
from tests.conftest import ROOT, clean_environment
from tests.serving import until
from tests.tracing import untraced
from tests.world import world, write_recbole

FEW = ("ease", "fine")  # parts: all of them take too long here
SETTINGS = """
users_per_window = 30
[recall.als]
size = 8
rounds = 2
[rank]
boosters = 1
rounds = 6
least_rounds = 3
leaf_rows = 3_000
[sizes]
recall = 15
coarse = 15
fine = 12
"""
DYING = """
import sys
from pathlib import Path
from tests.integration.commands.test_tune import run
run(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def fewer(*arguments):
    return [part for part in search_parts(*arguments) if part.name in FEW]


def run(data, out, trials=5, seconds=inf, study=None):
    config = out.with_name("begin.toml")
    config.write_text(SETTINGS)
    settings = Settings(out=out, redis_url=None)
    command.tune(data, settings, TrainOptions(config=config), Budget(trials, seconds), study, fewer)


def tune(*arguments):
    """Run a search; return what it prints."""
    output = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output):
        patch.setenv("COLUMNS", "100")
        run(*arguments)
    return output.getvalue()


def little(folder, ratings=None, **options):
    return write_recbole(
        folder / "cinema", ratings or world(17, users=30, items=40, ratings=600), **options
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return little(tmp_path_factory.mktemp("tune"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """What a search that nothing disturbed wrote and printed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, tune(data, out)


def test_the_outcome_is_a_file_that_train_reads(whole):
    out, output = whole
    config = read_config(out / "tuned.toml")
    begun = read_config(out.with_name("begin.toml"))
    assert replace(config, recall=begun.recall, rank=begun.rank) == begun
    assert replace(config.recall, ease=begun.recall.ease) == begun.recall
    assert config != begun  # which setting, is for the data to say
    head = (out / "tuned.toml").read_text().split("\nseed")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    if config.rank.leaf_rows != begun.rank.leaf_rows:
        assert f"#   rank.leaf_rows 3000 -> {config.rank.leaf_rows}" in head
    assert " -> " in head
    assert f"--config {out / 'tuned.toml'}" in output


def test_the_result_is_printed_with_a_warning_that_it_is_no_test(whole):
    _, output = whole
    assert "Windows before the test: default -> best of the trials" in output
    assert "NDCG@10 of the whole funnel for" in output
    assert "The search did not use the test" in output
    assert "ease" in output
    assert "kept" in output


def changed_from(folder, cut, seed=1):
    """The same data, but from ``cut`` on other users rate other items, otherwise, and when."""
    ratings, drawn = world(17, users=30, items=40, ratings=600), np.random.default_rng(seed)
    late = np.flatnonzero(ratings.times >= cut)
    columns = {name: getattr(ratings, name).copy() for name in ("users", "items", "times")}
    for column in columns.values():
        column[late] = drawn.permutation(column[late])
    stars = ratings.stars.copy()
    stars[late] = drawn.integers(1, 6, len(late))
    return little(folder, replace(ratings, stars=stars, **columns))


def findings(output):
    return output[output.index("Windows before") : output.index("Written")]


def test_events_of_the_test_do_not_change_the_result(whole, data, tmp_path):
    out, output = whole
    split = split_by_time(read_data(data).dataset.log)
    other = changed_from(tmp_path, split.test_start)
    assert findings(untraced(tune)(other, tmp_path / "out")) == findings(output)
    assert (tmp_path / "out" / "tuned.toml").read_text() == (out / "tuned.toml").read_text()
    before = changed_from(tmp_path / "before", split.windows[-1][0])
    untraced(tune)(before, tmp_path / "before" / "out")
    moved = (tmp_path / "before" / "out" / "tuned.toml").read_text()
    assert moved != (out / "tuned.toml").read_text()


def trials_in(path):
    return path.read_text().count("\n") if path.exists() else 0


def dying(data, out):
    return subprocess.Popen(
        [sys.executable, "-c", DYING, str(data), str(out)],
        cwd=ROOT,
        env=clean_environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stopped(data, out, how, lines):
    """Stop a search when so many trials are written; return its exit status and its output."""
    process, kept = dying(data, out), out / "tune" / "trials.jsonl"
    until(lambda: trials_in(kept) >= lines or process.poll() is not None, 60)
    os.kill(process.pid, how)
    output, _ = process.communicate(timeout=30)
    assert not (out / "tuned.toml").exists()
    return process.returncode, output


def test_a_search_that_was_stopped_goes_on_and_ends_as_if_nothing_had_happened(
    whole, data, tmp_path
):
    out = tmp_path / "out"
    trials = out / "tune" / "trials.jsonl"
    status, output = stopped(data, out, signal.SIGINT, lines=3)
    assert status == 130
    assert f"The trials are in {trials}" in output
    assert "Traceback" not in output
    status, _ = stopped(data, out, signal.SIGKILL, lines=trials_in(trials) + 2)
    assert status == -signal.SIGKILL
    kept = trials.read_text()
    tune(data, out)
    assert trials.read_text().startswith(kept[: kept.rfind("\n") + 1])
    assert (out / "tuned.toml").read_text() == (whole[0] / "tuned.toml").read_text()


def test_without_timestamps_nothing_fades_and_nothing_of_it_is_searched(tmp_path):
    data = little(tmp_path, timed=False)
    tune(data, tmp_path / "out", 3)
    config = read_config(tmp_path / "out" / "tuned.toml")
    assert config.recall.ease.half_life == inf
    assert config.recall.als.half_life == inf


def test_the_file_of_trials_can_be_another_and_is_for_one_search_at_a_time(data, tmp_path):
    kept = tmp_path / "mine.jsonl"
    with open_trials(kept), pytest.raises(DataError, match="in use by another search"):
        tune(data, tmp_path / "out", 2, inf, kept)
    output = tune(data, tmp_path / "out", 1, 0.06, kept)
    assert "No setting is better than the default, so the default is written." in output
    assert trials_in(kept) > 0
    assert not (tmp_path / "out" / "tune").exists()
    assert read_config(tmp_path / "out" / "tuned.toml") == read_config(tmp_path / "begin.toml")


def test_a_configuration_or_data_that_cannot_be_used_is_one_sentence(data, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[sizes]\nrecall = 0\n")
    command_line = ["tune", "--data", str(data), "--config", str(bad)]
    result = CliRunner().invoke(cli.app, command_line)
    assert result.exit_code == 1
    assert "sizes.recall cannot be 0: it should be greater than or equal to 1." in result.output
    command_line = ["tune", "--data", str(tmp_path / "nowhere"), "--trials", "1", "--minutes", "1"]
    result = CliRunner().invoke(cli.app, command_line)
    assert result.exit_code == 1
    assert "nowhere" in result.output
