from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy import sparse

from benchmarks.quality import libraries
from benchmarks.quality.evaluation import evaluate
from benchmarks.quality.exchange import MAX_LIST_LENGTH, Task
from benchmarks.quality.first_events import build_fold_in_task, select_new_users
from benchmarks.quality.peers.peer import Peer, recommend, signals
from benchmarks.quality.peers.popularity import PEERS
from benchmarks.quality.result_file import tables
from benchmarks.quality.tasks import build_task, compute_digest, write_tasks
from benchmarks.quality.windows import (
    HEADLINE,
    WindowLists,
    rolling_window,
    selection_windows,
)
from benchmarks.quality.windows import (
    test_windows as cut_for_test,
)
from offline.data.dataset import DataTraits
from offline.data.errors import DataError
from offline.evaluate.intervals import Bootstrap
from tests.fakes import ITEMS, small_dataset

SETTINGS = {"signal": "liked"}


class RowOrder:
    """A model that likes high rows best, and knows the histories it is given."""

    def score_users(self, users):
        return np.tile(np.arange(ITEMS, dtype=float), (len(users), 1))

    def score_histories(self, histories):
        return histories @ sparse.identity(ITEMS) + np.arange(ITEMS)[None] / 1_000


ROWS = Peer("", lambda _trial: {}, lambda _task, _parameters: RowOrder())


def answers(dataset, window, *methods, seed=0):
    """Lists at random, but each user's relevant items first for the first of the methods."""
    random = np.random.default_rng(seed)
    lists = {}
    for number, method in enumerate(methods):
        rows = np.stack([random.permutation(ITEMS)[:20] for _ in window.users])
        if not number:
            for line in range(len(window.users)):
                wanted = window.relevant.take(np.array([line])).rows
                rest = np.setdiff1d(np.arange(ITEMS), wanted)
                rows[line] = np.concatenate([wanted, rest])[:20]
        lists[method] = rows
    return WindowLists.of(dataset, window, lists)


@pytest.fixture(scope="module")
def windows():
    dataset = small_dataset()
    return [answers(dataset, window, "funnel", "ease") for window in cut_for_test(dataset)]


@pytest.fixture(scope="module")
def result(windows):
    return evaluate(windows, "funnel")


def test_a_task_comes_back_from_its_file_as_it_was(tmp_path):
    dataset = small_dataset()
    task = build_task(dataset, rolling_window(dataset.log, 0.5))
    task.save(tmp_path / "one.npz")
    back = Task.load(tmp_path / "one.npz")
    assert all((getattr(back, name) == getattr(task, name)).all() for name in Task.__slots__)


def test_nothing_of_the_test_is_in_what_peers_read(tmp_path):
    dataset = small_dataset()
    tests = cut_for_test(dataset)
    write_tasks(dataset, selection_windows(dataset), tests, tmp_path)
    for number, window in enumerate(tests):
        task = Task.load(tmp_path / f"test-{number}.npz")
        assert task.times.max() < window.cut == task.cut_time[0]
        assert not (tmp_path / f"test-{number}.targets.npz").exists()
    targets = sorted(path.name for path in tmp_path.glob("*.targets.npz"))
    assert targets == [f"selection-{number}.targets.npz" for number in range(3)]


def test_a_matrix_has_likes_or_everything_or_the_highest_weight():
    dataset = small_dataset()
    base = build_task(dataset, rolling_window(dataset.log, 0.5))
    one = replace(
        base,
        users=np.array([0, 0, 0, 1], np.int32),
        items=np.array([5, 5, 6, 5], np.int32),
        weights=np.array([1, 3, -1, 0], np.float32),
    )
    assert one.build_matrix("liked").toarray()[:2, 5:7].tolist() == [[1, 0], [0, 0]]
    assert one.build_matrix("all").toarray()[:2, 5:7].tolist() == [[1, 1], [1, 0]]
    assert one.build_matrix("weight").toarray()[0, 5] == 3


def test_a_digest_tells_windows_apart():
    dataset = small_dataset()
    selection, tests = selection_windows(dataset), cut_for_test(dataset)
    assert compute_digest(selection, tests) == compute_digest(selection, cut_for_test(dataset))
    assert compute_digest(selection, tests) != compute_digest(selection, tests[:2])


