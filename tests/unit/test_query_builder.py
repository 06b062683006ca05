from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Content
from app.contracts import NO_HISTORY
from app.query_builder import QueryBuilder, join_histories
from app.rows import unique_rows
from app.state.counters import PopularityCounters
from app.user_vectors import MAX_QUERY_EVENTS, content_profile, fold_in, ridge_profile
from tests.fakes import history, request, rows, small_dataset, small_models

MODELS = small_models()
NOW = MODELS.popularity.at
BUILDER = QueryBuilder(MODELS, PopularityCounters(MODELS.popularity))


def test_the_same_item_at_the_same_time_counts_once_and_the_first_source_wins():
    recent_events, bundle = (
        history((3, 5, 1, 9), (2, 1, -1, 7)),
        history((3, 4, 1, 9), (3, 4, 1, 8)),
    )
    whole = join_histories([recent_events, bundle])
    assert whole.rows.tolist() == [3, 3, 2]
    assert whole.times.tolist() == [9, 8, 7]
    assert whole.values.tolist() == [5, 4, 1]


@pytest.mark.parametrize("some", [(), (5,), (2, 2), (7, 0, 3, 7, 7, 0), range(40, 0, -1)])
def test_excluded_rows_are_ascending_and_once_each(some):
    unique = unique_rows(rows(*some))
    assert unique.tolist() == sorted(set(some))
    assert unique.dtype == np.int64


def test_the_user_vector_solves_the_equations_of_the_factorisation():
    factors, liked = MODELS.factors, MODELS.users.history(3).liked(500)
    result = fold_in(factors, liked, NOW).astype(np.float64)
    size = factors.items.shape[1]
    weights = np.maximum(liked.weights, 0) * 0.5 ** ((NOW - liked.times) / factors.half_life)
    extra = factors.alpha * float(weights.sum())
    held = factors.reg * (1 + extra / factors.n_liked) ** factors.power
    left, right = factors.gram.astype(np.float64) + held * np.eye(size), np.zeros(size)
    for row, weight in zip(liked.rows, weights, strict=True):
        vector = factors.items[row].astype(np.float64)
        confidence = 1 + factors.alpha * float(weight)
        left += (confidence - 1) * np.outer(vector, vector)
        right += confidence * vector
    assert left @ result == pytest.approx(right, rel=1e-3, abs=1e-4)


def test_older_likes_have_less_weight_in_the_user_vector():
    factors = replace(MODELS.factors, half_life=10.0)
    one, other = 3, 4
    for now, nearer in ((0.0, 0), (1_000.0, 1)):
        liked = history((one, 1, 1, 0), (other, 1, 1, now))
        scores = factors.items[[one, other]] @ fold_in(factors, liked, now)
        alone = [fold_in(factors, history((row, 1, 1, now)), now) for row in (one, other)]
        shares = scores / [factors.items[r] @ a for r, a in zip((one, other), alone, strict=True)]
        assert (shares[1] > shares[0] + 0.05) == bool(nearer)
    later = fold_in(MODELS.factors, history((one, 1, 1, 0)), 1_000 * MODELS.factors.half_life)
    assert later.any()  # an old event still counts as an event


def test_the_session_vector_is_solved_from_the_last_session_alone():
    hour = 3_600.0
    events = history(
        (7, 1, 1, NOW), (8, 1, -1, NOW - 60), (9, 1, 1, NOW - hour / 4), (3, 1, 1, NOW - hour)
    )
    vectors = BUILDER.solve_vectors(BUILDER.build(request("nobody", inline=events), NO_HISTORY))
    alone = history((7, 1, 1, NOW), (9, 1, 1, NOW - hour / 4))
    assert vectors.session.tobytes() == fold_in(MODELS.factors, alone, NOW).tobytes()
    assert vectors.factors.tobytes() != vectors.session.tobytes()


def test_a_folded_in_user_scores_liked_items_above_the_others():
    for user in range(0, 60, 9):
        liked = MODELS.users.history(user).liked(500)
        scores = MODELS.factors.items @ fold_in(MODELS.factors, liked, NOW)
        others = np.setdiff1d(np.arange(len(scores)), liked.rows)
        assert scores[liked.rows].mean() > scores[others].mean()


@pytest.mark.parametrize("events", [NO_HISTORY, history((3, 5, 1, 9))])
def test_without_history_or_dimensions_the_vectors_are_zero(events):
    factors = replace(
        MODELS.factors,
        items=np.empty((80, 0), np.float32),
        gram=np.empty((0, 0), np.float32),
    )
    assert fold_in(factors, events, NOW).tolist() == []
    assert content_profile(Content(np.empty((80, 0), np.float32)), events).tolist() == []
    assert not fold_in(MODELS.factors, NO_HISTORY, NOW).any()
    assert not content_profile(MODELS.content, NO_HISTORY).any()


