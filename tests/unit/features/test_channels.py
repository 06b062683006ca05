"""The features of the channels, compared with a slow, obvious reference."""

import math

import numpy as np
import pytest

from app.contracts import ABSENT
from app.features.channels import AGREEMENT
from app.features.views import COARSE_VIEW
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from tests.fakes import ITEMS, random_pool
from tests.feature_cases import EVENTS, build_query, close, columns, funnel

CHANNEL = COARSE_VIEW[0]


def z_scores(values):
    """Return how many standard deviations each value is from the mean."""
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    return [(v - mean) / spread for v in values]


def test_channel_columns_are_the_place_and_the_z_score_in_each_list(case):
    pool, result = case.pool, case.columns(CHANNEL)
    for c, channel in enumerate(CHANNELS):
        proposed = [n for n in range(len(pool)) if pool.ranks[n, c] != ABSENT]
        places, z = [0.0] * len(pool), [-3.0] * len(pool)
        for n, away in zip(
            proposed, z_scores([float(pool.signals[n, c]) for n in proposed]), strict=True
        ):
            places[n], z[n] = 1 / (10 + pool.ranks[n, c]), min(max(away, -3.0), 8.0)
        close(result[f"{channel}_rank"], places)
        close(result[f"{channel}_z"], z, abs_=1e-3)


def built(signals, proposed=None):
    """The channel columns of a pool of which the first channel has these signals."""
    pool = random_pool(np.random.default_rng(0), len(signals), ITEMS)
    pool.signals[:, 0], pool.ranks[:, 0] = signals, np.arange(len(signals))
    if proposed is not None:
        pool.ranks[~proposed, 0] = ABSENT
    query = build_query(funnel("ratings"), EVENTS["one like"])
    return columns(funnel("ratings").fine.features.build(query, pool), CHANNEL)


def test_large_scores_that_differ_by_little_have_different_z_scores():
    """Seconds since 1970 in float32 are exact to two minutes; sums of them are not even that."""
    random = np.random.default_rng(0)
    signals = (1.7e9 + random.random(ITEMS) * 6 * 3600).astype(np.float32)
    result = built(signals)[f"{CHANNELS[0]}_z"]
    close(result, z_scores(signals.astype(float).tolist()), abs_=0.05)


@pytest.mark.parametrize("value", [0.1, 1e-6, 12_345.6])
def test_a_channel_with_equal_scores_has_z_scores_of_zero(value):
    assert built(np.full(7, value, np.float32))[f"{CHANNELS[0]}_z"].tolist() == [0] * 7


def test_an_outlier_is_clipped_at_the_largest_z_score():
    signals = np.array([1_000, *[0.01] * 79], np.float32)
    assert built(signals)[f"{CHANNELS[0]}_z"].tolist()[0] == 8.0


def test_a_channel_without_proposals_has_no_places_and_the_lowest_z_scores():
    result = built(np.zeros(9, np.float32), np.zeros(9, np.bool_))
    assert result[f"{CHANNELS[0]}_rank"].tolist() == [0] * 9
    assert result[f"{CHANNELS[0]}_z"].tolist() == [-3] * 9


def test_agreement_counts_channels_and_fuses_their_ranks(case):
    pool, result = case.pool, case.columns(AGREEMENT)
    ranks = [[int(r) for r in row if r != ABSENT] for row in pool.ranks]
    close(result["fused"], [sum(1 / (60 + r) for r in row) for row in ranks])
    close(
        result["channels"], [sum(r != ABSENT for r in row[: len(CHANNELS)]) for row in pool.ranks]
    )


def test_personal_channels_are_those_that_need_a_history_or_friends():
    assert set(CHANNELS) - set(PERSONAL_CHANNELS) == {"surging", "trending", "popular", "fresh"}
    assert CHANNELS[: len(PERSONAL_CHANNELS)] == PERSONAL_CHANNELS
