import numpy as np
import pytest

from offline.models.rp3beta import RP3betaConfig, fit_rp3beta
from tests.unit.models.logs import DAY, EMPTY, SHAPE, constant, log_of, random_log, to_dense


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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("settings", SETTINGS)
def test_weights_are_the_sums_over_all_walks(settings, seed):
    config = RP3betaConfig(**settings)
    log = random_log(seed, m=60, repeats=True)
    expected = walks(log, config)
    assert np.allclose(to_dense(fit_rp3beta(log, SHAPE, config)), expected, atol=1e-6)
    assert expected.any()


def test_only_the_best_are_kept_best_first_and_never_the_item_itself():
    log = random_log(1)
    whole = to_dense(fit_rp3beta(log, SHAPE, RP3betaConfig()))
    table = fit_rp3beta(log, SHAPE, RP3betaConfig(neighbours=2))
    for item in range(SHAPE[1]):
        span = slice(table.indptr[item], table.indptr[item + 1])
        best = sorted((-whole[item, j], j) for j in np.flatnonzero(whole[item]))[:2]
        assert table.rows[span].tolist() == [j for _, j in best]
        assert item not in table.rows[span]


def test_small_blocks_give_the_same_bits_as_one():
    log = constant(random_log(2))
    whole = fit_rp3beta(log, SHAPE, RP3betaConfig())
    cut = fit_rp3beta(log, SHAPE, RP3betaConfig(), max_entries=5)
    assert cut.rows.tobytes() == whole.rows.tobytes()
    assert cut.weights.tobytes() == whole.weights.tobytes()


@pytest.mark.parametrize("log", [EMPTY, log_of((0, 0, 5, 1, 0)), log_of((0, 0, 1, -1, 0))])
def test_where_no_two_items_meet_every_item_is_alone(log):
    table = fit_rp3beta(log, SHAPE, RP3betaConfig())
    assert (len(table), len(table.rows)) == (SHAPE[1], 0)
    assert (table.indptr.dtype, table.rows.dtype, table.weights.dtype) == ("i8", "i4", "f4")


def test_one_user_walks_to_the_other_item_half_of_the_time():
    log = log_of((0, 0, 1, 1, 0), (0, 2, 1, 1, 1))
    table = fit_rp3beta(log, (1, 3), RP3betaConfig(beta=0.0))
    assert table.rows.tolist() == [2, 0]
    assert np.allclose(table.weights, 0.5)


def test_a_catalogue_of_nothing_has_an_empty_table():
    assert len(fit_rp3beta(EMPTY, (0, 0), RP3betaConfig())) == 0
