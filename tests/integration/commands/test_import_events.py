"""``recfunnel events import``: a file's events reach a running service, each once."""

import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import orjson
import polars as pl
import pytest
import redis
from rich.console import Console
from typer.testing import CliRunner

from app.state.event_codec import events_key
from app.state.user_store import history_key
from offline.cli import app
from offline.commands.import_events import (
    BAD_ROWS_SUFFIX,
    PROGRESS_SUFFIX,
    IncompleteImportError,
    import_events,
)
from offline.data.errors import DataError
from offline.data.event_files import read_event_file
from tests.conftest import ROOT, clean_environment
from tests.serving import COMMAND, until

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
    assert done.exit_code == IncompleteImportError.exit_status, done.output
    assert "2 rows were not imported" in done.output
    assert "121 of 121 events are sent." in done.output
    assert "1 rows cannot be used" in done.output
    assert "120 events are new" in done.output
    assert "1 refused: type teleport is not configured" in done.output
    assert lengths(api, users) == [40] * 3
    assert len((tmp_path / f"events.csv{BAD_ROWS_SUFFIX}").read_text().splitlines()) == 2
    again = import_events(read_event_file(path, None), url_of(api), QUIET)
    assert (again.done, again.accepted) == (121, 0)
    (tmp_path / f"events.csv{PROGRESS_SUFFIX}").unlink()
    again = import_events(read_event_file(path, None), url_of(api), QUIET)
    assert (again.accepted, again.duplicates) == (0, 120)
    assert lengths(api, users) == [40] * 3


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_other_files_are_imported_with_ids_of_their_own(api, users, tmp_path, kind):
    rows = [{"user": user, "item": "i1", "event_id": "mine", "time": 5} for user in users]
    path = tmp_path / f"log.{kind}"
    frame = pl.DataFrame(rows)
    frame.write_parquet(path) if kind == "parquet" else frame.write_ndjson(path)
    source = read_event_file(path, None)
    assert source.events["event_id"].to_list() == ["mine"] * 3
    assert import_events(source, url_of(api), QUIET).accepted == 3


def test_without_times_events_are_of_now_and_equal_lines_count_each(api, users, tmp_path):
    path = tmp_path / "clicks.csv"
    path.write_text(f"user,item\n{users[0]},i1\n{users[0]},i1\n{users[0]},i2\n")
    outcome = import_events(read_event_file(path, None), url_of(api), QUIET)
    assert outcome.accepted == 3
    known = api.client.get(f"/users/{users[0]}").json()["history"]
    assert all(time.time() - 60 < event["timestamp"] <= time.time() for event in known)


def test_what_the_service_refuses_is_counted_by_reason(api, users, tmp_path):
    path, schema = tmp_path / "log.csv", tmp_path / "my.toml"
    lines = [f"{users[0]},i1,like,5", f"{users[0]},i1,wink,6", f"{users[0]},i1,wink,7"]
    path.write_text("user,item,event,time\n" + "\n".join(lines) + "\n")
    schema.write_text("[type_weights]\nwink = 1.0\n")
    outcome = import_events(read_event_file(path, schema), url_of(api), QUIET)
    assert (outcome.accepted, outcome.refused.total()) == (1, 2)
    path.write_text("user,item,event,time\n" + "\n".join(lines[1:]) + "\n")
    outcome = import_events(read_event_file(path, schema), url_of(api), QUIET)
    assert (outcome.accepted, outcome.refused.total()) == (0, 2)
    assert all("wink" in reason for reason in outcome.refused)


def test_bodies_of_events_have_the_effect_that_post_gives_them(api, users, tmp_path):
    bodies = [
        {"item_id": "i1"},
        {"item_id": "i2", "type": "like", "timestamp": 1_700_000_000.5, "value": None},
        {"item_id": "i3", "type": None, "value": 3, "request_id": "r1", "position": 4},
        {
            "item_id": "i4",
            "type": "watch",
            "value": 31.5,
            "context": {"device": "tv", "dark": True},
        },
        {"item_id": "i5", "type": "rating", "value": 4, "timestamp": 5, "request_id": "7"},
    ]
    posted, imported = users[:2]
    sent = [{"user_id": posted, **body} for body in bodies]
    sent[2].pop("type")  # none, which the file says with null
    assert api.client.post("/events", json=sent).status_code == 202
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({"user_id": imported, **body}) for body in bodies))
    source = read_event_file(path, None)
    assert len(source.bad) == 0
    assert import_events(source, url_of(api), QUIET).accepted == len(bodies)
    assert entries(api, imported) == entries(api, posted)
    assert entries(api, posted)[2][1:] == ["click", 3.0, "now", "r1", 4, {}]


