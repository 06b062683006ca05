"""The smoke test of the containers passes what works and fails what does not."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from deploy import smoke


class Parts(BaseHTTPRequestHandler):
    """All parts of the composition behind one port; ``broken`` names the broken part."""

    broken = ""
    liked: ClassVar[set[str]] = set()

    def answer(self, path: str) -> Any:
        shown = [{"item_id": str(i)} for i in range(30) if str(i) not in self.liked][:10]
        degraded = [{"stage": "fine", "outcome": "late"}] if self.broken == "degraded" else []
        value = "0" if self.broken == "unscraped" else "5"
        up = "0" if self.broken == "unscraped" else "1"
        data = {"result": [{"value": [0, up if "up%7B" in self.path else value]}]}
        health = "err" if self.broken == "rules" else "ok"
        answers: dict[str, Any] = {
            "/readyz": {"status": "ready"},
            "/trainings": {
                "schedule": None if self.broken == "trainer" else "daily at 03:00",
                "unavailable": None,
            },
            "/recommend": {"items": shown, "degraded": degraded},
            "/api/v1/query": {"data": {} if self.broken == "no data" else data},
            "/api/v1/rules": {"data": {"groups": [{"rules": [{"health": health}]}]}},
            "/api/health": {"database": "ok"},
            "/api/datasources": [{"uid": "prometheus"}],
            "/api/dashboards/uid/recfunnel": {"dashboard": {"panels": [1]}},
        }
        return answers[path]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path in {"/recommend", "/metrics"} and not self.has_key():
            self.send_error(401)
        else:
            self.reply(self.answer(path))

    def has_key(self) -> bool:
        return self.broken == "open" or self.headers["X-API-Key"] == "key"

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.broken != "events":
            self.liked.add(event["item_id"])
        self.reply({"accepted": 1})

    def reply(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def parts():
    """The handler of all parts, and the composition that asks it."""
    handler = type("BoundParts", (Parts,), {"liked": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield handler, smoke.Composition(address, address, address, "key")
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_working_composition_passes(parts, capsys):
    _, composition = parts
    assert smoke.run_checks(composition) == 0
    assert "FAIL" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("open", "Without a key"),
        ("degraded", "no stage is missing"),
        ("events", "not recommended again"),
        ("unscraped", "Prometheus reaches"),
        ("no data", "KeyError"),
        ("rules", "all of them are healthy"),
        ("trainer", "A process trains by schedule"),
    ],
)
def test_a_broken_part_fails_and_is_named(parts, broken, message, capsys):
    handler, composition = parts
    handler.broken = broken
    assert smoke.run_checks(composition, timeout=0.0, min_seconds=0.0) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert any(message in line for line in failed)


def test_a_check_is_tried_until_it_holds():
    tries = iter([False, ConnectionRefusedError("not yet"), True])

    def check():
        step = next(tries)
        if isinstance(step, Exception):
            raise step
        return step

    assert smoke.try_until(check, time.monotonic() + 60, pause=0.01) == ""
