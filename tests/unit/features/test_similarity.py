"""The features of similarity, compared with a slow, obvious reference."""

import math
from dataclasses import replace

import numpy as np
import pytest

from app.features.similarity import DISLIKED, NEARNESS, SESSION, USER_VECTOR
from tests.fakes import ITEMS, history, random_pool
from tests.feature_cases import EVENTS, build_query, close, columns, funnel, is_unknown
from tests.feature_cases import case as build_case


def spaces(case):
    return {"factors": case.models.factors.items, "content": case.models.content.items}


def cosine(one, two):
    one, two = one.astype(float), two.astype(float)
    lengths = math.sqrt(one @ one) * math.sqrt(two @ two)
    return float(one @ two) / lengths if lengths > 1e-9 else 0.0


def test_user_vector_columns_are_z_scores_over_the_pool(case):
    result = case.columns(USER_VECTOR)
    for space, vectors in spaces(case).items():
        mine = getattr(case.query.vectors, space).astype(float)
        scores = [float(vectors[r].astype(float) @ mine) for r in case.pool.rows]
        mean = sum(scores) / len(scores)
        spread = math.sqrt(sum((s - mean) ** 2 for s in scores) / len(scores))
        close(result[f"taste_{space}"], [(s - mean) / max(spread, 1e-9) for s in scores], abs_=1e-3)


def test_nearness_columns_are_cosines_to_the_newest_liked_items(case):
    result, liked = case.columns(NEARNESS), case.query.history.liked(20).rows
    for space, vectors in spaces(case).items():
        if not len(liked) or not vectors.shape[1]:
            assert all(is_unknown(result[name]) for name in result if name.startswith(space))
            continue
        for n, row in enumerate(case.pool.rows):
            near = [cosine(vectors[row], vectors[other]) for other in liked]
            build_query = [
                result[f"{space}_{window}"][n] for window in ("last", "last5", "last20", "mean")
            ]
            close(build_query, [near[0], max(near[:5]), max(near), sum(near) / len(near)])


def means(case, rows):
    """The mean cosine of each candidate to these items, by space; None where it is not known."""
    return {
        space: [
            sum(cosine(vectors[row], vectors[other]) for other in rows) / len(rows)
            for row in case.pool.rows
        ]
        if rows and vectors.shape[1]
        else None
        for space, vectors in spaces(case).items()
    }


def assert_means(result, suffix, expected):
    for space, values in expected.items():
        column = result[f"{space}_{suffix}"]
        if values is None:
            assert is_unknown(column)
        else:
            close(column, values)


def test_session_columns_are_mean_cosines_to_the_last_session_without_dislikes(case):
    events = case.query.history
    rows = [
        int(row)
        for row, weight, t in zip(events.rows, events.weights, events.times, strict=True)
        if weight >= 0 and t >= events.times[0] - 30 * 60
    ]
    assert_means(case.columns(SESSION), "session", means(case, rows[:20]))


def test_disliked_columns_are_mean_cosines_to_what_the_user_disliked(case):
    events = case.query.history
    rows = [int(r) for r, weight in zip(events.rows, events.weights, strict=True) if weight < 0]
    assert_means(case.columns(DISLIKED), "disliked", means(case, rows[:20]))


def test_a_session_reaches_back_half_an_hour():
    """Otherwise a session would be the mean of the whole history."""
    now = 9.05e8
    today, earlier = (5, 5, 1, now), (6, 5, 1, now - 1_801)
    pool = random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    built = [
        columns(
            funnel("ratings").fine.features.build(
                build_query(funnel("ratings"), history(*events)), pool
            ),
            SESSION,
        )["factors_session"]
        for events in ([today], [today, earlier], [today, (*earlier[:3], now - 1_800)])
    ]
    assert built[0].tobytes() == built[1].tobytes() != built[2].tobytes()


def test_an_item_without_factors_has_a_similarity_of_zero():
    models = funnel("ratings").query_builder.models
    vectors = models.factors.items.copy()
    vectors[[3, 8]] = 0.0
    features = funnel("ratings").fine.features
    bare = replace(features, models=replace(models, factors=replace(models.factors, items=vectors)))
    pool = random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    events = history((8, 5, 1, 9.05e8), (5, 5, 1, 9.05e8 - 60))
    result = columns(bare.build(build_query(funnel("ratings"), events), pool), NEARNESS)
    assert result["factors_last"].tolist() == [0] * ITEMS
    assert all(result[f"factors_{w}"][3] == 0 for w in ("last", "last5", "last20", "mean"))
    assert result["factors_last5"][5] == pytest.approx(1, abs=1e-5)


def test_a_history_of_dislikes_has_only_disliked_columns():
    result = build_case("ratings", "dislikes alone")
    assert all(is_unknown(column) for column in result.columns(NEARNESS).values())
    assert all(is_unknown(column) for column in result.columns(SESSION).values())
    assert not any(is_unknown(column) for column in result.columns(DISLIKED).values())
    assert len(EVENTS["dislikes alone"]) == 2
