"""The items that new users are asked about."""

from dataclasses import replace

import numpy as np

from app.recall.onboarding import select_diverse, select_items
from tests.fakes import ITEMS, small_models


def test_items_without_likes_are_not_selected():
    models = small_models()
    liked = np.zeros_like(models.popularity.liked)
    liked[-1, [3, 5, 8]] = 1.0, 100.0, 50.0
    popularity = replace(models.popularity, liked=liked)
    selected = select_items(replace(models, popularity=popularity), 12)
    assert selected[0] == 5
    assert sorted(selected.tolist()) == [3, 5, 8]


def test_items_are_selected_from_the_most_liked():
    models = small_models()
    most = np.argsort(-models.popularity.liked[-1], kind="stable")[:10]
    assert sorted(select_items(models, 12, n_most_liked=10).tolist()) == sorted(most.tolist())


def test_an_item_similar_to_a_selected_one_comes_later():
    vectors = np.array([[1.0, 0], [1, 0], [0, 1], [0, 0]])
    assert select_diverse(np.array([1.0, 0.9, 0.5, 0.1]), vectors, 4).tolist() == [0, 2, 3, 1]


def test_selected_items_are_available_and_dissimilar():
    models = small_models()
    selected = select_items(models, 12)
    assert len(set(selected.tolist())) == 12
    near = models.factors.items / models.factors.lengths[:, None]
    mean = lambda rows: np.mean((near[rows] @ near[rows].T)[np.triu_indices(len(rows), 1)])  # noqa: E731
    popular = np.argsort(-models.popularity.counts[-1])[:12]
    assert mean(selected) < mean(popular) - 0.05
    gone = models.catalogue.available.copy()
    gone[selected[:3]] = False
    fewer = select_items(
        replace(models, catalogue=replace(models.catalogue, available=gone)), ITEMS
    )
    assert not set(selected[:3].tolist()) & set(fewer.tolist())
