from dataclasses import replace

import numpy as np
import pytest

from app.contracts import NO_HISTORY
from app.query_builder import QueryBuilder
from app.rerank.filters import PolicyFilters, is_permitted
from app.rerank.policies import SceneSettings
from tests.fakes import query, request, rows
from tests.unit.rerank.slates import CATALOGUE, COUNTERS, MODELS


def excluded(policy, user="", recent=NO_HISTORY, **parts):
    filters = PolicyFilters(CATALOGUE, policy)
    result = QueryBuilder(MODELS, COUNTERS, filters).build(request(user, **parts), recent)
    return result, result.excluded.tolist()


def test_only_available_items_that_are_not_excluded_are_permitted():
    available = np.array([True, False, True, True])
    permitted = is_permitted(query(n=4, exclude=[2]), rows(3, 2, 1, 0), available)
    assert permitted.tolist() == [True, False, False, True]


@pytest.mark.parametrize(("shown", "expected"), [("drop", [20, 23]), ("demote", []), ("keep", [])])
def test_items_shown_lately_are_excluded_only_where_the_scene_drops_them(shown, expected):
    recent = replace(NO_HISTORY, impressions=rows(20, 23))
    assert excluded(SceneSettings(shown=shown), recent=recent)[1] == expected


@pytest.mark.parametrize("seen", ["drop", "demote", "keep"])
def test_seen_items_are_candidates_unless_the_scene_drops_them(seen):
    result, _ = excluded(SceneSettings(seen=seen), "u03")
    assert len(result.history)
    assert np.isin(result.history.rows, result.excluded).all() == (seen == "drop")
    assert excluded(SceneSettings(seen=seen), exclude=rows(3))[1] == [3]