def entries(api, user):
    """What the stream says of a user's events, but for ids, and with "now" for the time of now."""
    with redis.Redis.from_url(api.service.settings.redis_url) as link:
        found = link.xrange(events_key(api.service.settings.key_prefix))
    told = [orjson.loads(fields[b"e"]) for _, fields in found]
    return [
        [*said[2:5], "now" if said[5] > time.time() - 300 else said[5], *said[6:9]]
        for said in told
        if said[1] == user
    ]


def test_types_are_for_the_service_to_judge_and_columns_say_what_they_are_named(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,event,stars,context\nu,i1,share,,\nu,i2,,5,tv\n")
    (told,) = read_event_file(path, None).batches(0)
    assert [one["type"] for one in told] == ["share", "rating"]
    assert told[1]["context"] == "tv"  # no map, which the service will say


class Proxy(BaseHTTPRequestHandler):
    """What may stand before a service: answers by the statuses, in HTML until it is 202."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        statuses = self.server.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        text = b'{"accepted": 1, "duplicates": 0}' if status == 202 else b"<html>Bad</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def proxy():
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_a_proxy_says_in_html_is_asked_again_or_told_in_a_sentence(proxy, tmp_path):
    url = f"http://127.0.0.1:{proxy.server_port}"
    path = tmp_path / "likes.csv"
    path.write_text("user,item\nu,i1\n")
    proxy.statuses = [502, 504, 202]
    assert import_events(read_event_file(path, None), url, QUIET).accepted == 1
    (tmp_path / f"likes.csv{PROGRESS_SUFFIX}").unlink()
    for status, said in [(404, "address of a service"), (200, "address of a service")]:
        proxy.statuses = [status]
        with pytest.raises(DataError, match=said):
            import_events(read_event_file(path, None), url, QUIET)
    proxy.statuses = [502]
    with pytest.raises(DataError, match=r"502, .* run the same command again"):
        import_events(read_event_file(path, None), url, QUIET, retry_seconds=0.0)


def test_a_service_that_stays_away_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "likes.csv"
    path.write_text("user,item\nu,i1\n")
    with pytest.raises(DataError, match="run the same command again"):
        import_events(read_event_file(path, None), "http://127.0.0.1:9", QUIET, retry_seconds=0.0)


def test_a_killed_import_goes_on_and_nothing_is_doubled(api, users, tmp_path):
    path = tmp_path / "events.csv"
    each = 6_000
    path.write_text(log_of(users[:1], each))
    command = [*COMMAND, "events", "import", str(path), "--url", url_of(api)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.DEVNULL
    )
    until((tmp_path / f"events.csv{PROGRESS_SUFFIX}").exists, 30.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    outcome = import_events(read_event_file(path, None), url_of(api), QUIET)
    assert outcome.done == each
    assert 0 < outcome.accepted < each
    with redis.Redis.from_url(api.service.settings.redis_url) as link:
        entries = link.xrange(events_key(api.service.settings.key_prefix))
    mine = [fields[b"e"] for _, fields in entries if users[0].encode() in fields[b"e"]]
    assert len(mine) == len(set(mine)) == each


def test_the_events_that_the_bundle_was_trained_on_do_not_count_again(api, users, data, tmp_path):
    rows = (data / "cinema.inter").read_text().splitlines()[1:101]
    lines = [",".join(row.split("\t")) for row in rows]
    lines.append(f"{users[0]},i1,5,1700000000")
    path = tmp_path / "trained.csv"
    path.write_text("user_id,item_id,rating,timestamp\n" + "\n".join(lines) + "\n")
    user = lines[0].split(",")[0]
    before = api.client.get(f"/items/{lines[0].split(',')[1]}/counts").json(), lengths(api, [user])
    done = CliRunner().invoke(app, ["events", "import", str(path), "--url", url_of(api)])
    assert done.exit_code == 0, done.output
    assert "1 events are new" in done.output
    assert "100 are in the data that the bundle in service was trained on" in done.output
    after = api.client.get(f"/items/{lines[0].split(',')[1]}/counts").json(), lengths(api, [user])
    assert after == before
    assert lengths(api, users[:1]) == [1]
