import numpy as np
import pytest

from offline.models.rp3beta import RP3betaConfig, fit_rp3beta
from tests.unit.models.logs import DAY, SHAPE, log_of, random_log, to_dense


def walks(log, config):
    """Every walk from item to user to item, one after the other."""
    likes = np.zeros(SHAPE)
    for u, i, w, t in zip(log.users, log.items, log.weights, log.times, strict=True):
        likes[u, i] += max(w, 0) * 0.5 ** ((log.times[-1] - t) / config.half_life)
    found = np.zeros((SHAPE[1], SHAPE[1]))
    for i in range(SHAPE[1]):
        for u in range(SHAPE[0]):
            for j in range(SHAPE[1]):
                if i != j and likes[u, i] and likes[u, j]:
                    there = likes[u, i] / likes[:, i].sum()
                    back = likes[u, j] / likes[u].sum()
                    step = (there * back) ** config.alpha
                    found[i, j] += step / likes[:, j].sum() ** config.beta
    return found


SETTINGS = [{}, {"alpha": 0.7, "beta": 0.0}, {"alpha": 1.5, "beta": 0.3, "half_life": 9 * DAY}]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("settings", SETTINGS)
def test_weights_are_the_sums_over_all_walks(settings, seed):
    config = RP3betaConfig(**settings)
    log = random_log(seed, m=60, repeats=True)
    expected = walks(log, config)
    assert np.allclose(to_dense(fit_rp3beta(log, SHAPE, config)), expected, atol=1e-6)
    assert expected.any()


def test_one_user_walks_to_the_other_item_half_of_the_time():
    log = log_of((0, 0, 1, 1, 0), (0, 2, 1, 1, 1))
    table = fit_rp3beta(log, (1, 3), RP3betaConfig(beta=0.0))
    assert table.rows.tolist() == [2, 0]
    assert np.allclose(table.weights, 0.5)
