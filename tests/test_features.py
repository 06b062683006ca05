"""Every group of columns against a slow, obvious reference, and the promise to training."""

import math
import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.artifacts import DAY, HALF_LIVES
from app.assemble import Wiring, overall_share
from app.contracts import ABSENT
from app.cpu import Cpu
from app.features import (
    AGREEMENT,
    CATEGORY,
    CHANNEL,
    CHANNELS,
    COARSE_VIEW,
    CROWD,
    EPOCH_YEAR,
    FINE_VIEW,
    NEARNESS,
    RELEASE,
    SEGMENT,
    TASTE,
    TINY,
    USER,
    YEAR,
    names,
    view_hash,
)
from app.run import NO_HURRY
from app.state.live import Live
from offline.replay import build
from tests.fakes import ITEMS, history, query, random_pool, request, small_models

KINDS = {
    "ratings": small_models(),
    "likes": small_models(explicit=False),
    "ids alone": small_models(known=False),
}
EVENTS = [
    history(),
    history((4, 5, 1, 9.05e8)),
    history((4, 1, -1, 9.05e8), (7, 2, -1, 9.01e8)),
    history(*((i * 7 % ITEMS, 1 + i % 5, (i % 3) - 1, 9.1e8 - i * 40_000) for i in range(45))),
]
SEGMENTS = [(1, -1), (2, 1), (-1, 0), (-1, -1)]


@pytest.fixture(scope="module")
def cpu():
    one = Cpu(threads=1)
    yield one
    one.close()


@pytest.fixture(scope="module")
def funnels(cpu):
    return {kind: build(models, Wiring(cpu, NO_HURRY)) for kind, models in KINDS.items()}


def told(funnel, events, segments=(1, -1)):
    """The query of a user of whom this is known."""
    attributes = funnel.profiles.models.users.segments.shape[1]
    asked = query(
        history=events,
        segments=np.array(segments[:attributes], np.int32),
        now=max(funnel.profiles.live.now, *[*events.times, 0.0]),
    )
    return replace(asked, taste=funnel.profiles.taste(asked))


def columns(matrix, group):
    at = names(FINE_VIEW).index(group.names[0])
    return dict(zip(group.names, matrix[:, at : at + len(group.names)].T, strict=True))


def close(found, expected, rel=2e-4, abs_=2e-5):
    np.testing.assert_allclose(
        found.astype(np.float64), np.array(expected, np.float64), rtol=rel, atol=abs_
    )


@pytest.fixture(params=[(kind, e) for kind in KINDS for e in range(len(EVENTS))], ids=str)
def case(request, funnels):
    """One pool, its query, the models, and the columns that were computed for it."""
    kind, events = request.param
    funnel = funnels[kind]
    asked = told(funnel, EVENTS[events], SEGMENTS[events])
    pool = random_pool(np.random.default_rng(events), 37, ITEMS)
    return asked, pool, KINDS[kind], funnel.fine.features.build(asked, pool)


def test_a_matrix_has_a_column_for_each_name_and_a_row_for_each_candidate(case):
    _, pool, _, matrix = case
    assert matrix.shape == (len(pool), len(names(FINE_VIEW)))
    assert matrix.dtype == np.float32
    assert not np.isinf(matrix).any()


def test_names_are_unique_and_the_coarse_columns_are_the_first_of_the_fine():
    assert len(set(names(FINE_VIEW))) == len(names(FINE_VIEW))
    assert names(FINE_VIEW)[: len(names(COARSE_VIEW))] == names(COARSE_VIEW)
    assert view_hash() == view_hash()
    assert len(view_hash()) == 16


