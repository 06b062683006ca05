"""A backup of a running service brings back its lists, and nothing that was erased since."""

import fcntl
import gzip
import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import orjson
import polars as pl
import pytest
import redis
from typer.testing import CliRunner

from app.state.erasure_journal import ErasureJournal
from app.state.event_codec import events_key
from app.state.user_store import generation_key, lost_key, user_digest
from offline.backup.erasures import UserFinder
from offline.backup.manifest import BackupError, verify_backup
from offline.backup.redis_dump import SHARED, USERS, RedisDump, command_path
from offline.backup.redis_load import delete_data, mark_lost, read_commands, write_commands
from offline.cli import app as cli
from offline.commands.accept_loss import accept_loss
from offline.commands.archive import archive_once
from offline.commands.backup import DRAFT, LOCK, backup, draft_in, remove_stale_drafts
from offline.commands.restore import RestoreOptions, restore
from offline.data.errors import DataError
from tests.conftest import copy_trained
from tests.failure.test_redis import Server
from tests.serving import erase, hosted, leisurely, until

USERS_ASKED = ("u1", "u2", "u9", "new")


def lists(served):
    return {user: served.ids(user, k=15, explore=False) for user in USERS_ASKED}


def like(user, item, **more):
    return {"user_id": user, "item_id": item, "type": "like", "event_id": f"{user}{item}", **more}


def data(client, prefix):
    """Everything under the prefix that tells of users and items, expiry times aside."""
    names = {
        key: key.decode().removeprefix(f"{prefix}:")
        for key in client.scan_iter(f"{prefix}:*")
        if b"Z-" not in key and not key.endswith((b":workers", b":tables", b":probe", b":lost"))
    }
    read = {
        b"string": client.get,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"stream": client.xrange,
    }
    found = {name: read[client.type(key)](key) for key, name in names.items()}
    # The journal may have the time of an erasure by another clock, some milliseconds later.
    return {name: name.startswith("erased:") or content for name, content in found.items()}


@pytest.fixture
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("r"))
    one.start()
    yield one
    one.kill()


class Original:
    """A service with a history, its backup, and what came after the backup."""

    def __init__(self, folder, trained, redis_url):
        out = copy_trained(trained, folder / "out")
        self.settings = leisurely(out=out, redis_url=redis_url, gorse_api=True)
        self.path = folder / "backup"
        with hosted(self.settings) as served, redis.Redis.from_url(redis_url) as client:
            client.rpush(f"{self.settings.key_prefix}2:foreign", "not ours")
            self.live(served)
            archive_once(self.settings)
            served.tell(
                like("u1", "i3"), like("new", "i4", context={"referrer": "u4", "page": "p"})
            )
            self.lists = lists(served)
            self.users = {user: served.client.get(f"/users/{user}").json() for user in USERS_ASKED}
            until(lambda: client.xlen(f"{self.settings.key_prefix}:served") >= len(USERS_ASKED))
            backup(self.settings, self.path, bundles=True, archive=True)
            self.data = data(client, self.settings.key_prefix)
            erase(served.client, "u4")

    def live(self, served):
        client = served.client
        self.hidden, self.deleted, self.blocked = served.ids("u1", k=3, explore=False)
        served.tell(like("u1", "i1"), like("u2", "i2"), like("u4", "i2"))
        for hides in ("u1", "u4"):
            hide = {"user_id": hides, "item_id": self.hidden, "type": "hide"}
            assert client.post("/events", json=hide).status_code == 202
        for path, body in (
            ("users/new", {"attributes": {"age": "24"}}),
            ("users/u1/friends", {"friends": ["u4", "u2"]}),
            ("users/u1/blocked", {"items": [self.blocked]}),
        ):
            assert client.put(f"/{path}", json=body).is_success
        assert client.delete(f"/items/{self.deleted}").is_success
        rules = {"policy": {"blocked_categories": ["war"]}, "scenes": {"feed": {"category_cap": 2}}}
        change = {"version": 0, "author": "anna", "note": "no war", "rules": rules}
        assert client.put("/rules", json=change).is_success
        rows = [
            {"FeedbackType": "star", "UserId": user, "ItemId": "i6", "Value": 2, "Comment": "c"}
            for user in ("u2", "u4")
        ]
        assert client.post("/api/feedback", json=rows).is_success
        erase(client, "u3")

    def restored(self, folder, url):
        return self.settings.model_copy(
            update={"out": folder / "out", "state": folder / "state", "redis_url": url}
        )


