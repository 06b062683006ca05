"""Faults of Gorse's API and of the import from Gorse: each ends in a sentence; no data is lost."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from types import SimpleNamespace
from uuid import uuid4

import httpx
import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.settings import Settings
from offline.cli import app
from offline.commands.import_events import IncompleteImportError
from offline.commands.import_gorse import GorseImportOptions, import_gorse
from offline.data.errors import DataError
from offline.gorse_import.patience import Patience
from offline.gorse_import.progress import ImportProgress
from offline.gorse_import.sender import GorseTarget
from offline.gorse_import.source import GorseFiles, GorseServer
from tests.failure.test_redis import Server
from tests.serving import hosted, http_client, leisurely, until

DAY = "2026-03-04T05:06:07Z"


@pytest.fixture(scope="module")
def target(trained, redis_url):
    settings = leisurely(out=trained, redis_url=redis_url, gorse_api=True, spare_items=64)
    with hosted(settings) as service:
        yield service


class Gorse(ThreadingHTTPServer):
    """Serves pages of rows as Gorse does; ``fails_at`` breaks the connection at a page, once."""

    daemon_threads = True

    def __init__(self, rows):
        super().__init__(("127.0.0.1", 0), GorseHandler)
        self.rows = rows  # by path
        self.fails_at = None  # path and cursor
        self.busy = []  # status and headers of the next answers
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class GorseHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        cursor = query.rpartition("cursor=")[2]
        self.server.asked.append((path, cursor))
        if self.server.fails_at == (path, cursor):
            self.server.fails_at = None
            self.connection.close()
            return
        if self.server.busy:
            status, headers = self.server.busy.pop(0)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": "4"}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"busy")
            return
        self.server.authorization = self.headers["Authorization"]
        field, rows = path.rpartition("/")[2].capitalize(), self.server.rows[path]
        start, page = int(cursor or 0), 2
        left = len(rows) > start + page
        body = {"Cursor": str(start + page) if left else "", field: rows[start : start + page]}
        content = orjson.dumps(body)
        self.send_response(200 if self.headers["X-API-Key"] == "gorse-key" else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Print nothing."""


def feedback(kind, user, item, **more):
    return {"FeedbackType": kind, "UserId": user, "ItemId": item, "Timestamp": DAY} | more


@pytest.fixture
def names():
    mark = uuid4().hex[:6]
    return lambda name: f"{name}-{mark}"


@pytest.fixture
def gorse(names):
    rows = {
        "/api/users": [{"UserId": names(f"u{n}"), "Comment": "c"} for n in range(5)],
        "/api/items": [
            {"ItemId": names(f"it{n}"), "Labels": {"colour": "red"}, "Timestamp": DAY}
            for n in range(3)
        ],
        "/api/feedback": [
            feedback("like", names("u0"), names("it0"), Value=2),
            feedback("like", names("u1"), names("it1")),
            feedback("wobble", names("u2"), names("it1")),
            feedback("view", names("u3"), names("it2")),
        ],
    }
    server = Gorse(rows)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


def bring(source, target, folder, key="gorse-key"):
    """Import; gives what was printed, also when the command ends with an error."""
    out = StringIO()
    url = str(target.client.base_url)
    options = GorseImportOptions(source, key, url, "", folder / "progress.json")
    try:
        import_gorse(options, Settings().feedback_types, Console(file=out, width=300))
    finally:
        bring.printed = out.getvalue()
    return bring.printed


