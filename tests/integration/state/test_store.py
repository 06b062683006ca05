"""Every round trip is bounded and observed, and every failure is a ``StageError``."""

import asyncio
import subprocess

import pytest

from app.contracts import StageError
from app.process.server_process import find_binary
from app.state.redis_url import public_address
from app.state.shared_connection import MAX_OWED
from app.state.store import Store
from tests.serving import free_port
from tests.state import answers_again, store, url

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


async def test_a_cancelled_call_leaves_no_reply_for_the_next(store):
    await store.pipeline("set", [("SET", f"k{i}", f"v{i}") for i in range(50)])
    for i in range(50):
        call = asyncio.create_task(store.command("GET", "k0"))
        for _ in range(i % 10):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert await store.command("GET", f"k{i}") == b"v%d" % i


async def test_all_callers_share_one_connection_and_get_their_own_replies(store):
    calls = (store.pipeline("two", [("ECHO", n), ("ECHO", -n)]) for n in range(300))
    assert await asyncio.gather(*calls) == [[b"%d" % n, b"%d" % -n] for n in range(300)]
    assert len((await store.command("CLIENT", "LIST")).splitlines()) == 1


async def test_replies_larger_than_any_buffer_come_whole_while_others_wait(store):
    value = b"x" * 3_000_000
    await store.command("SET", "large", value)
    replies = await asyncio.gather(
        *(store.command("GET", "large") for _ in range(5)),
        *(store.command("SET", f"large{n}", value) for n in range(5)),
        store.command("ECHO", "small"),
    )
    assert replies == [value] * 5 + [b"OK"] * 5 + [b"small"]


async def test_no_more_replies_are_owed_than_the_worker_can_hold(url):
    seen = []
    async with Store.connect(
        url, timeout=5.0, on_round_trip=lambda *call: seen.append(call[2])
    ) as store:
        calls = [store.pipeline("many", [("PING",)] * (MAX_OWED // 2)) for _ in range(3)]
        *answered, refused = await asyncio.gather(*calls, return_exceptions=True)
        assert [len(replies) for replies in answered] == [MAX_OWED // 2] * 2
        assert "owes too many replies" in str(refused)
        assert await store.command("PING") == b"PONG"
    assert seen == ["open", "ok", "ok", "ok"]


async def test_a_closed_store_fails_its_callers_and_can_be_used_again(url):
    store = Store.connect(url, timeout=5.0)
    await store.command("PING")
    waiting = asyncio.create_task(store.command("BLPOP", "nothing", 10))
    await asyncio.sleep(0.05)
    await store.close()
    with pytest.raises(StageError, match="the connection was closed"):
        await waiting
    assert await store.command("PING") == b"PONG"
    await store.close()


async def test_no_commands_are_no_round_trip(store):
    assert await store.pipeline("nothing", []) == []


@pytest.fixture
def guarded(tmp_path):
    """The port of a server with a password, on TCP."""
    port = free_port()
    process = subprocess.Popen(
        [find_binary(), "--port", str(port), "--save", "", "--requirepass", "s3cret"],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    yield port
    process.kill()
    process.wait(5)


async def test_password_and_database_are_as_the_url_says(guarded):
    async with Store.connect(f"redis://:s3cret@127.0.0.1:{guarded}/3", timeout=5.0) as store:
        await answers_again(store)
        await store.command("SET", "k", "of 3")
        async with Store.connect(f"redis://:s3cret@127.0.0.1:{guarded}/0") as other:
            assert await other.command("GET", "k") is None
        async with Store.connect(f"redis://127.0.0.1:{guarded}/0") as other:
            with pytest.raises(StageError, match="Authentication required"):
                await other.command("GET", "k")
        async with Store.connect(f"redis://:wrong@127.0.0.1:{guarded}/0") as other:
            with pytest.raises(StageError, match=r"reached for GET: .*password") as caught:
                await other.command("GET", "k")
        assert "wrong" not in str(caught.value)


async def test_what_the_server_says_of_itself_is_repeated(store):
    await store.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StageError, match=r"refused SET: .*maxmemory"):
            await store.command("SET", "k", "v")
    finally:
        await store.command("CONFIG", "SET", "maxmemory", "0")
    with pytest.raises(StageError, match="refused NONSENSE: unknown command"):
        await store.command("NONSENSE")