@pytest.fixture(scope="module")
def original(trained, redis_url, tmp_path_factory):
    return Original(tmp_path_factory.mktemp("original"), trained, redis_url)


def test_a_restored_service_gives_the_same_lists_and_fails_closed_until_the_loss_is_accepted(
    original, tmp_path, server
):
    settings = original.restored(tmp_path, server.url)
    restore(settings, RestoreOptions(original.path))
    with redis.Redis.from_url(server.url) as client:
        assert data(client, settings.key_prefix) == original.data
        assert original.data["u:{u2}:gf"].keys() == {b"star\0i6"}
        assert original.data["gorse:raters_of:i6"] == {b"u2", b"u4"}
        assert client.pexpiretime(f"{settings.key_prefix}:u:{{u1}}:h") > time.time() * 1000
        assert not client.exists(f"{settings.key_prefix}2:foreign")
    with hosted(settings) as served:
        answer = served.recommend("u9", k=15, explore=False)
        assert {"stage": "filters", "outcome": "lost"} in answer["degraded"]
        assert original.hidden not in [item["item_id"] for item in answer["items"]]
        accept_loss(settings)
        assert lists(served) == original.lists
        for user, known in original.users.items():
            assert served.client.get(f"/users/{user}").json() == known
        (rules,) = served.client.get("/rules/history").json()["versions"]
        assert (rules["author"], rules["note"]) == ("anna", "no war")
        assert served.client.get("/rules").json()["rules"] == rules["rules"]
        again = served.client.post("/events", json=like("u1", "i3")).json()
        assert again["duplicates"] == 1
        assert (
            served.recommend("u3", explain=True)["items"][0]["explain"]["features"]["user_events"]
            == 0.0
        )
        with pytest.raises(BackupError, match="a service uses Redis"):
            restore(settings, RestoreOptions(original.path, replace=True))
    archive_once(settings)
    events = pl.read_parquet(settings.out / "archive" / "events" / "**" / "*.parquet")
    assert sorted(events["event_id"]).count("u1i1") == 1
    assert {"u1i3", "newi4"} <= set(events["event_id"])


def test_users_who_were_erased_after_the_backup_do_not_come_back(original, tmp_path, server):
    settings = original.restored(tmp_path, server.url)
    options = RestoreOptions(original.path, (original.settings.state_folder,), accept_loss=True)
    restore(settings, options)
    with redis.Redis.from_url(server.url) as client:
        left = data(client, settings.key_prefix)
        streams = [left[name] for name in ("events", "shown", "served")]
        assert not any(b'"u4"' in text for s in streams for _, e in s for text in e.values())
        assert any(b'"newi4"' in entry[b"e"] for _, entry in left["events"])
        assert orjson.loads(left["u:{u1}:f"]) == ["u2"]
        assert not any(name.startswith("u:{u4}:") for name in left)
        assert left["gorse:raters_of:i6"] == {b"u2"}
        assert [user for user, _ in left["gorse:users"]] == [b"u2"]
        assert [pair for pair, _ in left["gorse:raters"]] == [b"star\0u2"]
        assert f"erased:{user_digest('u4')}" in left
        assert not client.exists(lost_key(settings.key_prefix))
    assert not ErasureJournal(settings.state_folder, settings.key_prefix).pending()
    events = pl.read_parquet(settings.out / "archive" / "events" / "**" / "*.parquet")
    assert set(events["user"]) == {"u1", "u2"}
    with hosted(settings) as served:
        features = served.recommend("u4", explain=True)["items"][0]["explain"]["features"]
        assert features["user_events"] == 0.0
        assert not served.recommend("u1")["degraded"]


def test_a_service_that_starts_in_the_middle_of_a_restore_shows_nothing_hidden(
    original, tmp_path, server
):
    settings = original.restored(tmp_path, server.url)
    copy_trained(original.settings.out, settings.out)
    with redis.Redis.from_url(server.url) as client:
        mark_lost(client, settings.key_prefix)
        path = command_path(original.path / "redis", SHARED)
        write_commands(client, read_commands(path, settings.key_prefix))
        with hosted(settings) as served:
            answer = served.recommend("u1", k=50, explore=False)
            assert {"stage": "filters", "outcome": "lost"} in answer["degraded"]
            shown = {item["item_id"] for item in answer["items"]}
            assert shown
            assert not shown & {original.hidden, original.blocked, original.deleted}