def test_an_interrupted_import_goes_on_where_it_ended(target, gorse, names, tmp_path):
    gorse.fails_at = ("/api/feedback", "2")
    with pytest.raises(DataError, match="run the same command again"):
        bring(gorse.url, target, tmp_path)
    gorse.asked.clear()
    printed = bring(gorse.url, target, tmp_path)
    assert gorse.asked == [("/api/feedback", "2")]
    assert "goes on with feedback" in printed
    assert "5 users, 3 items and 4 rows of feedback are in the service; 0 were refused" in printed
    assert not (tmp_path / "progress.json").exists()
    rows = target.client.get(f"/api/user/{names('u0')}/feedback").json()
    assert [(row["ItemId"], row["Value"]) for row in rows] == [(names("it0"), 2)]
    printed = bring(gorse.url, target, tmp_path)  # all of it again
    assert target.client.get(f"/api/user/{names('u0')}/feedback").json() == rows
    history = target.client.get(f"/users/{names('u0')}").json()["history"]
    assert len(history) == 1
    assert "like as like" in printed
    assert "1 rows are kept, but are no events: wobble" in printed
    assert "no attributes of the bundle: colour" in printed
    assert "5 comments" in printed


def test_refused_rows_are_named_and_the_others_are_stored(target, gorse, names, tmp_path):
    gorse.rows["/api/users"][1]["UserId"] = "line\nbreak"
    gorse.rows["/api/feedback"][2]["Timestamp"] = "at some time"
    with pytest.raises(IncompleteImportError, match="2 rows were refused") as incomplete:
        bring(gorse.url, target, tmp_path)
    assert incomplete.value.exit_status == 4
    assert "refused: users line" in bring.printed
    assert f"refused: feedback wobble {names('u2')} {names('it1')}: Timestamp" in bring.printed
    assert "4 users, 3 items and 3 rows of feedback" in bring.printed
    refused = tmp_path / "progress.refused.feedback.jsonl"
    assert (tmp_path / "progress.refused.users.jsonl").exists()
    row = orjson.loads(refused.read_bytes())
    assert row == gorse.rows["/api/feedback"][2]
    wrong, mended = orjson.dumps(row | {"Value": "many"}), orjson.dumps(row | {"Timestamp": DAY})
    refused.write_bytes(wrong + b"\n" + mended + b"\n")
    with pytest.raises(IncompleteImportError, match="1 rows were refused"):
        bring(str(refused), target, tmp_path)
    assert "1 rows of feedback" in bring.printed
    assert refused.read_bytes() == wrong + b"\n" + mended + b"\n"  # nobody's file is replaced
    again = tmp_path / "progress.refused.feedback.2.jsonl"
    assert again.read_bytes() == wrong + b"\n"
    assert again.stat().st_mode & 0o077 == 0
    assert target.client.get(f"/api/user/{names('u4')}").is_success


