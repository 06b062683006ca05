"""Trees add to the score of the linear model that they were grown from."""

import lightgbm
import numpy as np
import pytest

from app.rank.gbdt import GradientBoosting
from tests.unit.rank.test_scorers import FEATURES, LABELS, RANDOM, coarse


@pytest.fixture(scope="module")
def fine():
    data = lightgbm.Dataset(FEATURES, LABELS, group=[40] * 10, params={"verbosity": -1})
    parameters = {"objective": "lambdarank", "verbosity": -1, "num_threads": 1, "min_data": 5}
    boosters = (lightgbm.train(parameters | {"seed": s}, data, 10) for s in (1, 2))
    return GradientBoosting(coarse(), tuple(boosters))


def test_scores_are_those_of_the_linear_model_and_what_the_mean_booster_adds(fine):
    holes = np.where(RANDOM.random(FEATURES.shape) < 0.3, np.float32(np.nan), FEATURES)
    scores = fine.score(holes)
    assert scores.dtype == np.float32
    added = np.mean([booster.predict(holes) for booster in fine.boosters], axis=0)
    assert scores == pytest.approx(fine.base.score(holes) + added, rel=1e-4, abs=1e-4)
    added = np.mean([booster.predict(holes, num_iteration=3) for booster in fine.boosters], axis=0)
    few = fine.base.score(holes) + added
    assert fine.score(holes, 3) == pytest.approx(few, rel=1e-4, abs=1e-4)


def test_fine_puts_what_was_taken_before_what_was_not(fine):
    scores = fine.score(FEATURES)
    assert scores[LABELS == 1].mean() > scores[LABELS == 0].mean()
