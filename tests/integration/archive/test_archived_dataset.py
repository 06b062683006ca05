"""Archived events and answers reach the next bundle; erased users are in neither."""

import shutil
import time

import numpy as np
import orjson
import polars as pl
import pytest
import redis
from typer.testing import CliRunner

from app.bundle.bundle import find_current_bundle, load_bundle
from app.event_weights import EventWeights
from app.features.views import FINE_VIEW, column_names, view_hash
from app.request_log.answer_record import ARRAY_NAMES, LogEntry
from app.request_log.writer import request_log_key
from app.settings import Settings
from app.state.event_codec import impressions_key
from app.state.store import Store
from app.state.user_store import erased_key, user_digest
from app.state.write_queue import ImpressionWriter
from offline import cli
from offline.archive.archived_dataset import build_archived_table, load_archived
from offline.archive.erased_users import FILE, ErasedUsers, purge
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import DTYPES, EVENTS, IMPRESSIONS, REQUEST_LOG, STREAMS
from offline.commands.archive import archive
from offline.commands.train import TrainOptions, train
from offline.data.errors import DataError
from offline.data.readers import load_dataset
from offline.evaluate.gate import GateConfig
from offline.training.rank_table import NO_POSITION, RankTable
from offline.training.row_collection import insert_logged_lists
from tests.conftest import copy_trained
from tests.serving import QUICK, erase, hosted, leisurely, until

GONE, FRIEND, NEWCOMER = "u7", "u8", "newcomer-with-a-name"
RETURNED = "leaves-and-returns-one-day"
CLICKERS = [f"u{n}" for n in range(20, 60)]


@pytest.fixture(scope="module")
def story(trained, redis_url, tmp_path_factory):
    """A service with answers and events, and two users: one erased before archiving, one after."""
    out = copy_trained(trained, tmp_path_factory.mktemp("story") / "out")
    return tell_story(leisurely(out=out, redis_url=redis_url, reload_seconds=0.05), CLICKERS)


def tell_story(settings, clickers):
    prefix, n_clicks = settings.key_prefix, 2 * len(clickers)
    with hosted(settings) as service, redis.Redis.from_url(settings.redis_url) as redis_client:
        client = service.client
        client.put(f"/users/{FRIEND}/friends", json={"friends": [GONE, "u9"]})
        client.put(f"/users/{GONE}", json={"attributes": {"age": 30}})
        for user in (GONE, FRIEND, NEWCOMER, RETURNED, *clickers):
            click(service, user, 2 if user in clickers else 1)
        until(lambda: redis_client.xlen(request_log_key(prefix)) == 4 + n_clicks)
        until(lambda: redis_client.xlen(impressions_key(prefix)) == 4 + n_clicks)
        archive(settings, once=True)
        receipt = erase(client, GONE)["removed"]
        erase(client, RETURNED)
        time.sleep(0.01)
        click(service, RETURNED, 1)
        until(lambda: redis_client.xlen(request_log_key(prefix)) == 2 + n_clicks)
    archive(settings, once=True)
    return settings, receipt


def click(service, user, times):
    for n in range(times):
        answer = service.recommend(user)
        item = answer["items"][n]["item_id"]
        event = {"user_id": user, "item_id": item, "type": "like"}
        logged = service.client.post("/events", json=event | {"request_id": answer["request_id"]})
        assert logged.status_code == 202


def table(settings, stream):
    return pl.concat(StreamFiles(archive_folder(settings.out) / stream.name, stream).read())


def everything(settings):
    """All bytes that the service keeps: every key and value, every file of the archive."""
    with redis.Redis.from_url(settings.redis_url) as store:
        for key in store.scan_iter(f"{settings.key_prefix}*"):
            is_stream = store.type(key) == b"stream"  # its deleted entries are overwritten later
            yield key, repr(store.xrange(key)).encode() if is_stream else store.dump(key)
    for path in archive_folder(settings.out).rglob("*"):
        if path.suffix == ".parquet":
            for row in pl.read_parquet(path).iter_rows():
                yield str(path).encode(), repr(row).encode()
        elif path.is_file():
            yield str(path).encode(), path.read_bytes()


