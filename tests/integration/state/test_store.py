"""Every round trip is bounded and observed, and every failure is a ``StageError``."""

import asyncio

import pytest

from app.contracts import StageError
from app.state.redis_url import public_address
from app.state.store import Store
from tests.state import store, url

__all__ = ["store", "url"]  # fixtures

NOWHERE = "unix:///nowhere/at/all.sock"


async def test_replies_are_as_on_the_wire(store):
    assert await store.command("SET", "k", 1) == b"OK"
    assert await store.pipeline("both", [("GET", "k"), ("EXISTS", b"k", "x")]) == [b"1", 1]


async def test_every_round_trip_is_observed_with_its_outcome(url):
    seen = []
    async with Store.connect(url, on_round_trip=lambda *call: seen.append(call)) as store:
        await store.command("PING")
        with pytest.raises(StageError, match=r"refused INCRBY: .*not an integer"):
            await store.command("INCRBY", "k", "x")
    assert [(name, outcome) for name, _, outcome in seen] == [("PING", "ok"), ("INCRBY", "refused")]
    assert all(0 < seconds < 5 for _, seconds, _ in seen)


async def test_an_error_inside_a_pipeline_is_an_error_but_no_failure_of_the_server(store):
    for _ in range(10):
        with pytest.raises(StageError, match="refused three: "):
            await store.pipeline("three", [("SET", "k", 1), ("ZADD", "k", 1, "m"), ("GET", "k")])
    assert not store.breaker.is_open


async def test_a_programmers_error_is_loud(store):
    with pytest.raises(TypeError):
        await store.command("SET", "k", None)
    assert await store.command("PING") == b"PONG"


async def test_an_absent_server_is_named_and_then_not_tried_again():
    seen = []
    async with Store.connect(NOWHERE, on_round_trip=lambda *call: seen.append(call[2])) as store:
        for _ in range(5):
            with pytest.raises(StageError, match=r"unix:///nowhere/at/all.sock cannot be reached"):
                await store.command("PING")
        with pytest.raises(StageError, match="has not answered lately"):
            await store.command("PING")
    assert seen == ["down"] * 5 + ["open"]


async def test_no_password_is_shown(url):
    for text in ("redis://me:s3cret%2F@127.0.0.1:1/0", "redis://127.0.0.1:1?password=s3cret"):
        async with Store.connect(text) as store:
            with pytest.raises(StageError) as caught:
                await store.command("PING")
        assert "s3cret" not in f"{caught.value} {store.address} {caught.value.__cause__}"
        assert "redis://127.0.0.1:1" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["http://h/", "redis://:s3cret/@h:1", "redis://:12#s3cret@h", "redis://h?db=s3cret", ""]
)
def test_an_unreadable_url_is_refused_without_repeating_it(text):
    with pytest.raises(ValueError, match="REDIS_URL cannot be read") as caught:
        Store.connect(text)
    assert "s3cret" not in str(caught.value)


def test_an_address_keeps_what_helps_to_find_the_server():
    assert public_address("rediss://u:p@h:6380/2?x=y") == "rediss://h:6380/2"
    assert public_address("unix:///a%20b/s") == "unix:///a%20b/s"


async def test_callers_that_give_up_at_once_do_not_open_the_breaker(url):
    async with Store.connect(url, timeout=5.0, min_late=10.0) as store:
        for _ in range(10):
            call = asyncio.create_task(store.command("GET", "k"))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert not store.breaker.is_open


async def test_a_cancelled_call_leaves_no_reply_for_the_next(store):
    await store.pipeline("set", [("SET", f"k{i}", f"v{i}") for i in range(50)])
    for i in range(50):
        call = asyncio.create_task(store.command("GET", "k0"))
        for _ in range(i % 10):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert await store.command("GET", f"k{i}") == b"v%d" % i


async def test_connections_are_bounded_and_callers_wait(url):
    async with Store.connect(url, timeout=5.0, connections=3) as store:
        assert await asyncio.gather(*(store.command("PING") for _ in range(100))) == [b"PONG"] * 100
        clients = await store.command("CLIENT", "LIST")
        assert len(clients.splitlines()) == 3
