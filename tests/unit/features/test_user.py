"""The features of the user, compared with a slow, obvious reference."""

import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.artifacts import DAY
from app.features.user import AFFINITY, CATEGORY, CLOCK, HABIT, PROVIDER, USER
from tests.fakes import ITEMS, PROVIDERS, history, random_pool, small_models
from tests.feature_cases import EVENTS, build_query, close, columns, funnel, is_unknown
from tests.feature_cases import case as build_case


def categories(case, row):
    return np.flatnonzero(case.models.catalogue.categories[row]).tolist()


def mean_over(case, values):
    """The mean value of the categories of each item; 0 where it has none."""
    return [
        sum(values.get(c, 0.0) for c in categories(case, r)) / max(len(categories(case, r)), 1)
        for r in case.pool.rows
    ]


def test_category_lift_is_the_users_share_of_likes_against_that_of_all_users(case):
    result = case.columns(CATEGORY)["category_lift"]
    mine = Counter(c for r in case.query.history.liked(200).rows for c in categories(case, r))
    likes, overall = case.models.popularity.liked[-1], Counter()
    for row in range(ITEMS):
        overall.update({c: float(likes[row]) for c in categories(case, row)})
    if not mine:
        assert is_unknown(result)
        return
    lift = {
        c: math.log((mine[c] / mine.total() + 0.01) / (overall[c] / overall.total() + 0.01))
        for c in range(case.models.catalogue.categories.shape[1])
    }
    close(result, mean_over(case, lift))


def test_affinity_is_how_the_user_values_the_items_categories_and_how_often_they_occur(case):
    result, events = case.columns(AFFINITY), case.query.history
    liked = events.liked(20).rows
    if not len(liked) or not case.models.catalogue.categories.shape[1]:
        assert all(is_unknown(column) for column in result.values())
        return
    mean = sum(events.values.tolist()) / len(events)
    above, seen = Counter(), Counter()
    for row, value in zip(events.rows, events.values.tolist(), strict=True):
        for c in categories(case, row):
            above[c] += value - mean
            seen[c] += 1
    close(result["category_value"], mean_over(case, {c: above[c] / (seen[c] + 3) for c in above}))
    recent = Counter(c for row in liked for c in categories(case, row))
    close(result["category_recent"], mean_over(case, {c: recent[c] / len(liked) for c in recent}))


def test_a_category_that_the_user_rates_above_the_others_has_a_higher_value():
    catalogue = build_case("ratings", "nothing").models.catalogue
    alone = [r for r in range(ITEMS) if catalogue.categories[r].sum() == 1]
    first = int(np.argmax(catalogue.categories[alone[0]]))
    good = [r for r in alone if catalogue.categories[r, first]]
    bad = [r for r in alone if not catalogue.categories[r, first]]
    events = history((good[0], 5, 1, 9e8 + 3), (bad[0], 1, 1, 9e8 + 2), (good[1], 4, 1, 9e8))
    pool = random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    built = funnel("ratings").fine.features.build(build_query(funnel("ratings"), events), pool)
    result = columns(built, AFFINITY)
    assert result["category_value"][good].min() > 0 > result["category_value"][bad].min()
    assert result["category_recent"][good] == pytest.approx(2 / 3)


def test_habit_is_how_popular_how_new_and_how_varied_the_likes_are(case):
    result, overall = case.columns(HABIT), case.models.popularity
    liked = case.query.history.liked(50)
    if not len(liked):
        assert all(is_unknown(column) for column in result.values())
        return
    pop = {row: math.log1p(overall.liked[-1, row]) for row in range(ITEMS)}
    usual = sum(pop[row] for row in liked.rows) / len(liked)
    when = zip(liked.rows, liked.times, strict=True)
    ages = [math.log1p(max(t - overall.first_seen[row], 0) / DAY) for row, t in when]
    age = {row: (case.query.counters_at - overall.first_seen[row]) / DAY for row in range(ITEMS)}
    rows, n = case.pool.rows, len(case.pool)
    close(result["habit_popularity"], [usual] * n)
    close(result["habit_distance"], [abs(pop[row] - usual) for row in rows])
    expected = [
        abs(math.log1p(age[row]) - sum(ages) / len(ages)) if age[row] >= 0 else math.nan
        for row in rows
    ]
    close(result["habit_age"], expected, abs_=1e-4)
    counts = Counter(c for row in liked.rows for c in categories(case, row))
    shares = [count / counts.total() for count in counts.values()]
    breadth = math.exp(-sum(s * math.log(s) for s in shares)) if shares else math.nan
    close(result["habit_breadth"], [breadth] * n)