def test_an_erased_user_is_in_no_key_stream_or_file(story):
    settings, receipt = story
    quoted = [f'"{GONE}"'.encode(), f"'{GONE}'".encode(), f'\\"{GONE}\\"'.encode()]
    stored = list(everything(settings))
    assert len(stored) > 100
    for name, content in stored:
        assert f"{{{GONE}}}".encode() not in name
        assert not any(text in content for text in quoted), (name, content[:300])
    assert any(f"'{CLICKERS[0]}'".encode() in content for _, content in stored)
    assert receipt["served"] == 2  # the answer to the user, and the one to a friend
    assert receipt["history"] == receipt["events_stream"] == receipt["impressions"] == 1


def test_a_user_who_returned_has_only_what_came_after_the_erasure(story):
    settings, _ = story
    for stream in STREAMS:
        users = table(settings, stream)["user"].to_list()
        assert users.count(RETURNED) == 1
        assert users.count(NEWCOMER) == 1
        assert GONE not in users
    assert table(settings, REQUEST_LOG)["user"].to_list().count(FRIEND) == 0
    assert set(ErasedUsers.read(archive_folder(settings.out)).times) == {
        user_digest(GONE),
        user_digest(RETURNED),
    }


def test_logged_lists_are_rows_with_labels_and_positions(story):
    settings, _ = story
    rows = build_archived_table(archive_folder(settings.out), 0.0, EventWeights(), np.inf)
    assert len(rows.groups) == 2 * len(CLICKERS) + 2
    assert set(rows.groups.tolist()) == {10}
    assert rows.features.shape == (len(rows), len(column_names(FINE_VIEW)))
    chosen = np.flatnonzero(rows.labels)
    assert len(chosen) == len(rows.groups)
    assert set(rows.positions[chosen].tolist()) == {0, 1}
    row = table(settings, REQUEST_LOG).to_dicts()[0]
    shown = np.array(row["features"], np.float32).reshape(10, -1)
    assert any(
        np.array_equal(rows.features[at : at + 10], shown, equal_nan=True)
        for at in range(0, len(rows), 10)
    )
    assert len(build_archived_table(archive_folder(settings.out), 0.0, EventWeights(), 0.0)) == 0


def test_lists_with_other_features_are_left_out_and_counted(story, tmp_path, caplog):
    settings, _ = story
    whole = shutil.copytree(archive_folder(settings.out), tmp_path / "archive")
    files = StreamFiles(whole / REQUEST_LOG.name, REQUEST_LOG).files()
    logged = pl.read_parquet(files[0].path, hive_partitioning=False)
    others = pl.col("told").str.replace(f'"view":"{view_hash()}"', '"view":"another"', literal=True)
    logged.with_columns(others).write_parquet(files[0].path)
    lists = len(table(settings, REQUEST_LOG))
    rows = build_archived_table(whole, 0.0, EventWeights(), np.inf)
    assert len(rows.groups) == lists - len(logged)
    assert f"{len(logged)} of {lists} logged lists are not used for training" in caplog.text


def test_replayed_rows_have_a_position_of_their_own():
    def rows(n, positions):
        labels = np.arange(n, dtype=np.int32) % 2
        return RankTable(np.zeros((n, 2), np.float32), labels, np.array([n]), positions)

    shown = rows(3, np.arange(3, dtype=np.int32))
    tables = insert_logged_lists([rows(4, None), rows(5, None)], shown)
    assert [len(one) for one in tables] == [4, 3, 5]
    assert set(tables[0].positions.tolist()) == set(tables[2].positions.tolist()) == {NO_POSITION}


def test_the_next_bundle_has_the_clicks_and_not_the_erased_user(story, data):
    settings, _ = story
    before = load_bundle(find_current_bundle(settings.out))
    choice = TrainOptions(from_archive=True, gate=GateConfig(force=True), config=QUICK)
    folder = train(data, settings, choice)
    after = load_bundle(folder)
    users = after.models.users
    assert GONE in before.models.users.ids.names(np.arange(len(before.models.users.ids)))
    assert users.ids.row(GONE) < 0
    assert users.ids.row(NEWCOMER) >= 0
    for user in CLICKERS:
        old = before.models.users.history(before.models.users.ids.row(user))
        new = users.history(users.ids.row(user))
        assert len(new) == len(old) + 2
        assert new.times[0] > before.manifest.data_end
    assert len(users.history(users.ids.row(RETURNED))) == 1
    assert after.manifest.event_weights() == before.manifest.event_weights()
    name = GONE.encode()
    ids = np.load(folder / "users.ids.npy").tobytes()
    assert b"\0" + name + b"\0" not in b"\0" + ids + b"\0"


