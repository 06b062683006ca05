from dataclasses import replace

import numpy as np

from app.rerank.mmr import mmr
from tests.fakes import ITEMS, query
from tests.unit.rerank.slates import PLAIN, build_slate, shown


def test_relevance_and_dissimilarity_are_weighed_by_the_formula():
    relevance = np.array([1.0, 0.9, 0.5], np.float32)
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    # Second: 0.7·0.9 - 0.3·0.8 = 0.39 against 0.7·0.5 - 0.3·0 = 0.35
    assert mmr(relevance, vectors, 3, 0.3).tolist() == [0, 1, 2]
    # Second: 0.5·0.9 - 0.5·0.8 = 0.05 against 0.5·0.5 - 0.5·0 = 0.25
    assert mmr(relevance, vectors, 3, 0.5).tolist() == [0, 2, 1]


def test_diversity_prefers_an_item_that_is_unlike_the_listed_ones():
    content = np.zeros((ITEMS, 2), np.float32)
    content[[20, 21, 22]], content[23] = [1, 0], [0, 1]
    two, four = query(k=2), (20, 21, 22, 23)
    assert shown(build_slate(replace(PLAIN, diversity=0.9), two, four, content=content)) == [20, 23]
    assert shown(build_slate(PLAIN, two, four, content=content)) == [20, 21]
