"""The archive: every entry of the streams is in one file, once."""

from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
import redis

from app.process.embedded_server import embedded_server
from app.request_log.answer_record import LogEntry
from app.settings import Settings
from app.state.archiver_status import GROUP, archiver_key, read_archiver_lag
from app.state.event_codec import events_key, impressions_key
from app.state.store import Store
from offline.archive.drain import ArchiveRounds, Drain, require_version
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import EVENTS, IMPRESSIONS, REQUEST_LOG, encode_row, log_entry
from offline.commands.archive import archive, lock_archive
from offline.data.errors import DataError
from tests.archiving import DAY, add, client, drain, event, ids, named, prefix
from tests.conftest import ROOT
from tests.integration.api.test_recommend import stranger
from tests.serving import hosted, leisurely, until

__all__ = ["client", "prefix"]  # fixtures


def test_entries_are_archived_in_files_by_day_and_only_once(client, prefix, tmp_path):
    add(client, prefix, 1, 2, at=10 * DAY)
    add(client, prefix, 3, at=11 * DAY)
    assert drain(client, prefix, tmp_path).run() == 3
    assert drain(client, prefix, tmp_path).run() == 0
    add(client, prefix, 4, 5)
    assert drain(client, prefix, tmp_path).run() == 2
    assert ids(tmp_path) == named(1, 2, 3, 4, 5)
    days = sorted(path.name for path in (tmp_path / "events").iterdir())
    assert days[:2] == ["day=1970-01-11", "day=1970-01-12"]
    read = pl.read_parquet(tmp_path / "events", hive_partitioning=True)
    assert read.columns == [*EVENTS.columns, "day"]
    assert read["user"].to_list() == ["u1", "u2", "u3", "u4", "u5"]
    assert client.exists(archiver_key(prefix))


def test_an_event_that_is_in_the_stream_twice_is_archived_once(client, prefix, tmp_path):
    add(client, prefix, 1, 2, 1)
    drain(client, prefix, tmp_path).run()
    add(client, prefix, 2, 3)
    last = drain(client, prefix, tmp_path)
    last.run()
    assert ids(tmp_path) == named(1, 2, 3)
    assert (last.counts.archived, last.counts.repeated) == (1, 1)


def test_a_foreign_entry_is_counted_and_skipped(client, prefix, tmp_path):
    client.xadd(events_key(prefix), {"e": b"?"})
    client.xadd(events_key(prefix), {"other": b"1"})
    add(client, prefix, 1)
    one = drain(client, prefix, tmp_path)
    one.run()
    assert ids(tmp_path) == named(1)
    assert one.counts.unreadable == 2
    assert drain(client, prefix, tmp_path).run() == 0