def test_breadth_is_the_number_of_categories_when_all_are_liked_equally():
    table = build_case("ratings", "nothing").models.catalogue.categories
    alone = [r for r in range(ITEMS) if table[r].sum() == 1]
    one_each = {int(np.argmax(table[r])): r for r in alone}
    for n in range(1, len(one_each) + 1):
        events = history(*((row, 5, 1, 9e8) for row in list(one_each.values())[:n]))
        pool = random_pool(np.random.default_rng(0), 3, ITEMS)
        built = funnel("ratings").fine.features.build(build_query(funnel("ratings"), events), pool)
        close(columns(built, HABIT)["habit_breadth"], [n] * 3)


def test_an_item_without_events_counts_as_age_zero_in_a_habit():
    """An item whose only event is in this session was new when it was liked."""
    result = build_case("ratings", "an item nobody knew")
    overall, habit = result.models.popularity, result.columns(HABIT)
    assert math.isinf(overall.first_seen[ITEMS - 1])
    age = [(result.query.counters_at - overall.first_seen[row]) / DAY for row in result.pool.rows]
    known = [n for n, days in enumerate(age) if days >= 0]
    close(habit["habit_age"][known], [math.log1p(age[n]) for n in known], abs_=1e-4)
    assert habit["habit_popularity"][0] == 0


def test_user_columns_are_activity_mean_value_and_recency(case):
    result, events = case.columns(USER), case.query.history
    if not len(events):
        assert (result["user_events"] == 0).all()
        assert all(is_unknown(result[name]) for name in USER.names[1:])
        return
    newest = max(events.times)
    expected = {
        "user_events": math.log1p(len(events)),
        "user_liked": sum(w > 0 for w in events.weights) / len(events),
        "user_mean": sum(events.values) / len(events),
        "user_span": math.log1p((newest - min(events.times)) / DAY),
        "user_gap": math.log1p((case.query.now - newest) / DAY),
        "user_day": math.log1p(sum(t >= newest - DAY for t in events.times)),
    }
    for name, value in expected.items():
        close(result[name], [value] * len(case.pool))


MOMENTS = ["1970-01-01T00:00:00", "1997-09-20T03:05:10", "1998-04-19T23:59:59", "2026-07-01T12:00"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_clock_is_the_time_of_day_and_the_day_since_thursday_by_utc(moment):
    when = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    one = replace(build_query(funnel("ratings"), EVENTS["one like"]), now=when.timestamp())
    pool = random_pool(np.random.default_rng(0), 3, ITEMS)
    result = columns(funnel("ratings").fine.features.build(one, pool), CLOCK)
    midnight = when.replace(hour=0, minute=0, second=0)
    close(result["time_of_day"], [(when - midnight).total_seconds() / DAY] * 3)
    close(result["day_of_week"], [(when.weekday() - 3) % 7] * 3)


def by_provider(case, rows):
    """Count rows by the name of their provider, without rows that have none."""
    catalogue = case.models.catalogue
    codes = [int(catalogue.providers[row]) for row in rows]
    return Counter(PROVIDERS[code] for code in codes if code >= 0)


def test_provider_lift_is_the_users_share_of_likes_against_that_of_all_users(case):
    result = case.columns(PROVIDER)["provider_lift"]
    mine = by_provider(case, case.query.history.liked(200).rows)
    if not mine:
        assert is_unknown(result)
        return
    likes, overall = case.models.popularity.liked[-1], Counter()
    for row in range(ITEMS):
        for name in by_provider(case, [row]):
            overall[name] += float(likes[row])
    expected = []
    for row in case.pool.rows:
        names_ = list(by_provider(case, [row]))
        share = [
            (mine[n] / mine.total() + 0.01) / (overall[n] / overall.total() + 0.01) for n in names_
        ]
        expected.append(math.log(share[0]) if share else math.nan)
    close(result, expected)


def test_likes_of_a_provider_lift_its_other_items():
    events = history(*((row, 5, 1, 9e8 - row) for row in (0, 6, 12)))  # all of the first provider
    pool = random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    one = funnel("ratings")
    lift = columns(one.fine.features.build(build_query(one, events), pool), PROVIDER)[
        "provider_lift"
    ]
    codes = small_models().catalogue.providers[pool.rows]
    assert np.isnan(lift[codes < 0]).all()
    assert (codes < 0).any()
    assert lift[codes == 0].min() > 0 > lift[codes > 0].max()
