"""The processes of the libraries, in whose environments scripts stand in for Python."""

import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.quality import libraries, new_users, run
from benchmarks.quality.exchange import DETAILS_FILE
from benchmarks.quality.first_events import select_new_users
from benchmarks.quality.libraries import DEFAULT_TUNING, LIBRARIES, PeerFolders, Tuning
from benchmarks.quality.peers import runner
from benchmarks.quality.peers.popularity import PEERS
from benchmarks.quality.peers.runner import choose
from benchmarks.quality.tasks import compute_digest, write_tasks
from benchmarks.quality.windows import WindowLists, selection_windows
from benchmarks.quality.windows import test_windows as cut_for_test
from tests.fakes import ITEMS, small_dataset

DATASET = small_dataset()


@pytest.fixture
def folders(tmp_path):
    return PeerFolders(tmp_path / "environments", tmp_path / "cache")


def python_is(folders, script, environment="matrix"):
    """Let a script of the shell stand in for the Python of an environment."""
    python = folders.environments / environment / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def keep(name, folder, details, *lists):
    """Keep details and lists of a library, as if it had run."""
    kept = libraries.result_folder(name, folder)
    kept.mkdir(parents=True)
    for number, rows in enumerate(lists):
        np.save(kept / f"test-{number}.npy", rows)
    (kept / DETAILS_FILE).write_text(json.dumps(details))
    return kept


def run_peers(names, folders, tuning=DEFAULT_TUNING):
    folders.cache.mkdir(exist_ok=True)
    return libraries.run_libraries(names, folders.cache, lambda *_: None, tuning, folders)


def test_cached_lists_are_read_and_the_library_does_not_run_again(folders):
    keep("ease", folders.cache, {"trials": 20}, np.zeros((2, 100), np.int64))
    result = run_peers(["ease"], folders)["ease"]
    assert result.lists[0].shape == (2, 100)
    assert not result.has_failed


def test_a_library_that_fails_or_is_slow_is_reported_and_the_others_go_on(folders):
    python_is(folders, 'case "$*" in *slim*) sleep 60;; *) echo "no irspack" >&2; exit 1;; esac')
    result = run_peers(["slim", "ease"], replace(folders, timeout=0.5))
    assert result["ease"].details == {"error": "no irspack"}
    assert result["slim"].details == {"error": "it took longer than 0.5 seconds"}
    assert result["slim"].has_failed


def test_a_library_with_earlier_settings_is_not_tuned(folders):
    python_is(folders, 'for last; do :; done; echo "$last" >&2; exit 1')
    fixed = {"ease": {"parameters": {"reg": 3.0}, "trials": 20}, "slim": {"error": "gave nothing"}}
    result = run_peers(["ease", "slim"], folders, Tuning(5.0, fixed))
    assert result["slim"].details == {"error": "5.0"}
    assert choose(None, folders.cache, result["ease"].details["error"]) == fixed["ease"]


def test_ranx_is_asked_where_its_environment_is_and_a_difference_is_an_error(folders):
    windows = [
        WindowLists.of(DATASET, window, {"ease": np.tile(np.arange(20), (len(window.users), 1))})
        for window in cut_for_test(DATASET)[:1]
    ]
    assert libraries.largest_difference(windows, folders) is None
    python_is(folders, "echo 1e-16")
    assert libraries.largest_difference(windows, folders) == 1e-16
    for script, reason in (("echo 0.1", "differs"), ("echo broken >&2; exit 1", "broken")):
        python_is(folders, script)
        with pytest.raises(libraries.MetricsDifferError, match=reason):
            libraries.largest_difference(windows, folders)


def task_folder(dataset, folders):
    windows = selection_windows(dataset), cut_for_test(dataset)
    return folders.cache / f"{dataset.name}-{compute_digest(*windows)}"