def test_lists_have_neither_what_was_seen_nor_what_was_never_trained_on():
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.5)
    lists = recommend(ROWS, RowOrder(), build_task(dataset, window), "liked")
    assert lists.shape == (len(window.users), MAX_LIST_LENGTH)
    trained = set(window.log.items.tolist())
    seen = window.seen()
    for line in np.flatnonzero(window.events):
        rows = lists[line]
        own = set(seen.rows[seen.indptr[line] : seen.indptr[line + 1]].tolist())
        shown = rows[rows >= 0].tolist()
        assert set(shown) == trained - own
        assert shown == sorted(shown, reverse=True)
        assert (rows[len(shown) :] == -1).all()


def test_a_library_has_no_lists_for_cold_users_and_popularity_has():
    dataset = small_dataset()
    task = build_task(dataset, rolling_window(dataset.log, 0.5))
    strangers = replace(task, target_users=np.array([0, 59]))  # the last user has done nothing
    assert (recommend(ROWS, RowOrder(), strangers, "liked")[:, 0] >= 0).tolist() == [True, False]
    peer = PEERS["popularity"]
    lists = recommend(peer, peer.fit(strangers, SETTINGS), strangers, "liked")
    assert (lists[:, 0] >= 0).all()


def test_users_without_likes_get_popular_items():
    dataset = small_dataset()
    task = build_task(dataset, rolling_window(dataset.log, 0.5))
    gloomy = replace(task, weights=np.where(task.users == task.target_users[0], -1, task.weights))
    first = recommend(ROWS, RowOrder(), gloomy, "liked")[0]
    counts = task.build_matrix("all").getnnz(axis=0)
    unseen = np.setdiff1d(np.arange(ITEMS), task.items[task.users == task.target_users[0]])
    assert counts[first[0]] == counts[unseen].max()


def test_recent_popularity_forgets():
    dataset = small_dataset()
    base = build_task(dataset, rolling_window(dataset.log, 0.5))
    day = 86_400.0
    two = replace(
        base,
        users=np.arange(5, dtype=np.int32),
        items=np.array([1, 1, 1, 2, 2], np.int32),
        weights=np.ones(5, np.float32),
        times=base.cut_time[0] - day * np.array([20, 20, 20, 0, 0]),
    )
    fit = PEERS["recency_popularity"].fit
    fading = fit(two, SETTINGS | {"half_life_days": 10.0}).score_users(np.array([0]))
    assert fading[0, [1, 2]] == pytest.approx([0.75, 2])
    assert fit(two, {"signal": "all", "half_life_days": 1e6}).score_users(np.array([0]))[0, 1] > 2.9
    assert (
        PEERS["popularity"].fit(two, SETTINGS).score_histories(sparse.csr_matrix((2, 3)))[1, 1] == 3
    )


def test_the_signals_depend_on_the_kind_of_data():
    dataset = small_dataset()
    task = build_task(dataset, rolling_window(dataset.log, 0.5))
    assert signals(task) == ["liked", "all"]
    assert signals(replace(task, is_explicit=np.array([False]))) == ["liked", "weight"]


def test_users_of_all_windows_are_pooled_warm_and_cold_apart(windows, result):
    warm = sum(int((part.window.events > 0).sum()) for part in windows)
    assert result["warm"]["evaluated_users"] == warm
    assert result["warm"]["methods"]["funnel"][HEADLINE]["mean"] == pytest.approx(1)
    against = result["warm"]["differences"]["ease"][HEADLINE]
    ease = result["warm"]["methods"]["ease"][HEADLINE]["mean"]
    assert against["difference"]["mean"] == pytest.approx(1 - ease)
    assert against["ratio"]["mean"] == pytest.approx(1 / ease)
    assert against["ratio"]["low"] > 1
    strangers = sum(len(part.window.users) for part in windows) - warm
    assert strangers
    assert result["cold"]["evaluated_users"] == strangers


def test_a_method_without_lists_for_cold_users_is_left_out_for_them_alone(windows):
    def without_cold_users(part):
        cold = part.window.events[:, None] == 0
        return replace(part, lists=part.lists | {"ease": np.where(cold, -1, part.lists["ease"])})

    result = evaluate([without_cold_users(part) for part in windows[:2]], "ease")
    assert set(result["cold"]["methods"]) == {"funnel", "popularity"}
    assert "popularity" in result["cold"]["differences"]  # against the best there is
    assert set(result["warm"]["differences"]) == {"funnel", "popularity"}


