"""The columns of what the crowd does, against a slow, obvious reference."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.artifacts import DAY, HALF_LIVES
from app.build import FunnelConfig
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.features.popularity import EPOCH_YEAR, POPULARITY, RELEASE, SEGMENT, YEAR
from app.recall.popularity import MIN_SHARE
from offline.training.replay import build_offline_funnel
from tests.fakes import ITEMS, random_pool, small_models
from tests.feature_cases import CASES, EVENTS, close, columns, is_unknown, told
from tests.feature_cases import case as made


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return made(*request.param)


def named(prefix, days=("1d", "3d", "7d", "14d", "30d", "90d", "infd")):
    return [f"{prefix}_{window}" for window in days]


def assert_told(found, pool, crowd, known):
    """Fail unless these are the crowd's columns for these counts, as they have faded by then."""
    fade = [2 ** -((known - crowd.at) / h) for h in HALF_LIVES]
    totals = [sum(crowd.liked[h]) * f for h, f in enumerate(fade)]
    for n, row in enumerate(pool.rows):
        liked = [crowd.liked[h, row] * f for h, f in enumerate(fade)]
        every = [crowd.counts[h, row] * f for h, f in enumerate(fade)]
        first = crowd.first_seen[row]
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
            "age": math.log1p((known - first) / DAY) if math.isfinite(first) else math.nan,
            "mean_value": crowd.mean_value[row],
        }
        assert set(expected) == set(POPULARITY.names)
        close(
            [found[name][n] for name in POPULARITY.names],
            [expected[name] for name in POPULARITY.names],
        )


def test_crowd_columns_are_decayed_counts_their_share_their_trend_and_the_items_age(case):
    assert_told(case.columns(POPULARITY), case.pool, case.models.popularity, case.asked.counters_at)


def test_what_happens_is_counted_and_all_else_fades_by_then():
    funnel, pool = build_ratings(), random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    crowd, live = small_models().popularity, funnel.query_builder.counters
    now = crowd.at + 20 * DAY
    live.apply(np.array([ITEMS - 1, 5]), np.array([1.0, -1.0], np.float32), np.array([now] * 2))
    found = funnel.fine.features.build(told(funnel, EVENTS["nothing"]), pool)
    fade = np.exp2(-20 * DAY / np.array(HALF_LIVES))[:, None]
    moved = replace(crowd, at=now, counts=crowd.counts * fade, liked=crowd.liked * fade)
    moved.counts[:, [5, ITEMS - 1]] += 1
    moved.liked[:, ITEMS - 1] += 1
    first = np.where(np.isinf(crowd.first_seen), now, crowd.first_seen)
    assert_told(columns(found, POPULARITY), pool, replace(moved, first_seen=first), now)


def test_the_age_of_an_item_that_nobody_knew_is_unknown():
    whole = replace(
        made("ratings", "nothing"), pool=random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    )
    matrix = build_ratings().fine.features.build(whole.asked, whole.pool)
    unknown = np.isnan(columns(matrix, POPULARITY)["age"])
    assert np.flatnonzero(unknown).tolist() == [ITEMS - 1]


def build_ratings(models=None):
    """A funnel of its own, whose live state may be moved on."""
    return build_offline_funnel(
        models or small_models(), FunnelConfig(Cpu(threads=1), NO_CHECKPOINTS)
    )


def test_nothing_cools_down_while_nothing_is_heard_of_the_crowd():
    funnel, pool = build_ratings(), random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    asked = told(funnel, EVENTS["one like"])
    later = replace(asked, now=asked.now + 100 * DAY)
    now, then = (funnel.fine.features.build(one, pool) for one in (asked, later))
    for name, column in columns(now, POPULARITY).items():
        assert column.tobytes() == columns(then, POPULARITY)[name].tobytes()


def test_an_event_moves_the_columns_of_its_item_and_the_others_shares_alone():
    funnel, pool = build_ratings(), random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    asked, live = told(funnel, EVENTS["many days"]), funnel.query_builder.counters
    before = funnel.fine.features.build(asked, pool)
    live.apply(np.array([11]), np.array([1.0], np.float32), np.array([asked.counters_at]))
    after = funnel.fine.features.build(asked, pool)
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


def test_where_nobody_liked_anything_shares_are_finite():
    crowd = small_models().popularity
    nothing = replace(crowd, liked=np.zeros_like(crowd.liked), counts=np.zeros_like(crowd.counts))
    funnel = build_ratings(replace(small_models(), popularity=nothing))
    pool = random_pool(np.random.default_rng(0), 9, ITEMS)
    found = columns(funnel.fine.features.build(told(funnel, EVENTS["one like"]), pool), POPULARITY)
    for name in named("share"):
        close(found[name], [math.log(0.1)] * 9)


def test_segment_lift_is_how_much_more_users_like_this_one_take_the_item(case):
    found = case.columns(SEGMENT)["segment_lift"]
    segments, overall = case.models.segments, case.models.segments.share[-1]
    codes = enumerate(case.asked.segments)
    known = [segments.offsets[a] + code for a, code in codes if code >= 0]
    if not known:
        assert is_unknown(found)
        return
    expected = [
        sum(math.log((segments.share[s, r] + MIN_SHARE) / (overall[r] + MIN_SHARE)) for s in known)
        / len(known)
        for r in case.pool.rows
    ]
    close(found, expected)


def test_release_columns_are_the_items_age_and_how_unusual_it_is_for_the_user(case):
    found, rows = case.columns(RELEASE), case.pool.rows
    released = case.models.catalogue.released.astype(np.float64)
    mine = [released[r] for r in case.asked.history.liked(50).rows if math.isfinite(released[r])]
    usual = sum(mine) / len(mine) if mine else math.nan
    years = [EPOCH_YEAR + case.asked.now / YEAR - released[r] for r in rows]
    close(found["years_since_release"], years)
    close(found["release_distance"], [abs(released[r] - usual) for r in rows])
