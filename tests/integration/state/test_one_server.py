"""By the rules of Redis Cluster, reads of a user stay in one slot; events need the stream in it."""

import socket
import subprocess
from contextlib import contextmanager
from functools import partial

import pytest
import redis

from app.contracts import StageError
from app.event_weights import EventWeights
from app.process.server_process import find_binary
from app.state.erasure import erase_user
from app.state.event_writer import AppendOutcome, append_events
from app.state.histories import RedisHistories
from app.state.user_store import read_user_data, write_attributes, write_friends
from tests.serving import until
from tests.state import IDS, event, store

__all__ = ["store"]  # a fixture


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A server in cluster mode that has all slots: it refuses what spans two of them."""
    with cluster_server(tmp_path_factory) as (port, client):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def cluster_server(folders):
    """Start a server. If it ends, because another test has taken its port, start another one."""
    while True:
        port = free_port()
        process = start_cluster_server(port, folders.mktemp("cluster"))
        try:
            with redis.Redis(port=port) as client:
                until(partial(has_begun, process, client))
                if process.poll() is None:
                    yield port, client
                    return
        finally:
            process.terminate()
            process.wait()


def has_begun(process, client):
    return process.poll() is not None or answers(client)


def start_cluster_server(port, folder):
    settings = {
        "port": port,
        "cluster-port": free_port(),
        "cluster-enabled": "yes",
        "save": "",
        "bind": "127.0.0.1",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    return subprocess.Popen([find_binary(), *options], cwd=folder, stdout=subprocess.DEVNULL)


def answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


async def test_reads_of_a_user_never_span_two_slots(store):
    await write_attributes(store, "t", "u", {"age": "24"})
    await write_friends(store, "t", "u", ["v"])
    await erase_user(store, "t", "w", 7.0)
    histories = RedisHistories(store, "t", IDS, EventWeights(), shown_limit=5)
    assert (await histories.recent("u")).record.friends == ("v",)
    assert (await histories.recent("w")).record.erased_at == 7.0
    assert (await read_user_data(store, "t", "u", 5)).attributes == {"age": "24"}
    assert (await read_user_data(store, "t", "w", 5)).erased_at == 7.0


async def test_events_need_the_stream_in_the_slot_of_their_users(store):
    with pytest.raises(StageError, match=r"(?i)cross-?slot|same slot"):
        await append_events(store, "t", [event(1)])
    assert (
        await append_events(store, "{t}", [event(1), event(2, user="v")]) == [AppendOutcome.NEW] * 2
    )