def test_a_redis_with_data_is_not_touched_unless_that_is_wanted(original, tmp_path, server):
    settings = original.restored(tmp_path, server.url)
    with redis.Redis.from_url(server.url) as client:
        client.set(generation_key(settings.key_prefix), "other")
        with pytest.raises(BackupError, match="--replace"):
            restore(settings, RestoreOptions(original.path))
        assert client.get(generation_key(settings.key_prefix)) == b"other"
        restore(settings, RestoreOptions(original.path, replace=True))
        assert data(client, settings.key_prefix) == original.data
        restore(settings, RestoreOptions(original.path, replace=True))  # nothing is copied twice
    assert (settings.out / "current").read_text() == (original.settings.out / "current").read_text()


def test_a_write_by_others_in_the_middle_ends_the_restore_with_a_sentence(original, server):
    prefix = original.settings.key_prefix
    with redis.Redis.from_url(server.url) as client:
        client.xadd(events_key(prefix), {"e": "[]"})
        late = iter([[b"XADD", events_key(prefix).encode(), b"1-1", b"e", b"[]"]])
        with pytest.raises(BackupError, match="stop it, and restore again with --replace"):
            write_commands(client, late)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda folder: (folder / "backup.json").unlink(), "has no backup.json"),
        (lambda folder: (folder / "backup.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "backup.json").write_text('{"format": 9}'), "has format 9"),
        (lambda folder: command_path(folder / "redis", USERS).unlink(), "lacks redis/users"),
        (lambda folder: command_path(folder / "redis", USERS).write_bytes(b""), "is damaged"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_restored(
    original, tmp_path, redis_url, harm, sentence
):
    folder = tmp_path / "b"
    (folder / "redis").mkdir(parents=True)
    for name in ("backup.json", *map(str, verify_backup(original.path).files)):
        if not name.startswith(("out/", "state/")):
            (folder / name).write_bytes((original.path / name).read_bytes())
    harm(folder)
    with pytest.raises(BackupError, match=sentence):
        restore(original.restored(tmp_path, redis_url), RestoreOptions(folder))


# Names of their own: those that pytest makes of packed bytes would hold the time.
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(b"*1\r\n$8\r\nFLUSHALL\r\n"), id="another command"),
        pytest.param(
            gzip.compress(b"*3\r\n$3\r\nSET\r\n$7\r\nother:a\r\n$1\r\n1\r\n"), id="another key"
        ),
        pytest.param(
            gzip.compress(b"*3\r\n$3\r\nSET\r\n$3\r\np:a\r\n$1\r\n1\r\n")[:-6], id="cut off"
        ),
        pytest.param(gzip.compress(b"\xff\r\n"), id="no command"),
    ],
)
def test_a_file_runs_no_other_command_and_writes_no_other_key(tmp_path, content):
    path = tmp_path / "x.resp.gz"
    path.write_bytes(content)
    with pytest.raises(BackupError, match="use another"):
        list(read_commands(path, "p"))


def test_indexes_are_restored_without_erased_users_who_have_no_rows_in_the_backup():
    finder = UserFinder({user_digest("anna"): 5.0}, "p")
    commands = [
        [b"SADD", b"p:gorse:raters_of:i1", b"anna", b"ben"],
        [b"SADD", b"p:gorse:raters_of:i2", b"anna"],
        [b"ZADD", b"p:gorse:raters", b"0", b"like\0anna", b"0", b"like\0ben"],
        [b"ZADD", b"p:gorse:users", b"0", b"ben", b"0", b"anna"],
        [b"ZADD", b"p:gorse:item_times", b"7", b"anna"],
    ]
    assert list(finder.watch(commands)) == [
        [b"SADD", b"p:gorse:raters_of:i1", b"ben"],
        [b"ZADD", b"p:gorse:raters", b"0", b"like\0ben"],
        [b"ZADD", b"p:gorse:users", b"0", b"ben"],
        [b"ZADD", b"p:gorse:item_times", b"7", b"anna"],
    ]
    assert finder.users == {"anna": 5.0}


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (lambda client, p: client.set(f"{p}:u:{{u1}}:new", 1), "a name"),
        (lambda client, p: client.xadd(f"{p}:u:{{u1}}:h", {"a": 1}), "the type stream"),
        (lambda client, p: client.pfadd(f"{p}:u:{{u1}}:zz", 1), "a name"),
    ],
)
def test_a_key_that_no_backup_has_ends_the_backup(tmp_path, redis_url, write, what):
    prefix = f"t{uuid4().hex}"
    with redis.Redis.from_url(redis_url) as client:
        write(client, prefix)
        with pytest.raises(BackupError, match=f"{what} that this version does not back up"):
            RedisDump(client, prefix, tmp_path).run()
        delete_data(client, prefix)