def test_files_are_imported_by_what_their_rows_have(target, names, tmp_path):
    folder = tmp_path / "exported"
    folder.mkdir()
    lines = [{"UserId": names("f0")}, {"UserId": names("f1")}]
    (folder / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n{broken\n\n[1]")
    (folder / "b.jsonl").write_bytes(orjson.dumps(feedback("like", names("f0"), "i1")))
    (folder / "c.jsonl").write_bytes(orjson.dumps({"ItemId": names("fi"), "Labels": ["red"]}))
    (folder / "d.jsonl").write_bytes(b'{"other": 1}')
    with pytest.raises(IncompleteImportError, match="2 rows"):
        bring(str(folder), target, tmp_path)
    assert (tmp_path / "progress.refused.users.jsonl").read_bytes() == b"{broken\n[1]\n"
    assert "a.jsonl, line 3: not a JSON object" in bring.printed
    assert "a.jsonl, line 5: not a JSON object" in bring.printed
    assert "2 users, 1 items and 1 rows of feedback" in bring.printed
    assert "Labels of 1 items have no names" in bring.printed
    (folder / "d.jsonl").write_bytes(orjson.dumps({"ItemId": "other"}))
    with pytest.raises(DataError, match="both have items"):
        bring(str(folder), target, tmp_path)
    with pytest.raises(DataError, match="has no users, items or feedback"):
        bring(str(tmp_path / "nothing"), target, tmp_path)


def test_a_row_of_another_kind_than_its_file_is_refused_and_changes_no_user(
    target, names, tmp_path
):
    user = {"UserId": names("m0"), "Labels": {"city": "Graz"}}
    other = feedback("like", names("m0"), "i1")
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"\n".join(map(orjson.dumps, [user, other, {"x": 1}])))
    with pytest.raises(IncompleteImportError, match=r"2 rows.*progress\.refused\.users\.jsonl"):
        bring(str(mixed), target, tmp_path)
    assert "line 2: has the fields of feedback, the first line those of users" in bring.printed
    assert "line 3: not one of the users" in bring.printed
    assert target.client.get(f"/api/user/{names('m0')}").json()["Labels"] == {"city": "Graz"}
    kept = (tmp_path / "progress.refused.users.jsonl").read_bytes().splitlines()
    assert kept == [orjson.dumps(other), b'{"x":1}']


def test_a_kill_after_the_last_batch_of_a_kind_sends_nothing_twice(target, gorse, tmp_path):
    progress = tmp_path / "progress.json"
    gorse.fails_at = ("/api/items", "")
    with pytest.raises(DataError, match="run the same command again"):
        bring(gorse.url, target, tmp_path)
    assert progress.stat().st_mode & 0o077 == 0
    gorse.asked.clear()
    assert "5 users, 3 items and 4 rows of feedback" in bring(gorse.url, target, tmp_path)
    assert "/api/users" not in {path for path, _ in gorse.asked}
    gorse.asked.clear()
    done = {"users": 5, "items": 3, "feedback": 4}
    whole = ImportProgress(gorse.url, str(target.client.base_url), done=done)
    whole.advance("feedback", "")
    whole.save(progress)
    assert "5 users, 3 items and 4 rows of feedback" in bring(gorse.url, target, tmp_path)
    assert not gorse.asked


def test_files_that_have_changed_since_are_sent_from_their_beginning(target, names, tmp_path):
    file = tmp_path / "users.jsonl"
    file.write_bytes(orjson.dumps({"UserId": names("c0")}))
    progress = tmp_path / "progress.json"
    source, place = GorseFiles.of(file), str(target.client.base_url)
    ImportProgress(str(file), place, source.fingerprint(), "end", done={"users": 1}).save(progress)
    file.write_bytes(orjson.dumps({"UserId": names("c1")}))
    assert "the import begins anew" in bring(str(file), target, tmp_path)
    assert target.client.get(f"/api/user/{names('c1')}").is_success


def test_a_gorse_that_limits_the_rate_is_waited_for_and_that_is_printed(target, gorse, tmp_path):
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    gorse.busy = [(429, {"Retry-After": "1"}), (503, {"Retry-After": past}), (503, {}), (503, {})]
    printed = bring(gorse.url, target, tmp_path)
    assert f"Gorse at {gorse.url} answers 429: busy; waiting 1 s" in printed
    assert printed.count("answers 503: busy; waiting 0.5 s") == 1
    assert "5 users, 3 items and 4 rows of feedback are in the service; 0 were refused" in printed
    assert gorse.asked.count(("/api/users", "")) == 5


def test_a_gorse_that_is_busy_for_too_long_ends_the_import_which_goes_on_later(
    target, gorse, tmp_path
):
    gorse.busy = [(429, {"Retry-After": "3600"})]
    with pytest.raises(DataError, match="3600 s of pause: then run the same command again"):
        bring(gorse.url, target, tmp_path)
    assert "waiting" not in bring.printed
    gorse.busy = [(503, {})] * 9
    with httpx.Client(base_url=gorse.url, trust_env=False) as client:
        source = GorseServer(client, Patience("Gorse", seconds=0.5))
        with pytest.raises(DataError, match="answers 503: busy; run the same command again"):
            list(source.batches("users", ""))
    gorse.busy = []
    assert "5 users, 3 items and 4 rows of feedback" in bring(gorse.url, target, tmp_path)


def test_a_service_that_limits_the_rate_is_waited_for():
    answers = [httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200)]
    waits = []
    with httpx.Client(
        base_url="http://shop", transport=httpx.MockTransport(lambda _: answers.pop(0))
    ) as client:
        patience = Patience("shop", sleep=waits.append)
        assert GorseTarget(client, patience).send("users", [{"UserId": "a"}]) == []
    assert waits == [7.0]


