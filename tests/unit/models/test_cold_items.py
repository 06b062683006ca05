from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Content
from app.contracts import UserVectors
from app.recall.vectors import VectorChannel, flat_index
from offline.models.cold_items import PlacementConfig, place_cold_items
from offline.models.factors import build_factors
from offline.models.registry import RecallConfig, fit_models
from tests.fakes import SMALL, proposed, query, small_dataset
from tests.unit.models.logs import log_of

N, D, E = 40, 6, 9
NEW = N - 1  # nobody likes it


def world(seed=0):
    """Items whose vectors follow from their content, but for a little; the last is liked by none.

    Item i has i likes, so that a few are new and most are known.
    """
    random = np.random.default_rng(seed)
    content = random.standard_normal((N, E))
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    own = content @ random.standard_normal((E, D)) + 0.3 + 0.05 * random.standard_normal((N, D))
    own[NEW] = 0.0
    likes = [(u, i, 5, 1, u) for i in range(N - 1) for u in range(i)]
    hidden = [(90 + u, NEW, 1, -1, u) for u in range(30)]  # many acts, but no like
    made = build_factors(own, alpha=2.0, reg=3.0)
    return made, Content(content.astype(np.float32)), log_of(*likes, *hidden)


def slow(own, content, likes, config):
    """The same, item by item, the ridge solved with the mean as one more, free, coefficient."""
    rows = [i for i in range(len(own)) if likes[i] >= config.min_likes and content[i].any()]
    told = np.array([[*content[i], 1.0] for i in rows])
    penalty = config.reg * np.eye(content.shape[1] + 1)
    penalty[-1, -1] = 0.0
    weights = np.linalg.inv(told.T @ told + penalty) @ told.T @ np.array([own[i] for i in rows])
    placed = own.astype(np.float64).copy()
    for i in range(len(own)):
        if content[i].any():
            w = config.prior / (config.prior + likes[i])
            mapped = config.length * (np.array([*content[i], 1.0]) @ weights)
            placed[i] = (1 - w) * own[i] + w * mapped
    return placed


@pytest.mark.parametrize(
    "config",
    [
        PlacementConfig(prior=1.0),
        PlacementConfig(prior=7.0, reg=0.1, min_likes=10, length=1.0),
        PlacementConfig(prior=0.5, reg=50.0, min_likes=1),
    ],
)
def test_items_are_placed_as_by_a_slow_regression(config):
    made, content, log = world()
    content.items[3] = 0.0  # nothing is known of it
    likes = [*range(N - 1), 0]
    found = place_cold_items(made, content, log, config)
    assert np.allclose(found.items, slow(made.items, content.items, likes, config), atol=1e-5)
    assert found.items.dtype == np.float32
    assert (found.items[3] == made.items[3]).all()


def test_a_new_item_comes_near_to_a_known_one_of_the_same_content():
    made, content, log = world()
    content.items[NEW] = content.items[30]
    found = place_cold_items(made, content, log, PlacementConfig(prior=1.0, reg=0.01, length=1.0))
    near = found.items @ found.items[30] / np.linalg.norm(found.items, axis=1)
    assert np.argsort(-near)[:2].tolist() in ([30, NEW], [NEW, 30])
    assert near[NEW] / np.linalg.norm(found.items[30]) > 0.98
    assert not made.items[NEW].any()


def test_the_more_an_item_is_liked_the_less_it_is_moved():
    made, content, log = world()
    made.items[:] = np.random.default_rng(1).standard_normal((N, D))  # nothing to do with content
    near, far = (
        np.linalg.norm(
            place_cold_items(made, content, log, PlacementConfig(prior=p)).items - made.items,
            axis=1,
        )
        / np.linalg.norm(made.items, axis=1)
        for p in (1.0, 10.0)
    )
    assert near[30:NEW].max() < 0.1 < near[:3].min()
    assert (far > near)[1:NEW].all()


def test_the_gram_matrix_is_that_of_the_placed_items_and_the_fold_in_stays():
    made, content, log = world()
    found = place_cold_items(made, content, log, PlacementConfig(prior=5.0))
    assert np.allclose(found.gram, found.items.T @ found.items, rtol=1e-4, atol=1e-4)
    assert not np.allclose(found.gram, made.gram, rtol=1e-2)
    assert (found.alpha, found.reg) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("config", "columns"),
    [
        (PlacementConfig(), E),
        (PlacementConfig(prior=5.0, min_likes=1_000), E),
        (PlacementConfig(prior=5.0), 0),
    ],
    ids=["off", "nobody has as many likes", "no content"],
)
def test_without_a_map_all_stay_where_they_are(config, columns):
    made, content, log = world()
    assert place_cold_items(made, Content(content.items[:, :columns]), log, config) is made


def test_a_map_does_not_change_with_the_number_of_runs():
    one, two = (
        place_cold_items(*world(), PlacementConfig(prior=2.0)).items.tobytes() for _ in range(2)
    )
    assert one == two


def fitted(prior):
    dataset = small_dataset()
    config = replace(SMALL, placement=PlacementConfig(prior=prior))
    return fit_models(dataset, dataset.log, config, float(dataset.log.times[-1])).factors


def test_recall_is_fitted_with_the_placement_that_was_chosen():
    dataset = small_dataset()
    off, on = fitted(0.0), fitted(2.0)
    untouched = len(dataset.catalogue) - 1
    assert RecallConfig().placement == PlacementConfig(prior=0.0)
    assert not off.items[untouched].any()
    assert on.items[untouched].any()
    assert np.allclose(on.gram, on.items.T @ on.items, rtol=1e-4, atol=1e-5)


async def test_the_embedding_channel_reaches_an_item_that_nobody_has_liked():
    made, content, log = world()
    placed = place_cold_items(made, content, log, PlacementConfig(prior=1.0, reg=0.01, length=1.0))
    wanted = query(n=N, vectors=UserVectors(placed.items[NEW], np.empty(0, np.float32)))
    answers = [
        await proposed(
            VectorChannel("embedding", flat_index(vectors), vectors, lambda q: q.vectors.factors),
            wanted,
        )
        for vectors in (made.items, placed.items)
    ]
    assert NEW not in answers[0].rows
    assert NEW in answers[1].rows


def test_what_places_later_items_is_the_map_of_those_that_are_known():
    dataset = small_dataset()
    models = fit_models(dataset, dataset.log, SMALL, float(dataset.log.times[-1]))
    config = PlacementConfig(prior=1e9)
    moved = place_cold_items(models.factors, models.content, dataset.log, config)
    titles = dataset.catalogue.titles.tolist()
    for row in (0, 11, 42):
        marks, year = dataset.catalogue.categories[row], dataset.catalogue.released[row]
        content, factors = models.cold_item_model.vectors(marks, titles[row], year)
        assert content == pytest.approx(models.content.items[row], abs=1e-4)
        assert factors == pytest.approx(moved.items[row], abs=1e-3)


def test_without_content_later_items_are_placed_nowhere():
    dataset = small_dataset(known=False)
    models = fit_models(dataset, dataset.log, SMALL, float(dataset.log.times[-1]))
    assert models.cold_item_model is None
