"""``recfunnel events import``: a file's events reach a running service, each once."""

import signal
import subprocess
import time
from uuid import uuid4

import polars as pl
import pytest
import redis
from rich.console import Console
from typer.testing import CliRunner

from app.state.events import history_key, stream_key
from offline import importing
from offline.cli import app
from offline.data.errors import DataError
from offline.importing import BAD, NOTE, import_events, read_source
from tests.conftest import COMMAND, ROOT, clean_environment, until

QUIET = Console(quiet=True)


def log_of(users, each, start=1_700_000_000):
    lines = [
        f"{user},i{n},{('like', 'view')[n % 2]},{start + n}" for user in users for n in range(each)
    ]
    return "user,item,event,timestamp\n" + "\n".join(lines) + "\n"


@pytest.fixture
def users():
    return [f"imported-{uuid4().hex}" for _ in range(3)]


def url_of(api):
    return str(api.client.base_url)


def lengths(api, users):
    settings = api.service.settings
    with redis.Redis.from_url(settings.redis_url) as link:
        return [link.zcard(history_key(settings.key_prefix, user)) for user in users]


def test_a_file_is_imported_once_however_often_it_is_asked_for(api, users, tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(log_of(users, 40) + "u,i1,teleport,5\n,i1,like,5\n")
    done = CliRunner().invoke(app, ["events", "import", str(path), "--url", url_of(api)])
    assert done.exit_code == 0, done.output
    assert "2 rows cannot be used" in done.output
    assert "120 events are new" in done.output
    assert lengths(api, users) == [40] * 3
    assert len((tmp_path / f"events.csv{BAD}").read_text().splitlines()) == 3
    again = import_events(read_source(path, None), url_of(api), QUIET)
    assert (again.done, again.accepted) == (120, 0)
    (tmp_path / f"events.csv{NOTE}").unlink()
    again = import_events(read_source(path, None), url_of(api), QUIET)
    assert (again.accepted, again.duplicates) == (0, 120)
    assert lengths(api, users) == [40] * 3


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_other_files_are_imported_with_ids_of_their_own(api, users, tmp_path, kind):
    rows = [{"user": user, "item": "i1", "event_id": "mine", "time": 5} for user in users]
    path = tmp_path / f"log.{kind}"
    frame = pl.DataFrame(rows)
    frame.write_parquet(path) if kind == "parquet" else frame.write_ndjson(path)
    source = read_source(path, None)
    assert source.events["event_id"].to_list() == ["mine"] * 3
    assert import_events(source, url_of(api), QUIET).accepted == 3


def test_without_times_events_are_of_now_and_equal_lines_are_one(api, users, tmp_path):
    path = tmp_path / "likes.csv"
    path.write_text(f"user,item\n{users[0]},i1\n{users[0]},i1\n{users[0]},i2\n")
    outcome = import_events(read_source(path, None), url_of(api), QUIET)
    assert outcome.accepted == 2
    known = api.client.get(f"/users/{users[0]}").json()["history"]
    assert all(time.time() - 60 < event["timestamp"] <= time.time() for event in known)


def test_what_the_service_refuses_is_counted_by_reason(api, users, tmp_path):
    path, schema = tmp_path / "log.csv", tmp_path / "my.toml"
    lines = [f"{users[0]},i1,like,5", f"{users[0]},i1,wink,6", f"{users[0]},i1,wink,7"]
    path.write_text("user,item,event,time\n" + "\n".join(lines) + "\n")
    schema.write_text("[type_weights]\nwink = 1.0\n")
    outcome = import_events(read_source(path, schema), url_of(api), QUIET)
    assert (outcome.accepted, outcome.refused.total()) == (1, 2)
    path.write_text("user,item,event,time\n" + "\n".join(lines[1:]) + "\n")
    outcome = import_events(read_source(path, schema), url_of(api), QUIET)
    assert (outcome.accepted, outcome.refused.total()) == (0, 2)
    assert all("wink" in reason for reason in outcome.refused)


def test_a_service_that_stays_away_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "PATIENCE", 0.0)
    path = tmp_path / "likes.csv"
    path.write_text("user,item\nu,i1\n")
    with pytest.raises(DataError, match="run the same command again"):
        import_events(read_source(path, None), "http://127.0.0.1:9", QUIET)


def test_a_killed_import_goes_on_and_nothing_is_doubled(api, users, tmp_path):
    path = tmp_path / "events.csv"
    each = 6_000
    path.write_text(log_of(users[:1], each))
    command = [*COMMAND, "events", "import", str(path), "--url", url_of(api)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.DEVNULL
    )
    until((tmp_path / f"events.csv{NOTE}").exists, 30.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    outcome = import_events(read_source(path, None), url_of(api), QUIET)
    assert outcome.done == each
    assert 0 < outcome.accepted < each
    with redis.Redis.from_url(api.service.settings.redis_url) as link:
        entries = link.xrange(stream_key(api.service.settings.key_prefix))
    mine = [fields[b"e"] for _, fields in entries if users[0].encode() in fields[b"e"]]
    assert len(mine) == len(set(mine)) == each