class WithoutScripts:
    """A client whose scripts fail: they hold up the server as long as their keys are large."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        assert name != "pipeline", "a script reads all of a large key"
        return getattr(self.client, name)


def test_large_shared_sets_are_copied_with_their_exact_scores(tmp_path, redis_url):
    prefix = f"t{uuid4().hex}"
    with redis.Redis.from_url(redis_url) as client:
        key = f"{prefix}:gorse:item_times"
        client.zadd(key, {f"i{n}": 1_700_000_000.123457 + n for n in range(2_000)})
        RedisDump(WithoutScripts(client), prefix, tmp_path).run()
        before = client.zrange(key, 0, -1, withscores=True)
        delete_data(client, prefix)
        write_commands(client, read_commands(command_path(tmp_path, SHARED), prefix))
        assert client.zrange(key, 0, -1, withscores=True) == before
        delete_data(client, prefix)


def test_drafts_of_killed_backups_are_removed_and_those_in_use_stay(tmp_path):
    for name in ("dead", "alive"):
        (tmp_path / f"{DRAFT}{name}").mkdir()
        (tmp_path / f"{DRAFT}{name}" / LOCK).write_text("")
    with (tmp_path / f"{DRAFT}alive" / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_stale_drafts(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [f"{DRAFT}alive"]


def test_a_backup_that_is_terminated_leaves_nothing(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, draft_in(tmp_path) as draft:
        (draft / "part").write_text("data of users")
        remove_stale_drafts(tmp_path)
        assert (draft / "part").exists()  # it is in use
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 143
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is before


def test_wrong_places_are_named(original, tmp_path, redis_url):
    settings = original.settings
    with pytest.raises(BackupError, match="exists: name a new folder"):
        backup(settings, original.path, bundles=True, archive=True)
    with pytest.raises(BackupError, match="exists: name a new folder"):
        backup(settings, Path(), bundles=True, archive=True)
    with pytest.raises(DataError, match="does not exist"):
        nowhere = leisurely(out=tmp_path / "nowhere")
        backup(nowhere, tmp_path / "b", bundles=True, archive=True)
    with pytest.raises(BackupError, match="cannot be written"):
        backup(settings, tmp_path / ("x" * 300), bundles=False, archive=False)
    with pytest.raises(BackupError, match="name a newer backup"):
        restore(settings, RestoreOptions(original.path, (tmp_path,)))
    with pytest.raises(BackupError, match="RECFUNNEL_KEY_PREFIX="):
        other = settings.model_copy(update={"key_prefix": "other"})
        restore(other, RestoreOptions(original.path))


def test_the_commands_say_what_they_did(original, tmp_path, server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", original.settings.redis_url)
    monkeypatch.setenv("RECFUNNEL_KEY_PREFIX", original.settings.key_prefix)
    (tmp_path / "recfunnel.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    to = tmp_path / "small"
    options = ["--out", str(original.settings.out), "--no-bundles", "--no-archive"]
    made = CliRunner().invoke(cli, ["backup", "--to", str(to), *options])
    assert made.exit_code == 0, made.output
    assert "keep it private" in made.output
    assert (to / "settings" / "recfunnel.toml").exists()
    assert not (to / "out").exists()
    assert {path.stat().st_mode & 0o077 for path in (to, *to.rglob("*"))} == {0}
    monkeypatch.setenv("REDIS_URL", server.url)
    where = ["--out", str(tmp_path / "out"), "--accept-loss"]
    restored = CliRunner().invoke(cli, ["restore", "--from", str(to), *where])
    assert restored.exit_code == 0, restored.output
    assert "erased later" in restored.output