def test_channel_columns_are_the_place_and_the_standing_in_each_list(case):
    _, pool, _, matrix = case
    found = columns(matrix, CHANNEL)
    for c, channel in enumerate(CHANNELS):
        proposed = [n for n in range(len(pool)) if pool.ranks[n, c] != ABSENT]
        values = [float(pool.signals[n, c]) for n in proposed]
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        places, standing = [0.0] * len(pool), [-3.0] * len(pool)
        for n, value in zip(proposed, values, strict=True):
            places[n] = 1 / (10 + pool.ranks[n, c])
            standing[n] = min(max((value - mean) / spread, -3.0), 8.0)
        close(found[f"{channel}_place"], places)
        close(found[f"{channel}_z"], standing, abs_=1e-3)


def test_items_that_are_new_within_hours_are_told_apart(funnels):
    """Seconds since 1970 in float32 are exact to two minutes; sums of them are not even that."""
    funnel, random = funnels["ratings"], np.random.default_rng(0)
    pool = random_pool(random, ITEMS, ITEMS)
    fresh = CHANNELS.index("fresh")
    first_seen = (1.7e9 + random.random(ITEMS) * 6 * 3600).astype(np.float32)
    pool.ranks[:, fresh], pool.signals[:, fresh] = np.arange(ITEMS), first_seen
    found = columns(funnel.fine.features.build(told(funnel, EVENTS[1]), pool), CHANNEL)["fresh_z"]
    exact = first_seen.astype(np.float64)
    close(found, (exact - exact.mean()) / exact.std(), abs_=0.05)


def test_agreement_counts_channels_and_fuses_their_ranks(case):
    _, pool, _, matrix = case
    found = columns(matrix, AGREEMENT)
    ranks = [[int(r) for r in row if r != ABSENT] for row in pool.ranks]
    close(found["fused"], [sum(1 / (60 + r) for r in row) for row in ranks])
    close(found["channels"], (pool.ranks[:, : len(CHANNELS)] != ABSENT).sum(axis=1))


def test_crowd_columns_are_decayed_counts_their_trend_and_the_items_age(case):
    asked, pool, models, matrix = case
    found = columns(matrix, CROWD)
    known = models.popularity
    for n, row in enumerate(pool.rows):
        fade = [2 ** -((asked.now - known.at) / h) for h in HALF_LIVES]
        liked = [known.liked[h, row] * f for h, f in enumerate(fade)]
        every = [known.counts[h, row] * f for h, f in enumerate(fade)]
        first = known.first_seen[row]
        age = math.log1p((asked.now - first) / DAY) if math.isfinite(first) else math.nan
        expected = [
            *(math.log1p(x) for x in liked),
            *(math.log((a + 0.5) / (b + 0.5)) for a, b in pairwise(liked)),
            (liked[-1] + 2) / (every[-1] + 4),
            (liked[2] + 1) / (every[2] + 2),
            age,
            known.mean_value[row],
        ]
        close(np.array([found[name][n] for name in CROWD.names]), expected)


def test_release_columns_are_the_items_age_and_how_unusual_it_is_for_the_user(case):
    asked, pool, models, matrix = case
    found = columns(matrix, RELEASE)
    released = models.catalogue.released.astype(np.float64)
    mine = [released[r] for r in asked.history.liked(50).rows if math.isfinite(released[r])]
    usual = sum(mine) / len(mine) if mine else math.nan
    years = [EPOCH_YEAR + asked.now / YEAR - released[r] for r in pool.rows]
    close(found["years_since_release"], years, abs_=1e-3)
    close(found["release_distance"], [abs(released[r] - usual) for r in pool.rows], abs_=1e-3)


def test_taste_columns_are_z_scores_over_the_pool(case):
    asked, pool, models, matrix = case
    found = columns(matrix, TASTE)
    for name, vectors, mine in [
        ("taste_factors", models.factors.items, asked.taste.factors),
        ("taste_content", models.content.items, asked.taste.content),
    ]:
        scores = [float(vectors[r].astype(float) @ mine.astype(float)) for r in pool.rows]
        mean = sum(scores) / len(scores)
        spread = math.sqrt(sum((s - mean) ** 2 for s in scores) / len(scores))
        close(found[name], [(s - mean) / max(spread, 1e-9) for s in scores], abs_=1e-3)


