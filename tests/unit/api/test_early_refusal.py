"""Which requests are refused before the steps of the application, in an overload."""

from types import SimpleNamespace

import pytest

from app.access.key_ring import KeyRing
from app.access.keys import parse_keys
from app.api.early_refusal import ANSWER, EarlyRefusal
from app.observe.metrics import Metrics
from app.service.admission import Admission

URL = b"/recommend?user_id=u1"
HOST = (b"host", b"shop.com:80")
NAMES = ["shop.com"]


def refusal(*, keys=(), rate=0.0, in_flight=1):
    """The refusals of a service that answers one request at a time, and its metrics."""
    metrics, admission = Metrics(), Admission(60.0, max_in_flight=1)
    for _ in range(in_flight):
        admission.admit(0.0)
    service = SimpleNamespace(admission=admission, metrics=metrics)
    ring = KeyRing(tuple(parse_keys(keys)) if keys else ())
    return EarlyRefusal(service, ring, SimpleNamespace(rate=rate), NAMES), metrics


async def test_a_list_is_refused_while_the_service_is_full_and_counted():
    refuse, metrics = refusal()
    assert refuse(URL, [HOST]) == ANSWER
    assert metrics.numbers("requests_rejected") == {(): [1.0]}
    assert list(metrics.numbers("request_seconds")) == [("/recommend", "503")]


async def test_nothing_is_refused_while_nothing_is_in_flight():
    refuse, metrics = refusal(in_flight=0)
    assert refuse(URL, [HOST]) is None
    assert metrics.numbers("requests_rejected") == {(): [0.0]}


@pytest.mark.parametrize("url", [b"/recommend", b"/recommendations?a=b", b"/users?x=1", b"/"])
async def test_other_addresses_are_left_to_the_application(url):
    assert refusal()[0](url, [HOST]) is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"evil.com")],
        [],
        [HOST, (b"origin", b"https://shop.com")],
        [HOST, (b"content-length", b"2")],
        [HOST, (b"transfer-encoding", b"chunked")],
        [HOST, (b"expect", b"100-continue")],
        [HOST, (b"upgrade", b"websocket")],
    ],
    ids=lambda headers: headers[-1][0].decode() if headers else "no host",
)
async def test_what_needs_another_answer_or_has_a_body_is_left_to_the_application(headers):
    assert refusal()[0](URL, headers) is None


SECRET = "a-secret-of-enough-characters"  # noqa: S105
READER, WRITER = f"shop read {SECRET}-1", f"feed write {SECRET}-2"


@pytest.mark.parametrize(
    ("key", "is_refused"),
    [(f"{SECRET}-1", True), (f"{SECRET}-2", False), (f"{SECRET}-3", False), ("", False)],
    ids=["reader", "writer", "unknown", "none"],
)
async def test_only_a_key_that_may_ask_for_lists_learns_that_the_service_is_full(key, is_refused):
    refuse, _ = refusal(keys=[READER, WRITER])
    headers = [HOST, (b"x-api-key", key.encode())] if key else [HOST]
    assert (refuse(URL, headers) == ANSWER) == is_refused


async def test_a_key_with_a_rate_limit_passes_the_application_which_counts_it():
    refuse, _ = refusal(keys=[READER], rate=5.0)
    assert refuse(URL, [HOST, (b"x-api-key", f"{SECRET}-1".encode())]) is None