def test_the_whole_run_writes_one_result_and_names_what_failed(folders, tmp_path, capsys):
    lists = [np.tile(np.arange(100), (len(w.users), 1)) for w in cut_for_test(DATASET)]
    for rows in lists:
        rows[:, ITEMS:] = -1
    for name in ("ease", "popularity"):
        keep(name, task_folder(DATASET, folders), {"selection_ndcg": 0.1}, *lists)
    names, cuts = ["ease", "slim", "popularity"], (0.5, 0.6, 0.7, 0.8, 0.9)
    result = run.run(DATASET, run.QualityOptions(names, cuts, with_funnel=False, folders=folders))
    run.show_result(result, tmp_path / "small.json")
    written = json.loads((tmp_path / "small.json").read_text())
    assert written["best_library"] == written["reference"] == "ease"
    assert set(written["warm"]["methods"]) == {"ease", "popularity"}
    assert len(written["windows"]) == 5
    assert "slim failed: " in capsys.readouterr().out


def test_without_timestamps_the_methods_that_need_them_do_not_run(folders):
    likes = small_dataset(explicit=False)
    timeless = replace(likes, traits=replace(likes.traits, has_times=False))
    options = run.QualityOptions(list(LIBRARIES), (0.5,), with_funnel=False, folders=folders)
    result = run.run(timeless, options)
    assert set(LIBRARIES) - set(result["details"]) == {"sasrec", "recency_popularity"}
    assert list(result["windows"]) == ["fold-in"]
    assert result["best_library"] == "popularity"  # no library has lists


@pytest.mark.parametrize(
    ("module", "arguments", "status", "reason"),
    [
        (run, ("--data", "elsewhere", "--peers", "none"), 1, "There is nothing at elsewhere"),
        (run, ("--data", "small", "--peers", "gorse"), 2, "no peers"),
        (new_users, ("--data", "elsewhere"), 1, "There is nothing at elsewhere"),
    ],
)
def test_wrong_data_and_wrong_peers_are_refused_with_a_reason(module, arguments, status, reason):
    program = typer.Typer()
    program.command()(module.main)
    ended = CliRunner().invoke(program, arguments)
    assert ended.exit_code == status
    assert reason in ended.output


def test_the_curve_has_every_method_at_every_point(folders, tmp_path):
    new = select_new_users(DATASET, 0.02, (0, 1, 3))
    assert new_users.collect_library_lists(DATASET, new, folders) == {}  # nothing is tuned
    users = len(new.users) // 3
    lists = np.full((len(new.users), 100), -1)
    for line, user in enumerate(new.users[users:], users):  # none for users without an event
        lists[line, : min(20, len(user.relevant))] = user.relevant[:20]
    np.save(tmp_path / "lists.npy", lists)
    python_is(folders, f'for last; do :; done; cp "{tmp_path}/lists.npy" "$last"')
    keep("ease", task_folder(DATASET, folders), {"parameters": {}})
    funnel = {"funnel": np.tile(np.arange(20), (len(lists), 1))}
    of_libraries = new_users.collect_library_lists(DATASET, new, folders)
    curve = new_users.compute_curve(DATASET, new, funnel | of_libraries)
    assert curve["users"] == users
    assert list(curve["points"]) == ["0", "1", "3"]
    assert curve["points"]["0"]["ease"]["ndcg@10"]["mean"] < 1  # popular items stand in
    assert curve["points"]["1"]["ease"]["ndcg@10"]["mean"] == pytest.approx(1)
    assert curve["points"]["1"]["ease"]["difference"]["high"] < 0  # of the funnel
    console = Console(width=200, record=True)
    console.print(new_users.table(curve))
    text = console.export_text()
    assert text.index("ease") < text.index("funnel")


def test_tuning_finds_the_better_setting(tmp_path):
    write_tasks(DATASET, selection_windows(DATASET), [], tmp_path)
    tasks = [runner.SelectionTask.load(tmp_path / f"selection-{number}.npz") for number in range(3)]
    tuned = runner.tune(PEERS["popularity"], tasks)
    tried = [
        runner.compute_selection_score(PEERS["popularity"], tasks, {"signal": signal})
        for signal in ("liked", "all")
    ]
    assert tuned["trials"] == runner.TRIALS
    assert tuned["selection_ndcg"] == max(tried)
    assert runner.tune(PEERS["popularity"], tasks, tuning_seconds=0)["trials"] == 1
