"""The store is killed, lost, slow or stalled: nothing acknowledged is lost, none counts twice."""

import asyncio
import logging
import os
import signal
import sys
import time
from contextlib import suppress

import pytest
import redis

from app.contracts import StageError
from app.event_weights import EventWeights
from app.process.embedded_server import embedded_server
from app.state.event_writer import AppendOutcome, append_events
from app.state.histories import RedisHistories
from app.state.shared_connection import MIN_STALE
from app.state.store import Breaker, Store
from app.state.table_readers import RedisTables
from app.state.tables import keep_loaded
from app.state.write_queue import ImpressionWriter
from tests.contract.tables_contract import SMALL, rows
from tests.state import (
    IDS,
    StoreThatFails,
    answers_again,
    consumer_of,
    event,
    event_counts,
    running,
    server_pid,
    store,
    until,
    url,
)

__all__ = ["store", "url"]  # fixtures


async def test_the_first_use_after_a_restart_of_the_server_works(store, url):
    await asyncio.gather(*(store.command("SET", f"k{i}", i) for i in range(5)))
    os.kill(await server_pid(store), signal.SIGKILL)
    wait_for_server(url)
    assert await asyncio.gather(*(store.command("GET", f"k{i}") for i in range(5))) == [
        b"%d" % i for i in range(5)
    ]


def wait_for_server(url):
    """Wait without the event loop, which is to know nothing of the broken connections yet."""
    for _ in range(400):
        with suppress(redis.ConnectionError), redis.Redis.from_url(url) as link:
            link.ping()
            return
        time.sleep(0.02)
    pytest.fail("the server did not come back")


async def test_a_slow_server_is_late_opens_the_breaker_and_recovers(url):
    seen = []
    async with Store.connect(
        url, timeout=0.15, on_round_trip=lambda *call: seen.append(call[2])
    ) as store:
        store.breaker = Breaker(rest=0.1)
        pid = await server_pid(store)
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(5):
                with pytest.raises(StageError, match="did not answer PING within 150 ms"):
                    await store.command("PING")
            assert store.breaker.is_open
            await asyncio.sleep(0.15)
            together = await asyncio.gather(
                *(store.command("PING") for _ in range(10)), return_exceptions=True
            )
            assert all(isinstance(error, StageError) for error in together)
            assert seen[1:].count("late") == 6  # one of the ten was let through
            assert seen.count("open") == 9
        finally:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(0.15)
        assert await store.command("PING") == b"PONG"
        assert not store.breaker.is_open


async def test_callers_that_give_up_open_the_breaker_of_a_stalled_server(url):
    async with Store.connect(url, timeout=0.1) as store:
        pid = await server_pid(store)
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(10):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.005):
                        await store.command("GET", "k")
            await until(lambda: store.breaker.is_open)
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(lambda: not store.breaker.is_open)  # the owed replies have come


async def test_an_event_loop_that_is_busy_never_opens_the_breaker(url):
    async with Store.connect(url, timeout=0.05) as store:
        store.breaker = Breaker(limit=1)
        await store.command("PING")
        for _ in range(10):
            asyncio.get_running_loop().call_soon(time.sleep, 0.15)  # after the next is written
            calls = [asyncio.create_task(store.command("ECHO", n)) for n in range(20)]
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(time.sleep, 0.15)
            assert await asyncio.gather(*calls) == [b"%d" % n for n in range(20)]
        assert not store.breaker.is_open


