"""What is erased or deleted stays so: Redis lost, service restarted, work interrupted."""

import math
import subprocess
import sys
import time
from pathlib import Path

import orjson
import polars as pl
import pytest
import redis

from app.process.embedded_server import embedded_server
from app.service.erasure_runner import finish_erasures
from app.service.rollout import RolloutTiming
from app.state.erasure import delete_user_keys
from app.state.erasure_journal import ErasureJournal, JournalError
from app.state.event_codec import events_key
from app.state.user_store import erased_key, user_digest, user_key
from offline.archive.archived_dataset import load_archived
from offline.commands.archive import archive_once
from tests.failure.test_redis import Server
from tests.serving import erase, finished_erasure, hosted, leisurely, until
from tests.state import store, url

__all__ = ["store", "url"]  # fixtures

USERS = [f"u{n}" for n in range(1, 5)]


@pytest.fixture
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("r"))
    one.start()
    yield one
    one.kill()


@pytest.fixture
def read_only(trained, tmp_path):
    """Settings of the compose file's layout: bundles that nobody may write to, and a state folder.

    This account may be root, for whom nothing is read-only: the folder is a file's.
    """
    folder = tmp_path / "bundles-only"
    folder.mkdir()
    for name in ("bundles", "current"):
        (folder / name).symlink_to(trained / name)
    (folder / "withheld").write_text("not a folder")
    return {"out": folder, "state": tmp_path / "state"}


def ids(served, user):
    return [item["item_id"] for item in served.recommend(user, k=20, explore=False)["items"]]


def trained_events(served, user):
    answer = served.recommend(user, explain=True)
    return answer["items"][0]["explain"]["features"]["user_events"]


def test_erased_users_and_deleted_items_stay_so_when_redis_is_lost_and_all_restart(
    read_only, server
):
    settings = leisurely(redis_url=server.url, **read_only)
    with hosted(settings) as served:
        assert all(trained_events(served, user) > 0 for user in USERS)
        item = ids(served, "u9")[0]
        assert served.client.delete(f"/items/{item}").status_code == 204
        for user in USERS:
            assert erase(served.client, user)["status"] == "done"
        until_kept(settings, item)
        server.kill()
        assert [trained_events(served, user) for user in USERS] == [0.0] * len(USERS)
        server.start()  # empty
        assert [trained_events(served, user) for user in USERS] == [0.0] * len(USERS)
    server.kill()
    server.start()  # empty once more: only the files know
    with hosted(settings) as served:
        assert [trained_events(served, user) for user in USERS] == [0.0] * len(USERS)
        assert not any(item in ids(served, user) for user in [*USERS, "u9", "stranger"])
        assert trained_events(served, "u9") > 0
        until(lambda: is_erased_in_store(settings, USERS[0]))
        assert served.client.put(f"/items/{item}", json={"title": "Again"}).is_success
        assert item in served.service.item_store.items
        assert not served.service.item_store.items[item].is_deleted


def kept(settings):
    return settings.state_folder.glob("*.json")


def until_kept(settings, item):
    until(lambda: item in "".join(path.read_text() for path in kept(settings)))


def is_erased_in_store(settings, user):
    with redis.Redis.from_url(settings.redis_url) as client:
        return client.exists(erased_key(settings.key_prefix, user))


def test_a_deleted_item_stays_deleted_without_redis_in_the_layout_of_the_compose_file(
    read_only, server
):
    settings = leisurely(redis_url=server.url, **read_only)
    with hosted(settings) as served:
        item = ids(served, "u9")[0]
        assert served.client.delete(f"/items/{item}").status_code == 204
        until_kept(settings, item)
    server.kill()
    with hosted(settings, timing=RolloutTiming(prepare=0.2)) as served:
        assert not any(item in ids(served, user) for user in (*USERS, "u9", "stranger"))


def test_two_services_on_one_folder_keep_what_each_has_deleted(trained, tmp_path, tmp_path_factory):
    servers = [Server(tmp_path_factory.mktemp("r")) for _ in range(2)]
    deleted = []
    try:
        for server in servers:
            server.start()
            settings = leisurely(
                out=trained, state=tmp_path / "state", redis_url=server.url, key_prefix="shared"
            )
            with hosted(settings) as served:
                deleted.append(ids(served, "u9")[len(deleted)])
                assert served.client.delete(f"/items/{deleted[-1]}").status_code == 204
                until_kept(settings, deleted[-1])
        others = (".shared.json", ".rules.json")
        assert len([path for path in kept(settings) if not path.name.endswith(others)]) == 2
        for server, item in zip(servers, deleted, strict=True):
            server.kill()
            server.start()
            settings = settings.model_copy(update={"redis_url": server.url})
            with hosted(settings) as served:
                assert item not in ids(served, "u9")
    finally:
        for server in servers:
            server.kill()