def test_without_archived_events_erased_users_are_left_out_too(story, data):
    settings, _ = story
    overlay = load_archived(settings, events=False)
    reading = load_dataset(data, overlay=overlay)
    assert reading.dataset.users.row(GONE) < 0
    assert len(reading.dataset.log) == len(load_dataset(data).dataset.log) - int(
        (load_dataset(data).dataset.log.users == load_dataset(data).dataset.users.row(GONE)).sum()
    )


def test_without_an_archive_there_is_nothing_to_add(tmp_path):
    settings = Settings(out=tmp_path, redis_url=None)
    assert load_archived(settings, events=False) is None
    with pytest.raises(DataError, match="run `recfunnel archive --once` first"):
        load_archived(settings, events=True)


def test_the_command_erases_a_user_everywhere(out, redis_url):
    settings, _ = tell_story(leisurely(out=out, redis_url=redis_url), CLICKERS[:1])
    environment = {"REDIS_URL": settings.redis_url, "RECFUNNEL_KEY_PREFIX": settings.key_prefix}
    done = CliRunner(env=environment).invoke(
        cli.app, ["erase", NEWCOMER, "--out", str(settings.out)]
    )
    assert done.exit_code == 0, done.output
    assert "archive" in done.output
    assert not any(NEWCOMER.encode() in content for _, content in everything(settings))
    assert user_digest(NEWCOMER) in (archive_folder(settings.out) / FILE).read_text()
    files = StreamFiles(archive_folder(settings.out) / EVENTS.name, EVENTS)
    assert purge(files, ErasedUsers.read(archive_folder(settings.out))) == []


@pytest.fixture
def settings(redis_url, tmp_path):
    return leisurely(out=tmp_path, redis_url=redis_url)


def served(request, at):
    """A logged answer without items to the user."""
    head = {"request_id": request, "at": at, "bundle": "b", "variant": "control", "items": []}
    request_fields = {"user": "gone", "scene": "home"}
    arrays = {
        name: np.zeros((0,) if n < 3 else (0, 1), kind)
        for n, (name, kind) in enumerate(zip(ARRAY_NAMES, DTYPES, strict=True))
    }
    return LogEntry(
        head | {"request": request_fields, "raw_reply": [[], [None] * 4, []]}, arrays
    ).pack()


def requests(settings, client):
    """The lists that streams and archive have, by stream."""
    prefix, folder = settings.key_prefix, archive_folder(settings.out)
    files = (StreamFiles(folder / stream.name, stream) for stream in (IMPRESSIONS, REQUEST_LOG))
    archived = [pl.concat(one.read())["request_id"].to_list() for one in files]
    shown = [orjson.loads(fields[b"e"])[0] for _, fields in client.xrange(impressions_key(prefix))]
    packed = [fields[b"e"] for _, fields in client.xrange(request_log_key(prefix))]
    return archived, [shown, [LogEntry.unpack(one).head["request_id"] for one in packed]]


def test_a_list_shown_before_the_erasure_is_removed_although_it_is_written_later(settings):
    prefix, erased = settings.key_prefix, time.time()
    with redis.Redis.from_url(settings.redis_url) as client:
        client.set(erased_key(prefix, "gone"), repr(erased))
        archive(settings, once=True)  # it records the erasure
        for request, at in (("before", erased - 2.0), ("after", erased + 0.001)):
            client.xadd(
                impressions_key(prefix), {"e": orjson.dumps([request, "gone", ["i"], "", at])}
            )
            client.xadd(request_log_key(prefix), {"e": served(request, at)})
        archive(settings, once=True)
        assert requests(settings, client) == ([["after"], ["after"]], [["after"], ["after"]])


async def test_an_impression_contains_its_time(settings):
    began = time.time()
    async with Store.connect(settings.redis_url) as store:
        impressions = ImpressionWriter(store, settings.key_prefix)
        impressions.add_list("r", "u", ["i"], "home")
        queued = time.time()
        await impressions.close()
    archive(settings, once=True)
    (row,) = pl.concat(
        StreamFiles(archive_folder(settings.out) / "shown", IMPRESSIONS).read()
    ).to_dicts()
    assert began <= row["at"] <= queued
    assert row["scene"] == "home"