@pytest.mark.parametrize("value", ["0", "00", "-1"])
def test_a_server_that_names_no_pause_is_not_flooded(value):
    answers = [httpx.Response(429, headers={"Retry-After": value}), httpx.Response(200)]
    waits = []
    patience = Patience("Gorse", sleep=waits.append)
    patience.send(lambda: answers.pop(0), lambda status: status == 429, reconnects=False)
    assert waits == [0.5]


def test_a_service_that_ends_after_the_last_row_is_no_traceback():
    with http_client("http://127.0.0.1:9") as nowhere:
        assert GorseTarget(nowhere, Patience("shop")).attribute_names() is None


def test_a_password_in_an_address_is_neither_printed_nor_stored(target, gorse, tmp_path):
    gorse.fails_at = ("/api/items", "")
    address = gorse.url.replace("//", "//me:s3cret@")
    with pytest.raises(DataError) as stopped:
        bring(address, target, tmp_path)
    stored = (tmp_path / "progress.json").read_text()
    assert "s3cret" not in f"{stopped.value} {bring.printed} {stored}"
    assert gorse.authorization == "Basic bWU6czNjcmV0"
    for wrong in ("ftp://me:s3cret@shop", "http://me:s3cret@shop:port"):
        with pytest.raises(DataError, match="shop") as refused:
            bring(gorse.url, target_at(wrong), tmp_path)
        assert "s3cret" not in str(refused.value)


def target_at(url):
    return SimpleNamespace(client=SimpleNamespace(base_url=url))


def test_what_is_wrong_with_the_import_is_a_sentence(target, gorse, api, tmp_path):
    with pytest.raises(DataError, match="answers 401 to /api/users: name its key with --key"):
        bring(gorse.url, target, tmp_path, key="")
    with pytest.raises(DataError, match="set gorse_api = true"):
        bring(gorse.url, api, tmp_path)
    done = CliRunner().invoke(app, ["import", "gorse", "--from", gorse.url, "--to", "shop"])
    assert done.exit_code == 1
    assert "shop is not the address of a service" in done.output
    with (
        http_client("http://127.0.0.1:9") as nowhere,
        pytest.raises(DataError, match="cannot be reached"),
    ):
        GorseTarget(nowhere, Patience("shop", seconds=0.5)).send("users", [{"UserId": "a"}])


def test_without_redis_there_are_lists_and_all_else_is_refused_in_plain_text(
    trained, tmp_path_factory
):
    server = Server(tmp_path_factory.mktemp("r"))
    server.start()
    with hosted(leisurely(out=trained, redis_url=server.url, gorse_api=True)) as service:
        ask = service.client
        assert ask.post("/api/feedback", json=[feedback("read", "u1", "i5")]).is_success
        server.kill()
        for method, path, body in (
            ("GET", "/api/user/u1", None),
            ("GET", "/api/feedback", None),
            ("POST", "/api/users", [{"UserId": "u1"}]),
            ("POST", "/api/feedback", [feedback("like", "u1", "i3")]),
            ("DELETE", "/api/feedback/u1/i5", None),
        ):
            answer = ask.request(method, path, json=body)
            assert answer.status_code == 503, answer.text
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert "Redis" in answer.text
            assert answer.headers["retry-after"] == "1"
        for path in ("/api/recommend/u1", "/api/popular", "/api/item/i3/neighbors"):
            assert len(ask.get(path, params={"n": 5}).json()) == 5
        until(lambda: not ask.get("/api/health/live").json()["DataStoreConnected"])
        server.start()
        until(lambda: ask.get("/api/feedback").is_success)
    server.kill()