def test_an_erasure_that_a_killed_redis_interrupts_is_finished_by_the_service(read_only, server):
    settings = leisurely(redis_url=server.url, **read_only)
    with hosted(settings) as served:
        server.kill()
        answer = served.client.delete("/users/u1")
        assert answer.status_code == 503
        (pending,) = ErasureJournal(settings.state_folder, settings.key_prefix).pending()
        assert f"the erasure {pending.erasure_id} is recorded" in answer.text
        until(lambda: trained_events(served, "u1") == 0.0)
        server.start()
        assert finished_erasure(served.client, pending.erasure_id)["user_digest"] == user_digest(
            "u1"
        )


def test_an_erasure_that_cannot_be_recorded_is_refused_and_says_what_to_do(trained, redis_url):
    settings = leisurely(out=trained, state=Path("/proc/nowhere"), redis_url=redis_url)
    with hosted(settings) as served:
        answer = served.client.delete("/users/u1")
        assert answer.status_code == 503
        assert "RECFUNNEL_STATE" in answer.json()["error"]["message"]
        assert trained_events(served, "u1") > 0


async def test_values_that_cannot_be_read_make_nobody_unerasable(store, tmp_path):
    journal = ErasureJournal(tmp_path, "t")
    for part in "habfxsk":
        await store.command("SET", user_key("t", "u", part), b"\xff not JSON")
    for n in range(3):
        await store.command("LPUSH", user_key("t", "u", f"m{n}"), "of another type")
    await store.command("SET", user_key("t", "v", "f"), b'["u", broken')
    await store.command("LPUSH", user_key("t", "w", "f"), "of another type")
    await store.command("XADD", "t:served", "*", "r", "r1", "u", "u", "e", b"damaged")
    await store.command("XADD", "t:events", "*", "e", b"damaged")
    journal.begin("u", time.time() - 60)
    assert not await finish_erasures(store, "t", journal)
    assert not await store.command("KEYS", "t:u:{u}:*")
    assert await store.command("XLEN", "t:served") == 0
    assert await store.command("GET", user_key("t", "v", "f")) is None
    assert await store.command("XLEN", "t:events") == 1


async def test_the_contexts_of_others_lose_the_erased_user_and_keep_the_event(store, tmp_path):
    journal = ErasureJournal(tmp_path, "t")
    entry = ["e1", "v", "i1", "like", 1.0, 5.0, None, None, {"referrer": "u", "page": "home"}]
    await store.command("XADD", "t:events", "*", "e", orjson.dumps(entry))
    erasure_id = journal.begin("u", time.time() - 60)
    assert not await finish_erasures(store, "t", journal)
    ((_, (_, text)),) = await store.command("XRANGE", "t:events", "-", "+")
    assert orjson.loads(text) == [*entry[:8], {"page": "home"}]
    assert journal.receipt(erasure_id).removed["others_context"] == 1


async def test_an_event_of_a_user_who_is_erased_meanwhile_is_not_written_again(store, tmp_path):
    journal = ErasureJournal(tmp_path, "t")
    entry = ["e1", "v", "i1", "like", 1.0, 5.0, None, None, {"referrer": "u"}]
    await store.command("XADD", "t:events", "*", "e", orjson.dumps(entry))
    await delete_user_keys(store, "t", "v", time.time())  # the entry is still there
    journal.begin("u", time.time() - 60)
    assert not await finish_erasures(store, "t", journal)
    assert await store.command("XLEN", "t:events") == 0


