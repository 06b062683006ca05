import numpy as np
import pytest

from offline.models.interactions import latest_events
from offline.models.user_cf import UserCFConfig, fit_raters, should_centre
from tests.unit.models.logs import DAY, EMPTY, SHAPE, constant, log_of, random_log


def likeness(table, rows, own):
    """What serving computes: the product of the live history with the rater lists."""
    found = np.zeros(SHAPE[0])
    for row, c in zip(rows, own, strict=True):
        span = slice(table.indptr[row], table.indptr[row + 1])
        found[table.rows[span]] += c * table.weights[span]
    return found / np.linalg.norm(own)


def dense_pearson(rated):
    """Correlate users over their whole vectors: means over what each rated, 0 where not rated."""
    gaps = np.zeros(rated.shape)
    for u, row in enumerate(rated):
        known = np.isfinite(row)
        if known.any():
            gaps[u, known] = row[known] - row[known].mean()
    lengths = np.linalg.norm(gaps, axis=1)
    alike = np.zeros((len(rated), len(rated)))
    for u in range(len(rated)):
        for v in range(len(rated)):
            if lengths[u] and lengths[v]:
                alike[u, v] = gaps[u] @ gaps[v] / (lengths[u] * lengths[v])
    return alike


def rated(log):
    dense = np.full(SHAPE, np.nan)
    dense[log.users, log.items] = log.values
    return dense


@pytest.mark.parametrize("seed", range(2))
def test_a_live_history_times_the_table_is_the_pearson_correlation(seed):
    log = random_log(seed, m=50)
    table, expected = (
        fit_raters(log, SHAPE, UserCFConfig(), centred=True),
        dense_pearson(rated(log)),
    )
    compared = 0
    for u in np.unique(log.users):
        mine = np.flatnonzero(log.users == u)
        own = log.values[mine] - log.values[mine].mean()
        if own.any():
            compared += 1
            assert np.allclose(likeness(table, log.items[mine], own), expected[u], atol=1e-6)
    assert compared > 5


def test_without_centring_it_is_the_cosine_of_likes():
    log = constant(random_log(1, m=40))
    table = fit_raters(log, SHAPE, UserCFConfig(), centred=False)
    sets = [set(log.items[log.users == u].tolist()) for u in range(SHAPE[0])]
    found = likeness(table, np.array(sorted(sets[0])), np.ones(len(sets[0])))
    for v, other in enumerate(sets):
        expected = len(sets[0] & other) / np.sqrt(len(sets[0]) * len(other)) if other else 0.0
        assert found[v] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("centred", [True, False])
def test_an_old_opinion_counts_less_in_its_users_vector(centred):
    log, config = random_log(2), UserCFConfig(half_life=10 * DAY)
    table = fit_raters(log, SHAPE, config, centred=centred)
    expected = np.zeros(SHAPE)
    for user in range(SHAPE[0]):
        mine = np.flatnonzero(log.users == user)
        gaps = log.values[mine] - log.values[mine].mean(dtype=np.float64) if len(mine) else 0.0
        own = gaps if centred else np.maximum(log.weights[mine], 0)
        own = own * 0.5 ** ((log.times[-1] - log.times[mine]) / (10 * DAY))
        expected[user, log.items[mine]] = own / (np.linalg.norm(own) or 1.0)
    found = np.zeros(SHAPE)
    found[table.rows, np.repeat(np.arange(SHAPE[1]), np.diff(table.indptr))] = table.weights
    assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("likeness", "explicit", "centred"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("pearson", False, True),
        ("cosine", True, False),
    ],
)
def test_users_are_alike_by_what_is_configured(likeness, explicit, centred):
    log = random_log(0)
    assert should_centre(log, SHAPE, likeness, explicit=explicit) is centred
    assert not should_centre(constant(log), SHAPE, likeness, explicit=explicit)


def test_only_the_newest_value_of_a_pair_counts():
    log = random_log(4, m=70, repeats=True)
    once = fit_raters(latest_events(log), SHAPE, UserCFConfig(), centred=True)
    table = fit_raters(log, SHAPE, UserCFConfig(), centred=True)
    assert len(latest_events(log)) < len(log)
    assert table.weights.tobytes() == once.weights.tobytes()


def test_the_most_recent_raters_are_kept_newest_first():
    events = [(u, 0, 5, 1, u) for u in range(4)] + [(u, 1, 1, -1, 9) for u in range(4)]
    table = fit_raters(log_of(*events), SHAPE, UserCFConfig(raters_per_item=3), centred=True)
    assert table.rows.tolist() == [3, 2, 1, 0, 1, 2]
    assert np.allclose(table.weights, [0.5**0.5] * 3 + [-(0.5**0.5)] * 3)


def test_users_without_an_opinion_are_not_listed():
    constant_user = log_of((0, 0, 3, 0, 0), (0, 1, 3, 0, 1), (1, 0, 5, 1, 2), (1, 1, 1, -1, 3))
    assert set(fit_raters(constant_user, SHAPE, UserCFConfig(), centred=True).rows.tolist()) == {1}
    assert set(fit_raters(constant_user, SHAPE, UserCFConfig(), centred=False).rows.tolist()) == {1}


@pytest.mark.parametrize("centred", [True, False])
def test_an_empty_log_lists_nobody(centred):
    table = fit_raters(EMPTY, SHAPE, UserCFConfig(), centred=centred)
    assert (len(table), len(table.rows)) == (SHAPE[1], 0)
    assert (table.indptr.dtype, table.rows.dtype, table.weights.dtype) == ("i8", "i4", "f4")
