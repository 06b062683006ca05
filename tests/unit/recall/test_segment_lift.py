"""The lift of items by segment: that of the bundle, updated with new likes."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from app.artifacts import DAY
from app.kernels.features import MIN_SHARE
from app.live_catalogue.catalogue_overlay import build_overlay, with_spare_rows
from app.query_builder import QueryBuilder
from app.recall.popularity import compute_segment_lift
from app.state.counters import REBASE_AFTER, PopularityCounters
from app.state.group_counts import HALF_LIFE, SegmentCounts
from offline.models.registry import fit_models
from offline.training.past_requests import advance_counters
from tests.fakes import ITEMS, SMALL, query, small_dataset, small_models

MODELS = small_models()
MODEL, AT = MODELS.segments, MODELS.popularity.at
EVERY = np.arange(ITEMS)
LAST = int(MODEL.offsets[-1])  # the row of all users


def lift(counters, *codes, models=MODELS, rows=EVERY, now=None):
    one = query(
        segments=np.array(codes, np.int32), counters_at=counters.now if now is None else now
    )
    return compute_segment_lift(models.segments, counters, one, rows)


def like(counters, row, *members, times=None, weight=1.0):
    """Apply one event on this item by each of these members, named by their segment rows."""
    n = len(members)
    at = np.full(n, AT) if times is None else np.array(times)
    counters.apply(np.full(n, row), np.full(n, weight, np.float32), at, np.array(members))


def test_new_likes_count_like_old_ones_and_decay():
    counters, events = PopularityCounters.of(MODELS), []
    random = np.random.default_rng(0)
    for row, age in zip(random.integers(0, ITEMS, 300), random.random(300) * 60 * DAY, strict=True):
        of = (int(random.integers(-1, MODEL.offsets[1])), int(random.choice([-1, 5, 6])))
        events.append((int(row), of, float(random.integers(-1, 3)), AT + age))
    events.sort(key=lambda event: event[3])
    for row, of, weight, time in events:
        like(counters, row, of, times=[time], weight=weight)
    now = counters.now

    def new_likes(segment, item=None):
        return sum(
            max(weight, 0) * 2.0 ** (-(now - time) / HALF_LIFE)
            for row, of, weight, time in events
            if (segment == LAST or segment in of) and item in {None, row}
        )

    def overall(item):
        old = float(MODEL.share[-1, item]) * MODEL.mass[-1]
        return (old + new_likes(LAST, item)) / (MODEL.mass[-1] + new_likes(LAST))

    def share(segment, item):
        own = MODEL.share[segment, item] * (MODEL.mass[segment] + MODEL.prior)
        own -= MODEL.prior * MODEL.share[-1, item]  # likes of the segment
        likes = own + new_likes(segment, item) + MODEL.prior * overall(item)
        return float(likes / (MODEL.mass[segment] + new_likes(segment) + MODEL.prior))

    expected = [
        sum(math.log((share(s, i) + MIN_SHARE) / (overall(i) + MIN_SHARE)) for s in (1, 6)) / 2
        for i in EVERY.tolist()
    ]
    result = lift(counters, 1, 6 - int(MODEL.offsets[1]))
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-5)
    assert not np.allclose(
        result, lift(PopularityCounters.of(MODELS), 1, 6 - int(MODEL.offsets[1])), atol=1e-3
    )


def test_likes_of_a_segment_lift_the_item_for_that_segment_alone():
    counters = PopularityCounters.of(MODELS)
    before, other = lift(counters, 1, -1)[5], lift(counters, 2, -1)[5]
    like(counters, 5, *[(1, -1)] * 500)
    assert lift(counters, 1, -1)[5] > before + 0.05
    assert lift(counters, 2, -1)[5] == pytest.approx(other, abs=1e-4)


def test_an_item_that_all_segments_like_more_is_lifted_for_none():
    """Every segment likes the item in proportion to its size."""
    even = replace(MODEL, share=np.repeat(MODEL.share[-1:], LAST + 1, axis=0))
    models = replace(MODELS, segments=even)
    counters = PopularityCounters.of(models)
    members = [row for row in range(MODEL.offsets[1]) for _ in range(round(even.mass[row] * 10))]
    like(counters, 5, *[(row, -1) for row in members])
    missing = round(even.mass[-1] * 10) - len(members)
    like(counters, 5, *[(-1, -1)] * missing)
    assert counters.segments.totals[LAST] * counters.segments.decay_at(AT) == pytest.approx(
        10 * even.mass[-1], 1e-3
    )
    for code in range(MODEL.offsets[1]):
        np.testing.assert_allclose(lift(counters, code, -1, models=models), 0.0, atol=2e-3)


def test_updated_segments_equal_those_fitted_at_the_later_moment():
    """Without decay, as the bundle's own likes do not decay."""
    dataset = small_dataset()
    log = dataset.log
    start, later = float(log.times[500]), float(log.times[900])
    models = fit_models(dataset, log.before(start), SMALL, start)
    whole = fit_models(dataset, log.before(later), SMALL, later)
    counters = PopularityCounters.of(models)
    counters.segments = SegmentCounts(LAST, ITEMS, 0, counters.reference, half_life=np.inf)
    advance_counters(QueryBuilder(models, counters), log, start, later)
    for codes in ((1, 0), (2, 1), (-1, 1)):
        moved = lift(counters, *codes, models=models)
        np.testing.assert_allclose(
            moved, lift(PopularityCounters.of(whole), *codes, models=whole), atol=1e-4
        )
        assert not np.allclose(
            moved, lift(PopularityCounters.of(models), *codes, models=models), atol=1e-2
        )


