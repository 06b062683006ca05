"""The archive: every entry of the streams once in a file, whatever is killed when."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np
import orjson
import polars as pl
import pytest
import redis

from app.process.embedded_server import embedded_server
from app.request_log.entry_codec import LogEntry
from app.settings import Settings
from app.state.archiver_status import archiver_key, read_archiver_lag
from app.state.event_codec import Event, events_key, impressions_key
from app.state.store import Store
from offline.archive import drain as drain_module
from offline.archive.drain import Drain
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.rounds import ArchiveRounds, require_version
from offline.archive.streams import EVENTS, IMPRESSIONS, REQUEST_LOG, encode_row, log_entry
from offline.commands.archive import archive, lock_archive
from offline.data.errors import DataError
from tests.conftest import ROOT, clean_environment, hosted, leisurely, until
from tests.integration.api.test_recommend import stranger

DAY = 86_400_000  # milliseconds


@pytest.fixture
def link(redis_url):
    with redis.Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def prefix():
    return f"archive-{uuid4().hex}"


def event(n, **known):
    return Event(event_id=f"e{n}", user=f"u{n % 7}", item=f"i{n % 5}", type="like", **known)


def add(link, prefix, *numbers, at=None):
    for n in numbers:
        name = "*" if at is None else f"{at}-{n}"
        link.xadd(events_key(prefix), {"e": event(n).stream_entry()}, id=name)


def drain(link, prefix, folder, keep=1_000_000):
    return Drain(link, prefix, EVENTS, StreamFiles(folder / "events", EVENTS), keep)


def ids(folder):
    tables = list(StreamFiles(folder / "events", EVENTS).read())
    return pl.concat(tables)["event_id"].to_list() if tables else []


def named(*numbers):
    return [f"e{n}" for n in numbers]


def test_what_is_drained_is_in_files_by_day_and_is_not_taken_again(link, prefix, tmp_path):
    add(link, prefix, 1, 2, at=10 * DAY)
    add(link, prefix, 3, at=11 * DAY)
    assert drain(link, prefix, tmp_path).run() == 3
    assert drain(link, prefix, tmp_path).run() == 0
    add(link, prefix, 4, 5)
    assert drain(link, prefix, tmp_path).run() == 2
    assert ids(tmp_path) == named(1, 2, 3, 4, 5)
    days = sorted(path.name for path in (tmp_path / "events").iterdir())
    assert days[:2] == ["day=1970-01-11", "day=1970-01-12"]
    read = pl.read_parquet(tmp_path / "events", hive_partitioning=True)
    assert read.columns == [*EVENTS.columns, "day"]
    assert read["user"].to_list() == ["u1", "u2", "u3", "u4", "u5"]
    assert link.exists(archiver_key(prefix))


@pytest.mark.parametrize("dies_at", ["before the file", "in the file", "after the file"])
def test_a_death_at_any_point_loses_and_doubles_nothing(
    link, prefix, tmp_path, monkeypatch, dies_at
):
    add(link, prefix, *range(10))
    dying = drain(link, prefix, tmp_path)
    with monkeypatch.context() as patch:
        if dies_at == "before the file":
            patch.setattr(StreamFiles, "write", lambda *_: 1 / 0)
        elif dies_at == "in the file":
            patch.setattr(Path, "replace", lambda *_: 1 / 0)
        else:
            patch.setattr(link, "xack", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dying.run()
    add(link, prefix, *range(10, 15))
    after = drain(link, prefix, tmp_path)
    after.run()
    assert ids(tmp_path) == named(*range(15))
    assert after.counts.repeated == (10 if dies_at == "after the file" else 0)
    assert link.xpending(events_key(prefix), drain_module.GROUP)["pending"] == 0
    after.files.merge(today="9999-01-01")
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_server_that_lost_its_memory_of_what_was_taken_doubles_nothing(link, prefix, tmp_path):
    add(link, prefix, *range(10))
    drain(link, prefix, tmp_path).run()
    link.xgroup_destroy(events_key(prefix), drain_module.GROUP)
    add(link, prefix, 10)
    drain(link, prefix, tmp_path).run()
    assert ids(tmp_path) == named(*range(11))


def test_an_event_that_is_in_the_stream_twice_is_archived_once(link, prefix, tmp_path):
    add(link, prefix, 1, 2, 1)
    drain(link, prefix, tmp_path).run()
    add(link, prefix, 2, 3)
    last = drain(link, prefix, tmp_path)
    last.run()
    assert ids(tmp_path) == named(1, 2, 3)
    assert (last.counts.archived, last.counts.repeated) == (1, 1)


def test_what_is_no_entry_of_ours_is_counted_and_passed_over(link, prefix, tmp_path):
    link.xadd(events_key(prefix), {"e": b"?"})
    link.xadd(events_key(prefix), {"other": b"1"})
    add(link, prefix, 1)
    one = drain(link, prefix, tmp_path)
    one.run()
    assert ids(tmp_path) == named(1)
    assert one.counts.unreadable == 2
    assert drain(link, prefix, tmp_path).run() == 0


def test_days_that_are_over_become_one_file_and_a_merge_that_was_cut_off_doubles_nothing(
    link, prefix, tmp_path
):
    shelf = StreamFiles(tmp_path / "events", EVENTS)
    for n in range(6):
        add(link, prefix, n, at=10 * DAY + n // 3 * DAY)
        drain(link, prefix, tmp_path).run()
    assert len(shelf.files()) == 6
    kept = {path: path.read_bytes() for path in shelf.folder.rglob("*.parquet")}
    assert shelf.merge(today="1970-01-12") == 3
    assert len(shelf.files()) == 4
    assert ids(tmp_path) == named(*range(6))
    for path, content in kept.items():
        path.write_bytes(content)  # as if the merge had not come to remove them
    assert ids(tmp_path) == named(*range(6))
    assert drain(link, prefix, tmp_path).run() == 0
    shelf.merge(today="1970-01-12")
    assert len(list(shelf.folder.rglob("*.parquet"))) == 4


def test_a_plain_read_counts_each_once_between_a_merge_and_its_sweep(link, prefix, tmp_path):
    for n in range(4):
        add(link, prefix, n, at=10 * DAY)
        drain(link, prefix, tmp_path).run()
    shelf = StreamFiles(tmp_path / "events", EVENTS)
    with suppress(ZeroDivisionError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_: 1 / 0)
        shelf.merge(today="1970-01-12")
    assert len(list(shelf.folder.rglob("*.parquet"))) == 5
    documented = (
        (ROOT / "docs/guides/request-log.md").read_text().split("```python\n")[1].split("```")[0]
    )
    told = {}
    exec(documented.replace("out/archive/events", str(shelf.folder)), told)  # noqa: S102
    assert sorted(told["events"]["event_id"]) == named(*range(4))


def test_files_are_merged_up_to_a_size_and_stay_in_order(link, prefix, tmp_path):
    for n in range(9):
        add(link, prefix, n, at=10 * DAY)
        drain(link, prefix, tmp_path).run()
    shelf = StreamFiles(tmp_path / "events", EVENTS)
    size = max(part.path.stat().st_size for part in shelf.files())
    assert shelf.merge(today="1970-01-12", max_size=3 * size) == 9
    assert len(shelf.files()) == 3
    assert ids(tmp_path) == named(*range(9))


def test_all_streams_are_drained_and_go_on_being_drained_when_merging_fails(
    link, prefix, tmp_path, caplog, monkeypatch
):
    for n in range(3):
        add(link, prefix, n, at=10 * DAY)
        drain(link, prefix, tmp_path).run()
    rounds = ArchiveRounds(link, [drain(link, prefix, tmp_path)])
    add(link, prefix, 3)
    with monkeypatch.context() as patch:
        patch.setattr(pl, "scan_parquet", lambda *_, **__: Path("/nowhere/at/all").stat())
        for n in (4, 5):
            rounds.run()
            assert "the files of events cannot be merged now" in caplog.text
            add(link, prefix, n)
    rounds.run()
    assert ids(tmp_path) == named(*range(6))
    assert len(list((tmp_path / "events/day=1970-01-11").iterdir())) == 1


def test_what_repeats_after_many_rounds_and_restarts_is_still_known(link, prefix, tmp_path):
    one = drain(link, prefix, tmp_path)
    for n in range(6):
        add(link, prefix, n)
        one.run()
    add(link, prefix, 0)
    assert (one.run(), one.counts.repeated) == (1, 1)
    add(link, prefix, 0)
    another = drain(link, prefix, tmp_path)
    another.run()
    assert another.counts.repeated == 1
    assert ids(tmp_path) == named(*range(6))


def test_a_server_whose_memory_is_full_is_drained_all_the_same(tmp_path):
    with embedded_server(tmp_path / "redis") as url, redis.Redis.from_url(url) as link:
        add(link, "t", 1)
        drain(link, "t", tmp_path).run()
        add(link, "t", 2, 3)
        link.config_set("maxmemory", 1)
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            add(link, "t", 4)
        assert drain(link, "t", tmp_path, keep=1).run() == 2
        assert link.xlen(events_key("t")) == 1
    assert ids(tmp_path) == named(1, 2, 3)


def test_a_server_that_cannot_say_what_was_lost_is_refused(link):
    require_version(link.info("server"))
    with pytest.raises(DataError, match=r"Redis 6\.2\.14 is too old for the archive"):
        require_version({"redis_version": "6.2.14"})


def test_streams_are_trimmed_behind_the_archive_and_never_before_it(link, prefix, tmp_path):
    add(link, prefix, *range(50))
    one = drain(link, prefix, tmp_path, keep=20)
    one._trim()
    assert link.xlen(one.key) == 50
    one.run()
    assert link.xlen(one.key) == 20
    add(link, prefix, *range(50, 80))
    one._trim()
    assert link.xlen(one.key) == 30


def test_what_was_trimmed_before_it_was_archived_is_told(link, prefix, tmp_path, caplog):
    add(link, prefix, *range(5))
    drain(link, prefix, tmp_path).run()
    assert "trimmed before" not in caplog.text
    add(link, prefix, *range(5, 20))
    link.xtrim(events_key(prefix), maxlen=4, approximate=False)
    drain(link, prefix, tmp_path).run()
    assert "11 entries of" in caplog.text
    assert ids(tmp_path) == named(*range(5), *range(16, 20))


@pytest.mark.parametrize("kept", [6, 3])
async def test_workers_know_how_far_the_archiver_is_behind_and_what_it_cannot_have(
    link, prefix, redis_url, tmp_path, kept
):
    keys = {"events": events_key(prefix), "shown": impressions_key(prefix)}
    async with Store.connect(redis_url) as store:
        assert await read_archiver_lag(store, keys) == {}
        add(link, prefix, *range(4))
        assert await read_archiver_lag(store, keys) == {}  # nobody archives
        drain(link, prefix, tmp_path).run()
        assert await read_archiver_lag(store, keys) == {"events": (0, 0)}
        add(link, prefix, *range(4, 9))
        assert await read_archiver_lag(store, keys) == {"events": (5, 0)}
        link.xtrim(events_key(prefix), maxlen=kept, approximate=False)
        assert await read_archiver_lag(store, keys) == {"events": (min(kept, 5), max(5 - kept, 0))}
        drain(link, prefix, tmp_path).run()
        assert await read_archiver_lag(store, keys) == {"events": (0, 0)}


def test_an_operator_sees_what_was_lost_in_the_metrics(trained, redis_url, link, tmp_path):
    with service_over(trained, redis_url, tmp_path) as (service, settings):
        key = events_key(settings.key_prefix)
        link.xgroup_create(key, drain_module.GROUP, id="0", mkstream=True)
        link.xgroup_setid(key, drain_module.GROUP, id="0", entries_read=0)
        add(link, settings.key_prefix, *range(7))
        link.xtrim(key, maxlen=2, approximate=False)
        for line in ('waiting{stream="events"} 2.0', 'lost{stream="events"} 5.0'):
            said = f"recfunnel_archive_{line}"
            until(lambda said=said: said in service.client.get("/metrics").text)


def test_only_one_archiver_works_on_a_folder(tmp_path):
    with (
        lock_archive(tmp_path),
        pytest.raises(DataError, match="another process works on"),
        lock_archive(tmp_path),
    ):
        pass


def test_a_row_says_again_what_the_entry_said(link, prefix, tmp_path):
    one = event(3, value=2.5, timestamp=123.456789, request_id="r1", context={"page": "home"})
    plain = orjson.loads(one.stream_entry())
    told = [plain, [*plain, {"country": "SE"}], plain[:7]]
    for n, said in enumerate(told):
        said[0] = f"e{n}"
        link.xadd(events_key(prefix), {"e": orjson.dumps(said)})
    drain(link, prefix, tmp_path).run()
    rows = pl.concat(StreamFiles(tmp_path / "events", EVENTS).read()).to_dicts()
    *whole, short = [orjson.loads(encode_row(EVENTS, row)) for row in rows]
    assert whole == told[:2]
    assert short == [*told[2], None, {}]
    assert [row["attributes"] for row in rows] == [None, '{"country":"SE"}', None]


def test_shown_lists_keep_their_scene_and_files_of_before_it_was_kept_are_read_and_merged(
    link, prefix, tmp_path
):
    shelf = StreamFiles(tmp_path / "shown", IMPRESSIONS)

    def shown(n, *scene):
        said = orjson.dumps([f"r{n}", "u", ["i1", "i2"], *scene])
        link.xadd(impressions_key(prefix), {"e": said}, id=f"{10 * DAY}-{n}")
        Drain(link, prefix, IMPRESSIONS, shelf, 1_000_000).run()

    shown(1, "home")
    (old,) = shelf.files()
    pl.read_parquet(old.path).drop("scene").write_parquet(old.path)
    shown(2, "page")
    shown(3)
    for read in (list(shelf.read()), shelf.merge(today="9999-01-01") and list(shelf.read())):
        rows = pl.concat(read).to_dicts()
        assert [row["scene"] for row in rows] == [None, "page", ""]
        said = [orjson.loads(encode_row(IMPRESSIONS, row)) for row in rows]
        assert said[:2] == [
            ["r1", "u", ["i1", "i2"], "", None],
            ["r2", "u", ["i1", "i2"], "page", None],
        ]
    assert len(shelf.files()) == 1


@contextmanager
def service_over(trained, redis_url, tmp_path):
    settings = leisurely(out=trained, redis_url=redis_url, reload_seconds=0.05)
    with hosted(settings) as service:
        yield service, settings.model_copy(update={"out": tmp_path})


def test_what_a_service_served_and_was_told_is_archived_by_the_command(
    trained, redis_url, tmp_path, link, capsys
):
    with service_over(trained, redis_url, tmp_path) as (service, settings):
        user = stranger()
        answers = [service.recommend(user), service.recommend("u3", k=3)]
        service.tell({"user_id": user, "item_id": "i1", "request_id": answers[0]["request_id"]})
        until(lambda: link.xlen(f"{settings.key_prefix}:served") == 2)
        until(lambda: link.xlen(f"{settings.key_prefix}:shown") == 2)
        entries = link.xrange(f"{settings.key_prefix}:served")
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


def test_an_archiver_beside_a_service_finds_its_embedded_server(tmp_path):
    settings = Settings(out=tmp_path, redis_url=None)
    with embedded_server(tmp_path / "redis") as url, redis.Redis.from_url(url) as link:
        add(link, settings.key_prefix, 1)
        archive(settings, once=True)
    assert ids(archive_folder(settings.out)) == named(1)
    archive(settings, once=True)  # nobody runs it: it is started
    assert ids(archive_folder(settings.out)) == named(1)


def test_an_archiver_killed_again_and_again_has_each_event_once(link, prefix, redis_url, tmp_path):
    environment = clean_environment() | {"REDIS_URL": redis_url, "RECFUNNEL_KEY_PREFIX": prefix}
    command = [sys.executable, "-m", "offline.cli", "archive", "--every", "0.1"]
    told, log = [0], tmp_path / "log"

    def grown(before):
        told[0] += 1
        add(link, prefix, told[0])
        return len(ids(tmp_path / "archive")) > before

    for _ in range(2):
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--out", str(tmp_path)], cwd=ROOT, env=environment, stderr=out
            )
        until(partial(grown, len(ids(tmp_path / "archive"))), every=0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
    drain(link, prefix, tmp_path / "archive").run()
    assert sorted(ids(tmp_path / "archive")) == sorted(named(*range(1, told[0] + 1)))