def test_the_archive_loses_the_erased_user_also_in_the_contexts_of_others(trained, tmp_path):
    with embedded_server(tmp_path / "redis") as url:
        settings = leisurely(out=tmp_path / "out", redis_url=url)
        journal = ErasureJournal(settings.state_folder, settings.key_prefix)
        with redis.Redis.from_url(url) as client:
            for n, user in enumerate(("u", "v")):
                context = {"referrer": "u", "page": "home"}
                entry = [f"e{n}", user, "i1", "like", 1.0, 5.0, None, None, context]
                client.xadd(events_key(settings.key_prefix), {"e": orjson.dumps(entry)})
            archive_once(settings)
            client.flushall()  # only the journal remembers
        erasure_id = journal.begin("u", time.time() + 10)
        archive_once(settings)
    (file,) = (tmp_path / "out").rglob("events/*/*.parquet")
    assert pl.read_parquet(file).select("user", "context").rows() == [("v", '{"page":"home"}')]
    receipt = journal.receipt(erasure_id)
    assert receipt.archived is None  # it began in the future
    journal.mark_archived(time.time() + 60, 7.0)
    assert journal.receipt(erasure_id).archived == 7.0


def test_the_next_training_leaves_out_whom_only_the_journal_remembers(tmp_path, redis_url):
    settings = leisurely(out=tmp_path, redis_url=redis_url)
    assert load_archived(settings, events=False) is None
    ErasureJournal(settings.state_folder, settings.key_prefix).begin("u", 5.0)
    overlay = load_archived(settings, events=False)
    assert overlay.erased_at(pl.Series(["u", "v"])).to_list() == [5.0, -math.inf]


async def test_a_worker_killed_after_the_record_leaves_work_that_the_next_one_finishes(
    store, tmp_path
):
    journal = ErasureJournal(tmp_path, "t")
    await store.command("SET", user_key("t", "u", "a"), b'{"age": "24"}')
    young = journal.begin("u", time.time())
    assert await finish_erasures(store, "t", journal)  # whoever began it may still be at work
    assert journal.receipt(young).finished is None
    old = journal.begin("u", time.time() - 60)
    with journal.claiming() as is_claimed:
        assert is_claimed
        assert await finish_erasures(store, "t", journal)  # another process works on it
    assert await finish_erasures(store, "t", journal)  # the young one is left
    receipt = journal.receipt(old)
    assert receipt.removed["attributes"] == 1
    assert receipt.finished
    assert [row.erasure_id for row in journal.pending()] == [young]


async def test_what_a_user_does_after_an_erasure_stays(store, tmp_path):
    journal = ErasureJournal(tmp_path, "t")
    entry = orjson.dumps(["e1", "u", "i1", "like", 1.0, 5.0, None])
    erasure_id = journal.begin("u", time.time() - 60)
    journal.add_removed(erasure_id, {}, time.time() - 60)
    await store.command("XADD", "t:events", "*", "e", entry)
    await store.command("SET", user_key("t", "u", "a"), b'{"age": "24"}')
    assert not await finish_erasures(store, "t", journal)
    assert await store.command("XLEN", "t:events") == 1
    assert await store.command("EXISTS", user_key("t", "u", "a"))


def test_the_journal_keeps_no_id_once_the_erasure_is_done_and_is_private(tmp_path):
    journal = ErasureJournal(tmp_path / "state", "t")
    name = "somebody-with-a-long-name"
    erasure_id = journal.begin(name, 5.0)
    assert name.encode() in journal.path.read_bytes()
    journal.finish(erasure_id, {"history": 2}, 6.0)
    assert name.encode() not in journal.path.read_bytes()
    assert journal.erased() == {user_digest(name): 5.0}
    assert (journal.path.parent.stat().st_mode & 0o777, journal.path.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    assert ErasureJournal(tmp_path / "state", "other").erased() == {}


def test_a_damaged_journal_is_an_error_that_says_what_to_do(tmp_path):
    journal = ErasureJournal(tmp_path, "t")
    journal.begin("u", 5.0)
    journal.path.write_bytes(b"damaged" * 1_000)
    for work in (journal.erased, journal.pending, lambda: journal.begin("v", 6.0)):
        with pytest.raises(JournalError, match="restore it from a backup"):
            work()


HALF_WRITTEN = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 5")  # so that pages are written before the end
database.execute("BEGIN IMMEDIATE")
rows = [(f"{n:032x}",) for n in range(5_000)]
database.executemany("INSERT INTO erased VALUES ('other', ?, 1.0)", rows)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_while_it_writes_hides_no_erasure(tmp_path):
    journal = ErasureJournal(tmp_path, "p")
    journal.begin("u1", 5.0)
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(journal.path)], check=False)
    assert journal.path.with_name(journal.path.name + "-journal").stat().st_size
    assert list(journal.erased().values()) == [5.0]
    assert len(journal.pending()) == 1
