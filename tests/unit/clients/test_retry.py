"""When the client sends a request again, and when it gives up."""

import httpx
import pytest
from recfunnel_client import Retry

RETRY = Retry(attempts=4, first_pause=0.1, longest_pause=2.0)


def answer(status, **headers):
    return httpx.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize("status", [429, 503])
def test_pauses_grow_until_the_last_attempt(status):
    pauses = [RETRY.pause(n, answer(status)) for n in (1, 2, 3)]
    for pause, full in zip(pauses, (0.1, 0.2, 0.4), strict=True):
        assert full / 2 <= pause <= full
    assert RETRY.pause(4, answer(status)) is None


@pytest.mark.parametrize("status", [200, 202, 400, 401, 404, 413, 422, 500, 507])
def test_other_answers_are_final(status):
    assert RETRY.pause(1, answer(status)) is None


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError])
def test_a_broken_connection_is_tried_again(kind):
    assert RETRY.pause(1, kind("broken")) is not None


def test_a_time_out_is_final():
    assert RETRY.pause(1, httpx.ReadTimeout("late")) is None


def test_retry_after_makes_a_pause_longer_and_fails_at_once_if_it_is_too_long():
    assert RETRY.pause(1, answer(503, Retry_After="1")) == 1.0
    assert RETRY.pause(1, answer(503, Retry_After="3")) is None
    assert RETRY.pause(1, answer(503, Retry_After="Mon, 30 Nov 2026 12:00:00 GMT")) <= 0.1


def test_a_pause_has_a_bound_after_any_number_of_failures():
    assert RETRY.growing_pause(10_000) <= 2.0


def test_values_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="attempts is 0"):
        Retry(attempts=0)
    with pytest.raises(ValueError, match="must not exceed"):
        Retry(first_pause=3.0, longest_pause=2.0)
