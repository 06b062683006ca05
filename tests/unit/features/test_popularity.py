"""The features of popularity, compared with a slow, obvious reference."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from app.artifacts import DAY, HALF_LIVES
from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.features.popularity import EPOCH_YEAR, POPULARITY, RELEASE, SEGMENT, YEAR
from app.kernels.features import MIN_SHARE
from offline.training.past_requests import build_offline_funnel
from tests.fakes import ITEMS, random_pool, small_models
from tests.feature_cases import EVENTS, build_query, close, columns, is_unknown
from tests.feature_cases import case as build_case


def named(prefix, days=("1d", "3d", "7d", "14d", "30d", "90d", "infd")):
    return [f"{prefix}_{window}" for window in days]


def assert_columns(result, pool, popularity, now):
    """Fail unless these are the popularity columns of these counts, decayed until ``now``."""
    fade = [2 ** -((now - popularity.at) / h) for h in HALF_LIVES]
    totals = [sum(popularity.liked[h]) * f for h, f in enumerate(fade)]
    for n, row in enumerate(pool.rows):
        liked = [popularity.liked[h, row] * f for h, f in enumerate(fade)]
        every = [popularity.counts[h, row] * f for h, f in enumerate(fade)]
        first = popularity.first_seen[row]
        expected = {
            **dict(zip(named("liked"), map(math.log1p, liked), strict=True)),
            **{
                name: math.log((a + 0.1) / (all_ + 1))
                for name, a, all_ in zip(named("share"), liked, totals, strict=True)
            },
            **{
                name: math.log((a + 0.5) / (b + 0.5))
                for name, (a, b) in zip(named("trend")[:-1], pairwise(liked), strict=True)
            },
            "liked_share": (liked[-1] + 2) / (every[-1] + 4),
            "liked_share_30d": (liked[4] + 1) / (every[4] + 2),
            "age": math.log1p((now - first) / DAY) if math.isfinite(first) else math.nan,
            "mean_value": popularity.mean_value[row],
        }
        assert set(expected) == set(POPULARITY.names)
        close(
            [result[name][n] for name in POPULARITY.names],
            [expected[name] for name in POPULARITY.names],
        )


def test_popularity_columns_are_decayed_counts_their_share_and_trend_and_the_items_age(case):
    assert_columns(
        case.columns(POPULARITY), case.pool, case.models.popularity, case.query.counters_at
    )


def test_an_event_is_counted_and_older_ones_decay_until_then():
    funnel, pool = build_ratings(), random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    popularity, counters = small_models().popularity, funnel.query_builder.counters
    now = popularity.at + 20 * DAY
    counters.apply(np.array([ITEMS - 1, 5]), np.array([1.0, -1.0], np.float32), np.array([now] * 2))
    result = funnel.fine.features.build(build_query(funnel, EVENTS["nothing"]), pool)
    fade = np.exp2(-20 * DAY / np.array(HALF_LIVES))[:, None]
    moved = replace(
        popularity, at=now, counts=popularity.counts * fade, liked=popularity.liked * fade
    )
    moved.counts[:, [5, ITEMS - 1]] += 1
    moved.liked[:, ITEMS - 1] += 1
    first = np.where(np.isinf(popularity.first_seen), now, popularity.first_seen)
    assert_columns(columns(result, POPULARITY), pool, replace(moved, first_seen=first), now)


def test_the_age_of_an_item_without_events_is_nan():
    whole = replace(
        build_case("ratings", "nothing"), pool=random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    )
    matrix = build_ratings().fine.features.build(whole.query, whole.pool)
    unknown = np.isnan(columns(matrix, POPULARITY)["age"])
    assert np.flatnonzero(unknown).tolist() == [ITEMS - 1]


def build_ratings(models=None):
    """Build a funnel whose counters a test may change."""
    return build_offline_funnel(
        models or small_models(), FunnelConfig(Cpu(threads=1), NO_CHECKPOINTS)
    )


def test_popularity_does_not_decay_while_no_events_arrive():
    funnel, pool = build_ratings(), random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    one = build_query(funnel, EVENTS["one like"])
    later = replace(one, now=one.now + 100 * DAY)
    now, then = (funnel.fine.features.build(one, pool) for one in (one, later))
    for name, column in columns(now, POPULARITY).items():
        assert column.tobytes() == columns(then, POPULARITY)[name].tobytes()


def test_an_event_changes_the_columns_of_its_item_and_only_the_shares_of_others():
    funnel, pool = build_ratings(), random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    one, counters = build_query(funnel, EVENTS["many days"]), funnel.query_builder.counters
    before = funnel.fine.features.build(one, pool)
    counters.apply(np.array([11]), np.array([1.0], np.float32), np.array([one.counters_at]))
    after = funnel.fine.features.build(one, pool)
    moved = {
        name: np.flatnonzero(column != columns(before, POPULARITY)[name]).tolist()
        for name, column in columns(after, POPULARITY).items()
        if name not in {"age", "mean_value"}
    }
    others = list(range(ITEMS))
    assert moved == {name: others if name in named("share") else [11] for name in moved}
    now, then = (columns(matrix, POPULARITY) for matrix in (after, before))
    assert all(now[name][11] > then[name][11] for name in named("liked"))
    assert all(now[name][11] > then[name][11] for name in named("share"))
    assert all(now[name][12] < then[name][12] for name in named("share"))


def test_without_any_likes_shares_are_finite():
    popularity = small_models().popularity
    nothing = replace(
        popularity, liked=np.zeros_like(popularity.liked), counts=np.zeros_like(popularity.counts)
    )
    funnel = build_ratings(replace(small_models(), popularity=nothing))
    pool = random_pool(np.random.default_rng(0), 9, ITEMS)
    result = columns(
        funnel.fine.features.build(build_query(funnel, EVENTS["one like"]), pool), POPULARITY
    )
    for name in named("share"):
        close(result[name], [math.log(0.1)] * 9)


def test_segment_lift_is_how_much_more_the_users_segments_like_the_item(case):
    result = case.columns(SEGMENT)["segment_lift"]
    segments, overall = case.models.segments, case.models.segments.share[-1]
    codes = enumerate(case.query.segments)
    now = [segments.offsets[a] + code for a, code in codes if code >= 0]
    if not now:
        assert is_unknown(result)
        return
    expected = [
        sum(math.log((segments.share[s, r] + MIN_SHARE) / (overall[r] + MIN_SHARE)) for s in now)
        / len(now)
        for r in case.pool.rows
    ]
    close(result, expected)


def test_release_columns_are_the_items_age_and_how_unusual_it_is_for_the_user(case):
    result, rows = case.columns(RELEASE), case.pool.rows
    released = case.models.catalogue.released.astype(np.float64)
    mine = [released[r] for r in case.query.history.liked(50).rows if math.isfinite(released[r])]
    usual = sum(mine) / len(mine) if mine else math.nan
    years = [EPOCH_YEAR + case.query.now / YEAR - released[r] for r in rows]
    close(result["years_since_release"], years)
    close(result["release_distance"], [abs(released[r] - usual) for r in rows])
