"""Requests, valid and broken, that are generated from the description of the interface."""

import pytest

from benchmarks.api_fuzz import fuzz
from tests.serving import hosted, leisurely
from tests.tracing import untraced

CASES = 200  # of all routes; ``make api-fuzz`` sends more


@pytest.mark.filterwarnings("default")  # of the generator
def test_every_answer_has_a_status_a_type_and_a_body_that_are_described(out, redis_url):
    with hosted(leisurely(out=out, redis_url=redis_url, gorse_api=True)) as service:
        report = untraced(fuzz)(str(service.client.base_url).rstrip("/"), CASES)
    assert not report.failures, next(iter(report.failures.items()))
    assert report.cases > CASES / 2
    assert {200, 202, 404, 405, 422} <= set(report.statuses)
