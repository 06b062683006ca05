import numpy as np
import pytest

from app.artifacts import HALF_LIVES
from offline.models.popularity import PopularityConfig, fit_popularity
from tests.unit.models.logs import DAY, EMPTY, SHAPE, random_log


@pytest.mark.parametrize("seed", range(2))
def test_counts_are_those_of_the_obvious_loop(seed):
    log, at = random_log(seed, repeats=True), 40 * DAY
    counts, liked = np.zeros((2, len(HALF_LIVES), SHAPE[1]))
    first = np.full(SHAPE[1], np.inf)
    counted = set()
    for user, item, weight, time in zip(log.users, log.items, log.weights, log.times, strict=True):
        if (user, item, time // 3600) in counted:
            continue
        counted.add((user, item, time // 3600))
        for h, half_life in enumerate(HALF_LIVES):
            counts[h, item] += 2 ** -((at - time) / half_life)
            liked[h, item] += max(weight, 0) * 2 ** -((at - time) / half_life)
        first[item] = min(first[item], time)
    found = fit_popularity(log, SHAPE[1], at, PopularityConfig())
    assert found.at == at
    assert np.allclose(found.counts, counts)
    assert np.allclose(found.liked, liked)
    assert found.first_seen.tolist() == first.tolist()


def test_the_mean_value_is_shrunk_to_the_overall_mean():
    log = random_log(0)
    found = fit_popularity(log, SHAPE[1], 40 * DAY, PopularityConfig(shrink=5.0)).mean_value
    own = log.values[log.items == 3]
    expected = (own.sum() + 5 * log.values.mean()) / (len(own) + 5)
    assert found[3] == pytest.approx(expected, rel=1e-6)
    assert found[8] == pytest.approx(log.values.mean(), rel=1e-6)


def test_nothing_is_popular_before_the_first_event():
    found = fit_popularity(EMPTY, SHAPE[1], 0.0, PopularityConfig(shrink=0.0))
    assert not found.counts.any()
    assert not found.liked.any()
    assert not found.mean_value.any()
    assert np.isinf(found.first_seen).all()