def test_bands_hold_every_user_and_every_relevant_item_once(windows, result):
    assert sum(band.count for band in result["by_history"]) == sum(
        len(part.window.users) for part in windows
    )
    assert sum(band.count for band in result["by_popularity"]) == sum(
        part.window.relevant.sizes.sum() for part in windows
    )
    assert result["by_history"][0].band == "new user"
    assert result["by_history"][0].methods["funnel"]["mean"] == pytest.approx(1)
    shares = [band.methods["funnel"]["mean"] for band in result["by_popularity"]]
    assert all(0 < share <= 1 for share in shares)


def test_a_data_set_without_cold_users_has_one_table():
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.9)
    warm = np.flatnonzero(window.events > 0)
    window = replace(window, users=window.users[warm], relevant=window.relevant.take(warm))
    result = evaluate([answers(dataset, window, "funnel", "ease")], "funnel")
    assert result["cold"] is None
    shown = tables(result | {"dataset": {"name": "small"}, "reference": "funnel"})
    assert len(shown) == 1


def test_the_table_has_the_best_method_first(result):
    (warm, _) = tables(result | {"dataset": {"name": "small"}, "reference": "funnel"})
    console = Console(width=200, record=True)
    console.print(warm)
    text = console.export_text()
    assert text.index("funnel ") < text.index("ease")
    assert "1.0000 (1.0000-1.0000)" in text


def test_the_cache_depends_on_the_data_and_the_peer(tmp_path):
    assert libraries.result_folder("ease", tmp_path) != libraries.result_folder("slim", tmp_path)
    assert libraries.result_folder("ease", tmp_path / "other") != libraries.result_folder(
        "ease", tmp_path
    )


def test_new_users_are_the_same_at_every_point_and_lose_the_revealed_items():
    dataset = small_dataset()
    result = select_new_users(dataset, 0.02, (0, 1, 3))
    users = len(result.users) // 3
    who = np.array([asker.user for asker in result.users]).reshape(3, users)
    assert users
    assert (who == who[0]).all()
    assert [len(asker.since) for asker in result.users[::users]] == [0, 1, 3]
    sizes = result.relevant.sizes.reshape(3, users)
    assert (np.diff(sizes, axis=0) <= 0).all()
    for asker in result.users:
        assert asker.user not in result.window.log.users
        assert not set(asker.since.rows) & set(asker.relevant)
    assert [part.tolist() for part in result.split_by_point(np.repeat([1.0, 2.0, 3.0], users))] == [
        [float(n)] * users for n in (1, 2, 3)
    ]


def test_revealed_events_go_to_peers_and_not_into_their_training():
    dataset = small_dataset()
    result = select_new_users(dataset, 0.02, (0, 3))
    task = build_fold_in_task(dataset, result)
    users = len(result.users) // 2
    assert task.build_target_histories("all").getnnz(axis=1).tolist() == [0] * users + [3] * users
    assert not set(task.target_users.tolist()) & set(task.users.tolist())
    lists = recommend(ROWS, RowOrder(), task, "all")
    assert (lists[:users] == -1).all()
    shown = lists[users]
    assert not set(shown[shown >= 0]) & set(result.users[users].since.rows)


def test_data_without_a_curve_is_refused_with_a_reason():
    dataset = small_dataset()
    with pytest.raises(DataError, match="likes anything after 900 events"):
        select_new_users(dataset, 0.1, (0, 900))
    timeless = replace(
        dataset, traits=DataTraits(is_explicit=True, positive_at=4.0, has_times=False)
    )
    with pytest.raises(DataError, match="Without timestamps no user is new"):
        select_new_users(timeless)


def test_the_lines_of_one_person_are_not_independent():
    scores = np.random.default_rng(1).random((40, 1))
    once = Bootstrap.of(scores, 2)
    twice = Bootstrap.of(np.repeat(scores, 4, axis=0), 2, user_ids=np.repeat(np.arange(40), 4))
    naive = Bootstrap.of(np.repeat(scores, 4, axis=0), 2)
    assert twice.resampled == pytest.approx(once.resampled)
    width = [each.mean(0)["high"] - each.mean(0)["low"] for each in (twice, naive)]
    assert width[0] > 1.5 * width[1]