def test_nearness_columns_are_cosines_to_the_newest_liked_items(case):
    asked, pool, models, matrix = case
    found = columns(matrix, NEARNESS)
    liked = asked.history.liked(20).rows
    for space, vectors in [("factors", models.factors.items), ("content", models.content.items)]:
        for n, row in enumerate(pool.rows):
            near = [cosine(vectors[row], vectors[other]) for other in liked]
            told = [found[f"{space}_{window}"][n] for window in ("last", "last5", "last20", "mean")]
            expected = [near[0], max(near[:5]), max(near), sum(near) / len(near)] if near else None
            if expected and vectors.shape[1]:
                close(np.array(told), expected)
            else:
                assert np.isnan(told).all()


def cosine(one, two):
    one, two = one.astype(float), two.astype(float)
    lengths = math.sqrt(one @ one) * math.sqrt(two @ two)
    return float(one @ two) / lengths if lengths > 1e-9 else 0.0


def test_category_lift_is_the_users_share_of_likes_against_the_crowds(case):
    asked, pool, models, matrix = case
    found = columns(matrix, CATEGORY)["category_lift"]
    table = models.catalogue.categories
    mine = [
        sum(int(table[r, c]) for r in asked.history.liked(200).rows) for c in range(table.shape[1])
    ]
    overall = overall_share(models)
    crowd = [sum(overall[i] * table[i, c] for i in range(ITEMS)) for c in range(table.shape[1])]
    if not sum(mine):
        assert np.isnan(found).all()
        return
    lift = [
        math.log((m / sum(mine) + 0.01) / (share / sum(crowd) + 0.01))
        for m, share in zip(mine, crowd, strict=True)
    ]
    expected = [
        sum(lift[c] for c in np.flatnonzero(table[r])) / max(int(table[r].sum()), 1)
        for r in pool.rows
    ]
    close(found, expected)


def test_segment_lift_is_how_much_more_users_like_this_one_take_the_item(case):
    asked, pool, models, matrix = case
    found = columns(matrix, SEGMENT)["segment_lift"]
    segments, overall = models.segments, overall_share(models)
    known = [segments.offsets[a] + code for a, code in enumerate(asked.segments) if code >= 0]
    if not known:
        assert np.isnan(found).all()
        return
    expected = [
        sum(math.log((segments.share[s, r] + TINY) / (overall[r] + TINY)) for s in known)
        / len(known)
        for r in pool.rows
    ]
    close(found, expected)


def test_user_columns_say_how_active_content_and_recent_the_user_is(case):
    asked, pool, _, matrix = case
    found = columns(matrix, USER)
    events = asked.history
    if not len(events):
        assert (found["user_events"] == 0).all()
        assert all(np.isnan(found[name]).all() for name in USER.names[1:])
        return
    newest = max(events.times)
    expected = {
        "user_events": math.log1p(len(events)),
        "user_liked": sum(w > 0 for w in events.weights) / len(events),
        "user_mean": sum(events.values) / len(events),
        "user_span": math.log1p((newest - min(events.times)) / DAY),
        "user_gap": math.log1p((asked.now - newest) / DAY),
        "user_day": math.log1p(sum(t >= newest - DAY for t in events.times)),
    }
    for name, value in expected.items():
        close(found[name], [value] * len(pool))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1])