def test_past_days_become_one_file_and_an_interrupted_merge_duplicates_nothing(
    client, prefix, tmp_path
):
    files = StreamFiles(tmp_path / "events", EVENTS)
    for n in range(6):
        add(client, prefix, n, at=10 * DAY + n // 3 * DAY)
        drain(client, prefix, tmp_path).run()
    assert len(files.files()) == 6
    kept = {path: path.read_bytes() for path in files.folder.rglob("*.parquet")}
    assert files.merge(today="1970-01-12") == 3
    assert len(files.files()) == 4
    assert ids(tmp_path) == named(*range(6))
    for path, content in kept.items():
        path.write_bytes(content)  # as if the merge had not come to remove them
    assert ids(tmp_path) == named(*range(6))
    assert drain(client, prefix, tmp_path).run() == 0
    files.merge(today="1970-01-12")
    assert len(list(files.folder.rglob("*.parquet"))) == 4


def test_the_documented_way_to_read_counts_each_event_once_during_a_merge(client, prefix, tmp_path):
    for n in range(4):
        add(client, prefix, n, at=10 * DAY)
        drain(client, prefix, tmp_path).run()
    files = StreamFiles(tmp_path / "events", EVENTS)
    with suppress(ZeroDivisionError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_: 1 / 0)
        files.merge(today="1970-01-12")
    assert len(list(files.folder.rglob("*.parquet"))) == 5
    documented = (
        (ROOT / "docs/guides/request-log.md").read_text().split("```python\n")[1].split("```")[0]
    )
    scope = {}
    exec(documented.replace("out/archive/events", str(files.folder)), scope)  # noqa: S102
    assert sorted(scope["events"]["event_id"]) == named(*range(4))


def test_files_are_merged_up_to_a_size_and_stay_in_order(client, prefix, tmp_path):
    for n in range(9):
        add(client, prefix, n, at=10 * DAY)
        drain(client, prefix, tmp_path).run()
    files = StreamFiles(tmp_path / "events", EVENTS)
    size = max(part.path.stat().st_size for part in files.files())
    assert files.merge(today="1970-01-12", max_size=3 * size) == 9
    assert len(files.files()) == 3
    assert ids(tmp_path) == named(*range(9))


def test_streams_are_drained_while_merging_fails(client, prefix, tmp_path, caplog, monkeypatch):
    for n in range(3):
        add(client, prefix, n, at=10 * DAY)
        drain(client, prefix, tmp_path).run()
    rounds = ArchiveRounds("", client, [drain(client, prefix, tmp_path)])
    add(client, prefix, 3)
    with monkeypatch.context() as patch:
        patch.setattr(pl, "scan_parquet", lambda *_, **__: Path("/nowhere/at/all").stat())
        for n in (4, 5):
            rounds.run()
            assert "the files of events cannot be merged now" in caplog.text
            add(client, prefix, n)
    rounds.run()
    assert ids(tmp_path) == named(*range(6))
    assert len(list((tmp_path / "events/day=1970-01-11").iterdir())) == 1


def test_a_repeat_after_many_rounds_and_restarts_is_recognised(client, prefix, tmp_path):
    one = drain(client, prefix, tmp_path)
    for n in range(6):
        add(client, prefix, n)
        one.run()
    add(client, prefix, 0)
    assert (one.run(), one.counts.repeated) == (1, 1)
    add(client, prefix, 0)
    another = drain(client, prefix, tmp_path)
    another.run()
    assert another.counts.repeated == 1
    assert ids(tmp_path) == named(*range(6))


def test_a_server_that_cannot_count_lost_entries_is_refused(client):
    require_version(client.info("server"))
    with pytest.raises(DataError, match=r"Redis 6\.2\.14 is too old for the archive"):
        require_version({"redis_version": "6.2.14"})


def test_only_archived_entries_are_trimmed(client, prefix, tmp_path):
    add(client, prefix, *range(50))
    one = drain(client, prefix, tmp_path, keep=20)
    one.trim()
    assert client.xlen(one.key) == 50
    one.run()
    assert client.xlen(one.key) == 20
    add(client, prefix, *range(50, 80))
    one.trim()
    assert client.xlen(one.key) == 30


def test_entries_trimmed_before_they_were_archived_are_reported(client, prefix, tmp_path, caplog):
    add(client, prefix, *range(5))
    drain(client, prefix, tmp_path).run()
    assert "trimmed before" not in caplog.text
    add(client, prefix, *range(5, 20))
    client.xtrim(events_key(prefix), maxlen=4, approximate=False)
    drain(client, prefix, tmp_path).run()
    assert "11 entries of" in caplog.text
    assert ids(tmp_path) == named(*range(5), *range(16, 20))


@pytest.mark.parametrize("kept", [6, 3])
async def test_workers_report_how_far_the_archiver_is_behind_and_what_is_lost(
    client, prefix, redis_url, tmp_path, kept
):
    keys = {"events": events_key(prefix), "shown": impressions_key(prefix)}
    async with Store.connect(redis_url) as store:
        assert await read_archiver_lag(store, keys) == {}
        add(client, prefix, *range(4))
        assert await read_archiver_lag(store, keys) == {}  # nobody archives
        drain(client, prefix, tmp_path).run()
        assert await read_archiver_lag(store, keys) == {"events": (0, 0)}
        add(client, prefix, *range(4, 9))
        assert await read_archiver_lag(store, keys) == {"events": (5, 0)}
        client.xtrim(events_key(prefix), maxlen=kept, approximate=False)
        assert await read_archiver_lag(store, keys) == {"events": (min(kept, 5), max(5 - kept, 0))}
        drain(client, prefix, tmp_path).run()
        assert await read_archiver_lag(store, keys) == {"events": (0, 0)}


def test_lost_entries_are_a_metric(trained, redis_url, client, tmp_path):
    with service_over(trained, redis_url, tmp_path) as (service, settings):
        key = events_key(settings.key_prefix)
        client.xgroup_create(key, GROUP, id="0", mkstream=True)
        client.xgroup_setid(key, GROUP, id="0", entries_read=0)
        add(client, settings.key_prefix, *range(7))
        client.xtrim(key, maxlen=2, approximate=False)
        for line in ('waiting{stream="events"} 2.0', 'lost{stream="events"} 5.0'):
            entry = f"recfunnel_archive_{line}"
            until(lambda entry=entry: entry in service.client.get("/metrics").text)


def test_only_one_archiver_works_on_a_folder(tmp_path):
    with (
        lock_archive(tmp_path),
        pytest.raises(DataError, match="another process works on"),
        lock_archive(tmp_path),
    ):
        pass


def test_an_entry_is_rebuilt_from_its_row(client, prefix, tmp_path):
    one = event(3, value=2.5, timestamp=123.456789, request_id="r1", context={"page": "home"})
    plain = orjson.loads(one.stream_entry())
    stored = [plain, [*plain, {"country": "SE"}], plain[:7]]
    for n, entry in enumerate(stored):
        entry[0] = f"e{n}"
        client.xadd(events_key(prefix), {"e": orjson.dumps(entry)})
    drain(client, prefix, tmp_path).run()
    rows = pl.concat(StreamFiles(tmp_path / "events", EVENTS).read()).to_dicts()
    *whole, short = [orjson.loads(encode_row(EVENTS, row)) for row in rows]
    assert whole == stored[:2]
    assert short == [*stored[2], None, {}]
    assert [row["attributes"] for row in rows] == [None, '{"country":"SE"}', None]


def test_impressions_keep_their_scene_and_files_without_scenes_are_read_and_merged(
    client, prefix, tmp_path
):
    files = StreamFiles(tmp_path / "shown", IMPRESSIONS)

    def shown(n, *scene):
        entry = orjson.dumps([f"r{n}", "u", ["i1", "i2"], *scene])
        client.xadd(impressions_key(prefix), {"e": entry}, id=f"{10 * DAY}-{n}")
        Drain(client, prefix, IMPRESSIONS, files, 1_000_000).run()

    shown(1, "home")
    (old,) = files.files()
    pl.read_parquet(old.path).drop("scene").write_parquet(old.path)
    shown(2, "page")
    shown(3)
    for read in (list(files.read()), files.merge(today="9999-01-01") and list(files.read())):
        rows = pl.concat(read).to_dicts()
        assert [row["scene"] for row in rows] == [None, "page", ""]
        entry = [orjson.loads(encode_row(IMPRESSIONS, row)) for row in rows]
        assert entry[:2] == [
            ["r1", "u", ["i1", "i2"], "", None],
            ["r2", "u", ["i1", "i2"], "page", None],
        ]
    assert len(files.files()) == 1


@contextmanager
def service_over(trained, redis_url, tmp_path):
    settings = leisurely(out=trained, redis_url=redis_url, reload_seconds=0.05)
    with hosted(settings) as service:
        yield service, settings.model_copy(update={"out": tmp_path})


def test_the_command_archives_answers_and_events_of_a_service(
    trained, redis_url, tmp_path, client, capsys
):
    with service_over(trained, redis_url, tmp_path) as (service, settings):
        user = stranger()
        answers = [service.recommend(user), service.recommend("u3", k=3)]
        service.tell({"user_id": user, "item_id": "i1", "request_id": answers[0]["request_id"]})
        until(lambda: client.xlen(f"{settings.key_prefix}:served") == 2)
        until(lambda: client.xlen(f"{settings.key_prefix}:shown") == 2)
        entries = client.xrange(f"{settings.key_prefix}:served")
        archive(settings, once=True)
        until(lambda: service.service.stream_limit > settings.stream_limit)
    assert "served" in capsys.readouterr().out
    folder = archive_folder(settings.out)
    rows = pl.concat(StreamFiles(folder / "served", REQUEST_LOG).read()).to_dicts()
    assert [row["request_id"] for row in rows] == [answer["request_id"] for answer in answers]
    for row, (_, fields) in zip(rows, entries, strict=True):
        again, was = log_entry(row), LogEntry.unpack(fields[b"e"])
        assert again.head == was.head
        for name, array in was.arrays.items():
            assert again.arrays[name].dtype == array.dtype
            assert np.array_equal(again.arrays[name], array, equal_nan=True), name
    (row,) = pl.concat(StreamFiles(folder / "events", EVENTS).read()).to_dicts()
    assert (row["user"], row["request_id"]) == (user, answers[0]["request_id"])
    shown = pl.concat(StreamFiles(folder / "shown", IMPRESSIONS).read()).to_dicts()
    assert [one["items"] for one in shown] == [row["items"] for row in rows]


def test_an_archiver_finds_the_embedded_server_of_a_service(tmp_path):
    settings = Settings(out=tmp_path, redis_url=None)
    with embedded_server(tmp_path / "redis") as url, redis.Redis.from_url(url) as client:
        add(client, settings.key_prefix, 1)
        archive(settings, once=True)
    assert ids(archive_folder(settings.out)) == named(1)
    archive(settings, once=True)  # nobody runs it: it is started
    assert ids(archive_folder(settings.out)) == named(1)


def test_days_that_are_kept_no_longer_leave_the_archive_and_the_stream(client, prefix, tmp_path):
    add(client, prefix, 1, at=10 * DAY)
    add(client, prefix, 2, at=11 * DAY)
    add(client, prefix, 3, at=12 * DAY)
    one = drain(client, prefix, tmp_path)
    one.run()
    now = 12.5 * DAY / 1000
    assert one.remove_old(now) == 0  # for ever
    one.days = 1
    assert one.remove_old(now) == 1
    assert ids(tmp_path) == named(2, 3)
    assert client.xlen(events_key(prefix)) == 2
    one.keep = 0
    one.trim()  # what is left is still known as archived
    assert client.xlen(events_key(prefix)) == 0
    assert drain(client, prefix, tmp_path).run() == 0
