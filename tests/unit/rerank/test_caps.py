from dataclasses import replace

import numpy as np

from tests.fakes import PROVIDERS, query
from tests.unit.rerank.slates import CATALOGUE, MODELS, PLAIN, build_slate, shown


def test_no_provider_has_more_than_its_cap_and_unknown_ones_have_none():
    slate = build_slate(replace(PLAIN, provider_cap=1), query(k=8))
    providers = MODELS.catalogue.providers[slate.pool.rows]
    assert shown(slate)[:3] == [20, 21, 22]
    assert sorted(providers[providers >= 0].tolist()) == list(range(len(PROVIDERS)))
    assert {27, 37} <= set(shown(slate))


def test_no_category_has_more_than_its_cap():
    slate = build_slate(replace(PLAIN, category_cap=1))
    assert MODELS.catalogue.categories[slate.pool.rows].sum(axis=0).max() == 1


def test_caps_count_the_items_that_each_rejects():
    assert build_slate().rejections() == {"provider_cap": 0, "category_cap": 0}
    by_one_provider = (20, 26, 32, 38, 21)  # the first four
    capped = build_slate(replace(PLAIN, provider_cap=1), query(k=2), by_one_provider)
    assert (shown(capped), capped.rejections()) == (
        [20, 21],
        {"provider_cap": 3, "category_cap": 0},
    )
    of_one_category = np.flatnonzero(CATALOGUE.categories[:, 0])[:3].tolist()
    one = build_slate(replace(PLAIN, category_cap=1), query(k=1), of_one_category)
    assert one.rejections() == {"provider_cap": 0, "category_cap": 0}
    two = build_slate(replace(PLAIN, category_cap=1), query(k=2), of_one_category)
    assert two.rejections() == {"provider_cap": 0, "category_cap": 2}


def test_caps_fill_a_list_from_the_whole_catalogue():
    by_one_provider = tuple(range(0, 60, 6))
    slate = build_slate(replace(PLAIN, provider_cap=2), query(k=10), by_one_provider)
    assert len(slate) == 10
    assert np.bincount(MODELS.catalogue.providers[slate.pool.rows] + 1)[1:].max() == 2
