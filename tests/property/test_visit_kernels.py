"""The compiled loops of ``session_knn`` against a slow, obvious version in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contracts import History
from app.kernels.neighbours import table_spans
from app.kernels.visits import sum_visits, visit_amounts
from app.recall.session_knn import SessionKNNChannel, SessionKNNChannelConfig
from offline.data.dataset import Log
from offline.models.session_knn import SessionKNNConfig, fit_visits
from tests.fakes import query

ITEMS = 9


def random_log(random, n):
    users, items = random.integers(0, 4, n), random.integers(0, ITEMS, n)
    times = np.sort(random.choice(np.arange(5 * n), n, replace=False)) * 300.0
    weights = random.choice([1.0, 2.0, -1.0], n)
    as_floats = np.ones(n, np.float32), weights.astype(np.float32)
    return Log(users.astype(np.int32), items.astype(np.int32), *as_floats, times)


def history_of(rows):
    ones = np.ones(len(rows), np.float32)
    return History(rows, ones, ones, np.arange(len(rows), 0, -1.0))


def slow_scores(visits, liked, config):
    """The parts of the score of each item by like, (items, likes)."""
    sessions = [part.tolist() for part in np.split(visits.rows, visits.indptr[1:-1])]
    postings = [
        set(visits.item_visits[slice(*visits.item_indptr[item : item + 2])].tolist())
        for item in range(ITEMS)
    ] + 3 * [set()]
    decays = config.decay ** np.arange(len(liked))
    parts = np.array([[v in postings[one] for one in liked] for v in range(len(sessions))]) * decays
    similarities = parts.sum(axis=1) * visits.weights
    nearest = [v for v in np.argsort(-similarities, kind="stable") if similarities[v] > 0]
    amounts = np.zeros((ITEMS, len(liked)))
    for v in nearest[: config.n_neighbours]:
        step = int(np.flatnonzero(parts[v])[0])
        matched = sessions[v].index(liked[step])
        for place, item in enumerate(sessions[v]):
            decay = config.step_decay**step * config.place_decay ** abs(place - matched)
            amounts[item] += parts[v] * visits.weights[v] * decay * visits.item_weights[item]
    return amounts


@settings(max_examples=60)
@given(st.integers(0, 9_999), st.sampled_from([0, 12, 60]), st.integers(1, 6), st.integers(1, 5))
def test_scores_and_contributions_are_those_of_the_formula(seed, n, n_liked, n_neighbours):
    random = np.random.default_rng(seed)
    model = SessionKNNConfig(visit_items=3, visits_per_item=4, half_life=3_600.0, length_power=0.3)
    visits = fit_visits(random_log(random, n), (4, ITEMS), model)
    config = SessionKNNChannelConfig(
        n_events=4, n_neighbours=n_neighbours, decay=0.7, step_decay=0.6, place_decay=0.8
    )
    rows = random.integers(0, ITEMS + 3, n_liked)  # some items are newer than the bundle
    one = query(n=ITEMS, history=history_of(rows), exclude=[2])
    channel = SessionKNNChannel(visits, config)
    found = channel.recall(one, 5)
    if not len(visits):
        assert not len(found)
        return
    liked = list(dict.fromkeys(rows[:4].tolist()))
    amounts = slow_scores(visits, liked, config)
    scores = amounts.sum(axis=1)
    expected = [row for row in np.argsort(-scores, kind="stable") if scores[row] > 0 and row != 2]
    assert found.scores == pytest.approx(scores[found.rows], rel=1e-5)
    assert sorted(found.scores) == pytest.approx(sorted(scores[expected[:5]]), rel=1e-5)
    parts = channel.contributions(one, found.rows)
    assert parts.events.tolist() == liked
    assert parts.amounts == pytest.approx(amounts[found.rows], rel=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 9_999), st.integers(1, 6))
def test_compiled_loops_compute_what_python_does(seed, n_liked):
    random = np.random.default_rng(seed)
    visits = fit_visits(random_log(random, 40), (4, ITEMS), SessionKNNConfig(visit_items=3))
    likes, decays = random.integers(0, ITEMS, n_liked), [0.7, 0.6, 0.8]
    arrays = (
        *table_spans(visits.item_indptr, likes),
        *(visits.item_visits, visits.item_places, visits.weights),
        *(decay ** np.arange(size) for decay, size in zip(decays, (n_liked, 9, 9), strict=True)),
        *(4, visits.indptr, visits.rows, visits.item_weights),
    )
    wanted = random.integers(0, ITEMS, 3)
    with np.errstate(over="ignore"):
        rows, scores = sum_visits.python(*arrays)
        amounts = visit_amounts.python(*arrays, wanted)
    for compiled, plain in zip(sum_visits(*arrays), (rows, scores), strict=True):
        assert compiled.tobytes() == plain.tobytes()
    assert visit_amounts(*arrays, wanted).tobytes() == amounts.tobytes()
