"""Each test of features that takes a ``case`` runs with all of them."""

import pytest

from tests.feature_cases import CASES
from tests.feature_cases import case as build_case


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return build_case(*request.param)
