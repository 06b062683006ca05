import numpy as np
import pytest

from offline.models.item_cf import ItemCFConfig, fit_item_cf
from tests.unit.models.logs import DAY, SHAPE, constant, log_of, random_log, to_dense


def dense_cosine(log, config):
    """The same, item by item, from a dense matrix of likes."""
    likes = np.zeros(SHAPE)
    for u, i, w, t in zip(log.users, log.items, log.weights, log.times, strict=True):
        likes[u, i] += max(w, 0) * 0.5 ** ((log.times[-1] - t) / config.half_life)
    near = np.zeros((SHAPE[1], SHAPE[1]))
    for i in range(SHAPE[1]):
        for j in range(SHAPE[1]):
            both = np.sum((likes[:, i] > 0) & (likes[:, j] > 0))
            if i != j and both:
                length = np.linalg.norm(likes[:, i]) * np.linalg.norm(likes[:, j])
                near[i, j] = likes[:, i] @ likes[:, j] / length * both / (both + config.shrink)
                near[i, j] /= np.sum(likes[:, j] > 0) ** config.damping
    return near


def dense_adjusted(log, config):
    """Sarwar et al., 2001, eq. 3, pair by pair over the co-raters, in time order: newest wins."""
    rated, faded = np.full(SHAPE, np.nan), np.ones(SHAPE)
    for u, i, v, t in zip(log.users, log.items, log.values, log.times, strict=True):
        rated[u, i], faded[u, i] = v, 0.5 ** ((log.times[-1] - t) / config.half_life)
    means = [np.nanmean(row) if np.isfinite(row).any() else np.nan for row in rated]
    gaps = (rated - np.array(means)[:, None]) * faded
    near = np.zeros((SHAPE[1], SHAPE[1]))
    for i in range(SHAPE[1]):
        for j in range(SHAPE[1]):
            both = np.isfinite(gaps[:, i]) & np.isfinite(gaps[:, j])
            a, b = gaps[both, i], gaps[both, j]
            length = np.linalg.norm(a) * np.linalg.norm(b)
            if i != j and length:
                near[i, j] = a @ b / length * both.sum() / (both.sum() + config.shrink)
                near[i, j] /= np.isfinite(gaps[:, j]).sum() ** config.damping
    return near


def dense_bm25(log, config):
    """Every user a document, every item a word; similarity is the product of both columns."""
    likes = np.zeros(SHAPE)
    for u, i, w, t in zip(log.users, log.items, log.weights, log.times, strict=True):
        likes[u, i] += max(w, 0) * 0.5 ** ((log.times[-1] - t) / config.half_life)
    likes /= log.weights[log.weights > 0].mean()
    lengths = likes.sum(axis=1)
    mean, active = lengths[lengths > 0].mean(), np.sum(lengths > 0)
    worth = np.zeros(SHAPE)
    for u, i in zip(*np.nonzero(likes), strict=True):
        raters = np.sum(likes[:, i] > 0)
        rarity = np.log(1 + (active - raters + 0.5) / (raters + 0.5))
        room = config.k1 * (1 - config.b + config.b * lengths[u] / mean)
        worth[u, i] = rarity * likes[u, i] / (likes[u, i] + room)
    near = np.zeros((SHAPE[1], SHAPE[1]))
    for i in range(SHAPE[1]):
        for j in range(SHAPE[1]):
            both = np.sum((likes[:, i] > 0) & (likes[:, j] > 0))
            if i != j and both:
                near[i, j] = worth[:, i] @ worth[:, j] * both / (both + config.shrink)
                near[i, j] /= np.sum(likes[:, j] > 0) ** config.damping
    return near


CONFIGS = [
    {"shrink": 0.0},
    {"shrink": 5.0, "half_life": 7 * DAY},
    {"shrink": 2.0, "damping": 0.5, "half_life": 20 * DAY, "k1": 3.0, "b": 0.3},
]
REFERENCES = {"cosine": dense_cosine, "adjusted_cosine": dense_adjusted, "bm25": dense_bm25}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("settings", CONFIGS)
@pytest.mark.parametrize("similarity", REFERENCES)
def test_similarities_are_those_of_the_obvious_loop(similarity, settings, seed):
    config = ItemCFConfig(similarity=similarity, **settings)
    log = random_log(seed, m=60, repeats=True)
    expected = np.maximum(REFERENCES[similarity](log, config), 0.0)
    expected[expected < 1e-9] = 0.0
    found = to_dense(fit_item_cf(log, SHAPE, config))
    assert np.allclose(found, expected, atol=1e-6)
    assert expected.any()


def test_equally_near_neighbours_are_in_row_order():
    log = log_of(*((u, i, 1, 1, 0) for u in range(2) for i in (5, 3, 1)))
    assert fit_item_cf(log, SHAPE, ItemCFConfig()).rows.tolist() == [3, 5, 1, 5, 1, 3]


def test_adjusted_cosine_of_constant_ratings_falls_back_to_cosine():
    log = constant(random_log(3))
    cosine = fit_item_cf(log, SHAPE, ItemCFConfig(similarity="cosine"))
    adjusted = fit_item_cf(log, SHAPE, ItemCFConfig(similarity="adjusted_cosine"))
    assert len(cosine.rows)
    assert adjusted.rows.tobytes() == cosine.rows.tobytes()
    assert adjusted.weights.tobytes() == cosine.weights.tobytes()