def test_the_content_profile_is_the_mean_of_liked_items_with_unit_length():
    content = Content(np.eye(3, dtype=np.float32))
    result = content_profile(content, history((0, 5, 2, 9), (1, 5, 1, 8), (2, 1, -1, 7)))
    assert result.dtype == np.float32
    assert result == pytest.approx(np.array([2, 1, 0.1]) / np.sqrt(5.01), abs=1e-6)


def test_items_without_content_give_a_zero_profile():
    content = Content(np.zeros((3, 4), np.float32))
    assert content_profile(content, history((0, 5, 1, 9))).tolist() == [0, 0, 0, 0]


def test_the_query_of_a_member_has_the_history_and_segments_of_the_bundle():
    query = BUILDER.build(request("u07", 5, candidate_share=0.5, explore=False), NO_HISTORY)
    expected = MODELS.users.history(7)
    assert query.user_row == 7
    assert query.history.rows.tolist() == expected.rows.tolist()
    assert query.excluded.tolist() == sorted(set(expected.rows.tolist()))
    assert query.segments.tolist() == MODELS.users.segments[7].tolist()
    assert (query.k, query.candidate_share, query.explore) == (5, 0.5, False)
    assert not query.vectors.factors.any()
    assert BUILDER.solve_vectors(query).factors.any()
    assert BUILDER.solve_vectors(query).content.any()


def test_the_query_of_an_unknown_user_has_no_history():
    query = BUILDER.build(request("nobody", exclude=rows(4, 4, 2)), NO_HISTORY)
    assert query.user_row == -1
    assert len(query.history) == 0
    assert query.segments.tolist() == [-1] * MODELS.users.segments.shape[1]
    assert query.excluded.tolist() == [2, 4]
    assert not BUILDER.solve_vectors(query).factors.any()
    assert not BUILDER.solve_vectors(query).content.any()


def test_inline_live_and_bundle_histories_are_merged():
    end = MODELS.popularity.at
    inline, recent = history((70, 5, 1, end + 9)), history((71, 5, 1, end + 5))
    query = BUILDER.build(request("u07", inline=inline), recent)
    assert query.history.rows.tolist() == [70, 71, *MODELS.users.history(7).rows.tolist()]
    assert {70, 71} <= set(query.excluded.tolist())


def test_now_is_the_newest_event_and_a_python_float():
    end = MODELS.popularity.at
    quiet = BUILDER.build(request("u07"), NO_HISTORY)
    busy = BUILDER.build(request("u07"), history((1, 5, 1, end + 100)))
    assert (quiet.now, busy.now) == (end, end + 100)
    assert quiet.counters_at == busy.counters_at == end  # no newer event has reached the counters
    assert type(quiet.now) is type(busy.now) is float  # a numpy float would change the bits


def test_a_long_history_is_cut_but_all_seen_items_stay_excluded():
    events = history(*((i % 80, 5, 1, 1e9 - i) for i in range(MAX_QUERY_EVENTS + 79)))
    few = history(*((i % 70, 5, 1, 2e9 - i) for i in range(MAX_QUERY_EVENTS)))
    query = BUILDER.build(request("", inline=events), few)
    assert len(query.history) == MAX_QUERY_EVENTS
    assert query.history.rows.max() < 70
    assert query.excluded.tolist() == list(range(80))


def test_users_without_events_have_an_empty_history():
    assert len(MODELS.users.history(-1)) == 0
    assert len(small_dataset().users) == 60


@pytest.mark.parametrize("events", [3, 12])
@pytest.mark.parametrize("centred", [True, False])
def test_the_ridge_profile_is_that_of_the_normal_equations(events, centred):
    random = np.random.default_rng(events)
    content = Content(random.normal(size=(20, 5)).astype(np.float32))
    seen = history(*((n, 1 + n % 5, n % 3 - 1, 99 - n) for n in range(events)))
    x, y = content.items[:events].astype(float), seen.values if centred else seen.weights
    y = y - y.mean() if centred else y
    expected = np.linalg.inv(x.T @ x + 2.0 * np.eye(5)) @ x.T @ y
    assert ridge_profile(content, seen, 2.0, centred=centred) == pytest.approx(expected, abs=1e-4)


def test_without_events_the_ridge_profile_is_zero():
    assert not ridge_profile(MODELS.content, NO_HISTORY, 1.0, centred=True).any()