async def test_a_process_that_gets_no_time_does_not_blame_the_server(url):
    program = f"""
import asyncio
from app.state.store import Breaker, Store
async def main():
    async with Store.connect({url!r}, timeout=0.1) as store:
        store.breaker = Breaker(limit=1)
        await store.command("PING")
        print("begun", flush=True)
        for n in range(3_000):
            await asyncio.gather(*(store.command("ECHO", n) for _ in range(5)))
        print(store.breaker.is_open, flush=True)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"begun\n"
    for _ in range(5):
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.02)
    assert (await process.communicate())[0] == b"False\n"


async def test_a_reply_that_comes_too_late_goes_to_nobody_else(url):
    async with Store.connect(url, timeout=0.1) as store:
        pid = await server_pid(store)
        os.kill(pid, signal.SIGSTOP)
        try:
            for n in range(3):
                with pytest.raises(StageError, match="did not answer"):
                    await store.command("ECHO", n)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await asyncio.gather(*(store.command("ECHO", n) for n in (7, 8, 9))) == [
            b"7",
            b"8",
            b"9",
        ]


async def test_a_silent_connection_is_replaced(url):
    async with Store.connect(url, timeout=0.1) as store:
        store.breaker = Breaker(limit=10**9)
        pid, first = await server_pid(store), await store.command("CLIENT", "ID")
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            while time.monotonic() - began < 3 * MIN_STALE:
                with pytest.raises(StageError):
                    await store.command("PING")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await store.command("CLIENT", "ID") != first


async def test_a_connection_that_breaks_twice_under_a_call_is_an_error(url):
    async with Store.connect(url, timeout=5.0) as store, store.dedicated(5.0) as other:
        store.breaker = Breaker(limit=1)
        for _ in range(2):
            call = asyncio.create_task(store.command("BLPOP", "nothing", 4))
            for _ in range(2):
                await until_blocked(other)
                await other.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            with pytest.raises(StageError, match="cannot be reached for BLPOP: Connection closed"):
                await call
            assert store.breaker.is_open
            store.breaker = Breaker(limit=1)
        assert await store.command("PING") == b"PONG"


async def until_blocked(link):
    for _ in range(400):
        if b"blocked_clients:1" in await link.command("INFO", "clients"):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the call did not reach the server")


@pytest.mark.parametrize("understood", [b"", b"SETINFO"], ids=["at once", "later"])
async def test_a_server_that_speaks_nonsense_is_a_broken_connection(tmp_path, understood):
    async def speak(reader, writer):
        while understood and understood in (data := await reader.read(1_000)):
            writer.write(b"+OK\r\n" * data.count(understood))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    path = tmp_path / "s"
    async with (
        await asyncio.start_unix_server(speak, path),
        Store.connect(f"unix://{path}", timeout=5.0) as store,
    ):
        with pytest.raises(StageError, match="cannot be reached for PING"):
            await store.command("PING")


async def test_after_a_killed_server_nothing_is_counted_twice(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    with embedded_server(tmp_path) as url:
        async with Store.connect(url, timeout=0.5) as store:
            await append_events(store, "t", [event(1)])
            consumer = consumer_of(store)
            async with running(consumer):
                await until(lambda: event_counts(consumer) == [1, 0, 0])
                os.kill(await server_pid(store), signal.SIGKILL)
                await until(lambda: consumer.failures)
                await eventually_append(store, [event(2, "b")])
                await until(lambda: event_counts(consumer) == [1, 1, 0])
    assert "the events cannot be followed now: Redis at unix://" in caplog.text


async def eventually_append(store, events):
    for _ in range(2_000):
        try:
            return await append_events(store, "t", events)
        except StageError:
            await asyncio.sleep(0.02)
    return pytest.fail("the server did not come back")


async def test_a_server_that_restarts_empty_is_followed(store):
    consumer = consumer_of(store)
    async with running(consumer):
        await append_events(store, "t", [event(1)])
        await until(lambda: event_counts(consumer) == [1, 0, 0])
        await store.command("FLUSHALL")
        await append_events(store, "t", [event(2)])
        await until(lambda: event_counts(consumer) == [2, 0, 0])


async def test_a_stalled_server_is_a_failure_and_is_followed_afterwards(store):
    consumer = consumer_of(store, read_timeout=0.1, block_ms=20)
    pid = await server_pid(store)
    async with running(consumer):
        await asyncio.wait_for(consumer.caught_up.wait(), 5)
        os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: consumer.failures)
        finally:
            os.kill(pid, signal.SIGCONT)
        await append_events(store, "t", [event(1)])
        await until(lambda: event_counts(consumer) == [1, 0, 0])


async def test_impressions_wait_for_a_server_that_is_down(store):
    failing = StoreThatFails(store)
    impressions = ImpressionWriter(failing, "t")
    impressions.pause = 0.02
    async with running(impressions):
        impressions.add_list("r", "u", ["a"])
        await asyncio.sleep(0.15)
        assert len(impressions) == 1
        failing.is_away = False
        await until(lambda: not len(impressions))
    assert await store.command("XLEN", "t:shown") == 1
    assert impressions.dropped == 0


async def test_acknowledged_events_survive_a_killed_server_and_are_known_again(tmp_path):
    with embedded_server(tmp_path) as url:
        async with Store.connect(url, timeout=0.5) as store:
            batch = [event(n, user="u", timestamp=float(n)) for n in range(100)]
            await append_events(store, "t", batch)
            os.kill(await server_pid(store), signal.SIGKILL)
            await answers_again(store)
            histories = RedisHistories(store, "t", IDS, EventWeights())
            assert (await histories.recent("u")).times.tolist() == list(range(99, -1, -1))
            assert set(await append_events(store, "t", batch)) == {AppendOutcome.DUPLICATE}
            assert await store.command("XLEN", "t:events") == 100


async def test_tables_are_loaded_again_into_a_server_that_restarts_empty(store):
    keeper = asyncio.create_task(keep_loaded(store, "t", "b1", SMALL, every=0.02))
    try:
        for _ in range(2):
            await until_read(RedisTables(store, "t", "b1"))
            await store.command("FLUSHALL")
    finally:
        keeper.cancel()


async def test_the_task_that_keeps_tables_loaded_survives_an_absent_server():
    async with Store.connect("unix:///nowhere.sock") as store:
        keeper = asyncio.create_task(keep_loaded(store, "t", "b1", SMALL, every=0.01))
        await asyncio.sleep(0.05)
        assert not keeper.done()
        keeper.cancel()


async def until_read(tables):
    for _ in range(2_000):
        with suppress(StageError):
            neighbours = await tables.read("item_cf", rows(0))
            if len(neighbours.rows):
                return neighbours
        await asyncio.sleep(0.02)
    return pytest.fail("the tables did not come back")