def test_an_item_newer_than_the_bundle_is_lifted_by_its_likes():
    spare = 3
    models = with_spare_rows(MODELS, build_overlay(MODELS.catalogue, spare))
    counters = PopularityCounters.of(models, spare)
    new = np.array([ITEMS])
    assert lift(counters, 1, -1, models=models, rows=new).tolist() == [0.0]
    like(counters, ITEMS, (1, -1))
    assert lift(counters, 1, -1, models=models, rows=new) > 0.0
    assert lift(counters, 2, -1, models=models, rows=new) < 0.0
    counters.open_row(ITEMS, AT)
    np.testing.assert_allclose(lift(counters, 1, -1, models=models, rows=new), 0.0, atol=1e-3)


@pytest.mark.parametrize("spare", [0, 7])
def test_segments_are_not_counted_live_where_the_table_would_be_too_large(spare):
    def live_with(cells, likes=500):
        counters = PopularityCounters.of(MODELS, spare)
        counters.segments = SegmentCounts(LAST, ITEMS, spare, counters.reference, max_cells=cells)
        like(counters, 5, *[(1, -1)] * likes)
        return counters

    cells = LAST * ITEMS
    few, many = live_with(cells), live_with(cells - 1)
    assert (len(few.segments), len(many.segments)) == (LAST + 1, 0)
    assert np.array_equal(lift(many, 1, -1), lift(live_with(cells - 1, likes=1), 1, -1))
    assert not np.array_equal(lift(few, 1, -1), lift(many, 1, -1))


def test_the_lift_does_not_depend_on_how_events_are_batched():
    random = np.random.default_rng(3)
    n = 400
    rows, weights = random.integers(0, ITEMS, n), random.random(n).astype(np.float32)
    times = AT + np.sort(random.random(n)) * 1.5 * REBASE_AFTER
    of = np.stack([random.integers(-1, 5, n), random.choice([-1, 5, 6], n)], axis=1)

    @cache
    def lift_of_batches(*cuts):
        counters = PopularityCounters.of(MODELS)
        for part in np.split(np.arange(n), cuts):
            counters.apply(rows[part], weights[part], times[part], of[part])
        assert counters.reference > AT
        return lift(counters, 1, 1).tobytes()

    assert (
        lift_of_batches()
        == lift_of_batches(1, 2, 150)
        == lift_of_batches(*range(n))
        == lift_of_batches(200, 399)
    )
