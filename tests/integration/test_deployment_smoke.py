"""The smoke test of the containers passes what works and fails what does not."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from deploy import smoke


class Composition(BaseHTTPRequestHandler):
    """All parts of the composition behind one port; ``wrong`` names what is broken."""

    wrong = ""
    liked: ClassVar[set[str]] = set()

    def answer(self, path: str) -> Any:
        shown = [{"item_id": str(i)} for i in range(30) if str(i) not in self.liked][:10]
        degraded = [{"stage": "fine", "outcome": "late"}] if self.wrong == "degraded" else []
        value = "0" if self.wrong == "unscraped" else "5"
        up = "0" if self.wrong == "unscraped" else "1"
        data = {"result": [{"value": [0, up if "up%7B" in self.path else value]}]}
        health = "err" if self.wrong == "rules" else "ok"
        answers: dict[str, Any] = {
            "/readyz": {"status": "ready"},
            "/recommend": {"items": shown, "degraded": degraded},
            "/api/v1/query": {"data": {} if self.wrong == "no data" else data},
            "/api/v1/rules": {"data": {"groups": [{"rules": [{"health": health}]}]}},
            "/api/health": {"database": "ok"},
            "/api/datasources": [{"uid": "prometheus"}],
            "/api/dashboards/uid/recfunnel": {"dashboard": {"panels": [1]}},
        }
        return answers[path]

    def do_GET(self) -> None:
        self.reply(self.answer(urlsplit(self.path).path))

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.wrong != "deaf":
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
def composition(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Composition]]:
    handler = type("Handler", (Composition,), {"liked": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in ("APP", "PROMETHEUS", "GRAFANA"):
        monkeypatch.setattr(smoke, name, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(smoke, "PATIENCE", 0.1)
    monkeypatch.setattr(smoke, "AT_LEAST", 0.1)
    monkeypatch.setattr(smoke, "PAUSE", 0.02)
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_working_composition_passes(
    composition: type[Composition], capsys: pytest.CaptureFixture[str]
) -> None:
    assert smoke.main() == 0
    assert "FAIL" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("degraded", "no stage is missing"),
        ("deaf", "not recommended again"),
        ("unscraped", "Prometheus reaches"),
        ("no data", "KeyError"),
        ("rules", "none of them is broken"),
    ],
)
def test_a_broken_part_fails_and_is_named(
    composition: type[Composition], wrong: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    composition.wrong = wrong
    assert smoke.main() == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert any(told in line for line in failed)


def test_what_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "PAUSE", 0.01)
    tries = iter([False, ConnectionRefusedError("not yet"), True])

    def check() -> object:
        step = next(tries)
        if isinstance(step, Exception):
            raise step
        return step

    assert smoke.attempt(check, time.monotonic() + 5) == ""
