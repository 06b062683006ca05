"""A refusal before the application is the answer that the application gives."""

from time import monotonic

import pytest

from tests.serving import hosted, leisurely


@pytest.fixture(scope="module")
def full(trained, redis_url):
    """A service that answers one request at a time, and is busy."""
    with hosted(leisurely(out=trained, redis_url=redis_url, max_in_flight=1)) as service:
        admission = service.service.admission
        admitted = admission.admit(monotonic())
        yield service
        admission.release(admitted)


def refused_seconds(service):
    """The time that refused requests took within the application, and their number."""
    numbers = service.service.metrics.numbers("request_seconds")
    *counts, seconds = numbers.get(("/recommend", "503"), [0.0])
    return seconds, sum(counts)


def test_a_refusal_is_the_same_with_and_without_the_steps_of_the_application(full):
    before = refused_seconds(full)[1]
    early = full.client.get("/recommend", params={"user_id": "u1"})
    assert refused_seconds(full) == (0.0, before + 1)
    header = {"Origin": "http://shop.test"}  # so that the application answers
    late = full.client.get("/recommend", params={"user_id": "u1"}, headers=header)
    seconds, n_refused = refused_seconds(full)
    assert seconds > 0.0
    assert n_refused == before + 2
    assert early.status_code == late.status_code == 503
    assert early.json() == late.json()
    assert early.headers["retry-after"] == "1"
    headers = [[pair for pair in one.headers.raw if pair[0] != b"date"] for one in (early, late)]
    assert headers[0] == headers[1]


def test_a_service_that_is_traced_has_a_trace_of_each_refusal(trained, redis_url, full):
    settings = leisurely(
        out=trained,
        redis_url=redis_url,
        max_in_flight=1,
        tracing={"endpoint": "http://127.0.0.1:9/v1/traces"},
    )
    with hosted(settings) as service:
        admitted = service.service.admission.admit(monotonic())
        assert service.client.get("/recommend", params={"user_id": "u1"}).status_code == 503
        assert refused_seconds(service)[0] > 0.0
        service.service.admission.release(admitted)