def test_the_smallest_pools_warn_nothing(funnels, kind, n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for events in EVENTS:
            asked = told(funnels[kind], events, segments=(-1, -1))
            pool = random_pool(np.random.default_rng(0), n, ITEMS)
            for stage in (funnels[kind].coarse, funnels[kind].fine):
                assert stage.features.build(asked, pool).shape[0] == n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", ["u03", "u17", "stranger", ""])
async def test_what_serving_computes_is_what_training_saw_bit_for_bit(funnels, kind, user):
    """Serving computes the coarse columns, cuts the pool and adds the rest; training does not."""
    funnel = funnels[kind]
    slate = await funnel.recommend(request(user, 5))
    whole = funnel.fine.features.build(slate.query, slate.merged)
    assert len(slate.merged) > len(slate.chosen) > 0
    for pool in (slate.fine, slate.chosen.pool):
        at = np.searchsorted(slate.merged.rows, pool.rows)
        assert whole[at].tobytes() == pool.features.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_of_an_item_do_not_depend_on_how_many_others_were_kept(funnels, kind):
    funnel, random = funnels[kind], np.random.default_rng(1)
    for events in EVENTS:
        asked = told(funnel, events)
        merged = random_pool(random, ITEMS, ITEMS)
        coarse = replace(merged, features=funnel.coarse.features.build(asked, merged))
        whole = funnel.fine.features.build(asked, merged)
        for keep in range(1, ITEMS):
            chosen = random.permutation(ITEMS)[:keep]
            kept = funnel.fine.features.build(asked, coarse.take(chosen))
            assert kept.tobytes() == whole[chosen].tobytes()


def test_the_bits_of_nearness_are_those_of_large_pools_too(cpu):
    """BLAS takes other paths for large products: the pools of real catalogues."""
    random = np.random.default_rng(0)
    n, models = 900, small_models()
    vectors = random.standard_normal((n, 64)).astype(np.float32)
    content = np.abs(random.standard_normal((n, 19))).astype(np.float32)
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    wide = widened(models, vectors, content)
    funnel = build(wide, Wiring(cpu, NO_HURRY))
    merged = random_pool(random, 800, n)
    for h in (1, 2, 5, 20):
        events = history(*((i * 31 % n, 5, 1, 9e8 - i) for i in range(h)))
        asked = replace(told(funnel, events), excluded=np.zeros(n, np.bool_))
        coarse = replace(merged, features=funnel.coarse.features.build(asked, merged))
        whole = funnel.fine.features.build(asked, merged)
        for keep in (300, 299, 100, 37, 7, 1):
            chosen = random.permutation(800)[:keep]
            kept = funnel.fine.features.build(asked, coarse.take(chosen))
            assert kept.tobytes() == whole[chosen].tobytes()


def widened(models, vectors, content):
    """The same models over more items, of which only the vectors matter."""
    n = len(vectors)

    def tile(array):
        return np.concatenate([array] * (n // ITEMS + 1), axis=-1)[..., :n]

    catalogue, crowd = models.catalogue, models.popularity
    return replace(
        models,
        catalogue=replace(
            catalogue,
            ids=replace(catalogue.ids, keys=np.array([b"%04d" % i for i in range(n)])),
            categories=np.ascontiguousarray(tile(catalogue.categories.T).T),
            released=tile(catalogue.released),
            available=np.ones(n, np.bool_),
        ),
        popularity=replace(
            crowd,
            counts=tile(crowd.counts),
            liked=tile(crowd.liked),
            first_seen=tile(crowd.first_seen),
            mean_value=tile(crowd.mean_value),
        ),
        segments=replace(models.segments, share=tile(models.segments.share)),
        factors=replace(models.factors, items=vectors, gram=vectors.T @ vectors),
        content=replace(models.content, items=content),
    )


def test_an_event_moves_the_columns_of_its_item_alone(cpu):
    funnel = build(small_models(), Wiring(cpu, NO_HURRY))
    asked = told(funnel, EVENTS[3])
    pool = random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    before = funnel.fine.features.build(asked, pool)
    live: Live = funnel.profiles.live
    live.apply(np.array([11]), np.array([1.0], np.float32), np.array([asked.now]))
    after = funnel.fine.features.build(asked, pool)
    same = np.array([a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True)])
    assert np.flatnonzero(~same).tolist() == [11]
    assert columns(after, CROWD)["liked_1d"][11] > columns(before, CROWD)["liked_1d"][11]
