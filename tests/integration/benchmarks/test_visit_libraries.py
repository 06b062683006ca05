"""Lists of libraries in the middle of a visit. Scripts stand in for Python."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import visits
from benchmarks.quality.exchange import Task
from benchmarks.quality.libraries import PeerFolders
from benchmarks.quality.visit_libraries import TunedLibraries, build_visit_task, fill_empty
from offline.config import JobConfig
from offline.data.errors import DataError
from tests.fakes import small_dataset

DATASET = small_dataset()
TIMES = DATASET.log.times
START, END = float(TIMES[len(TIMES) // 4]), float(TIMES[-1]) + 1
PAST = replace(DATASET, log=DATASET.log.before(START))
REQUESTS = visits.list_requests(DATASET, START, END, JobConfig())
USERS = [one.user for one in REQUESTS]


@pytest.fixture
def tuned(tmp_path):
    """Return the tuned EASE, in an environment whose Python is a script."""
    result = tmp_path / "result.json"
    details = {
        "ease": {"parameters": {"reg": 3.0}},
        "rp3beta": {"error": "no irspack"},
        "slim": {"parameters": {"alpha": 1.0}},
    }
    result.write_text(json.dumps({"details": details}))
    return TunedLibraries.read(result, PeerFolders(tmp_path / "environments", tmp_path / "cache"))


def python_is(tuned, script):
    python = tuned.folders.environments / "matrix" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def test_the_task_has_the_whole_history_of_each_request_and_nothing_later():
    task = build_visit_task(PAST, USERS)
    assert task.times.max() < START
    histories = task.build_revealed_histories("all")
    liked = task.build_revealed_histories("liked")
    for row, request in enumerate(REQUESTS):
        user, at = request.user.user, request.user.at
        own = DATASET.log.take(np.flatnonzero(DATASET.log.users == user))
        known = own.take(np.flatnonzero(own.times < START)).items
        known = np.union1d(known, request.user.since.rows)
        assert histories[row].indices.tolist() == known.tolist()
        assert set(liked[row].indices) <= set(known)
        assert own.times[np.isin(own.items, request.user.since.rows)].min(initial=at) <= at


def test_a_tuned_library_that_folds_in_has_a_list_for_each_request(tuned, tmp_path):
    rows = np.tile(np.arange(20), (len(USERS), 1))
    rows[0, 3:] = -1
    np.save(tmp_path / "lists.npy", rows)
    files = f'cp "$5" "{tmp_path}/settings.json"; cp "$6" "{tmp_path}/task.npz"'
    python_is(tuned, f'{files}; cp "{tmp_path}/lists.npy" "$7"')  # -m MODULE PEERS NAME, files
    lists = tuned.lists(PAST, USERS)
    assert list(lists) == ["ease"]  # one failed, the other cannot fold in
    assert [len(one) for one in lists["ease"][:2]] == [3, 10]
    assert json.loads((tmp_path / "settings.json").read_text()) == {"parameters": {"reg": 3.0}}
    assert len(Task.load(tmp_path / "task.npz").target_users) == len(USERS)


def test_a_library_that_fails_is_named_with_its_error(tuned):
    python_is(tuned, "echo no memory >&2; exit 3")
    with pytest.raises(DataError, match="ease failed: no memory"):
        tuned.lists(PAST, USERS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no result of benchmarks"),
        ("{}", "no result of benchmarks"),
        ('{"details": {"slim": {"parameters": {}}}}', "settings of none of ease"),
    ],
)
def test_a_result_without_settings_is_refused(text, reason, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(DataError, match=reason):
        TunedLibraries.read(path)


def test_the_libraries_are_compared_after_an_event_and_are_no_rivals():
    def window(name, funnel, ease, product):
        columns = {"funnel": funnel, "ease": ease, "cosine": product}
        lists = {key: np.array(values, float) for key, values in columns.items()}
        is_warm = np.array([True, True, True, False])
        return visits.VisitLines(name, np.arange(4), np.array([0, 1, 2, 1]), is_warm, lists)

    windows = [
        window("50%", (0, 0, 0, 0), (1, 1, 1, 1), (0, 0, 0, 0)),
        window("60%", (1, 0.4, 0.2, 0.3), (1, 0.1, 0.2, 0.1), (1, 1, 1, 1)),
    ]
    assert visits.best_rival(windows, is_warm=True) == "cosine"
    warm, new = visits.compare_libraries(windows, seed=0)
    assert (warm["users"], warm["library"]) == ("with a history", "ease")
    assert warm["ndcg@10"] == pytest.approx(0.15)  # the list before the first event does not count
    assert warm["ratio"]["mean"] == pytest.approx(2.0)
    assert new["ratio"]["mean"] == pytest.approx(3.0)


def test_popular_items_stand_in_for_an_empty_list():
    popular = [np.array([7]), np.array([8])]
    lists = fill_empty([np.array([], np.int64), np.array([1])], popular)
    assert [one.tolist() for one in lists] == [[7], [1]]
