"""A small HTTP service for the load tests: real sockets, fixed lists."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override


@dataclass
class Behaviour:
    """How the service answers, and a record of its requests."""

    delay: float = 0.0  # seconds for each list
    stall_at: int = -1  # number of the list before which the service stalls
    stall: float = 0.0  # seconds
    degraded: bool = False
    status: int = 200
    closes: bool = False  # after each answer, and says so
    hangs_up: bool = False  # after each answer, without saying so
    garbage: bool = False
    lists: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """Answers as ``behaviour`` demands."""

    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def do_GET(self) -> None:
        self.answer_list({})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/events":
            self.behaviour.events.append(sent)
            self.answer(202, {"accepted": 1})
        else:
            self.answer_list(sent)

    def answer_list(self, sent: dict[str, Any]) -> None:
        behaviour = self.behaviour
        with behaviour.lock:
            number = len(behaviour.lists)
            behaviour.lists.append(json.dumps(sent) if sent else self.path)
            time.sleep(behaviour.stall if number == behaviour.stall_at else 0)
        time.sleep(behaviour.delay)
        degraded = [{"stage": "fine", "outcome": "late"}] if behaviour.degraded else []
        items = [{"item_id": "50"}, {"item_id": "172"}]
        self.answer(behaviour.status, {"request_id": "r", "items": items, "degraded": degraded})

    def answer(self, status: int, content: dict[str, Any]) -> None:
        self.behaviour.connections.add(self.client_address)
        if self.behaviour.garbage:
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            return
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.behaviour.closes:
            self.send_header("Connection", "close")
        self.close_connection = self.behaviour.closes or self.behaviour.hangs_up
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Threads end with the server."""

    daemon_threads = True
    request_queue_size = 256


@contextmanager
def target(behaviour: Behaviour) -> Iterator[str]:
    """Serve until the block ends; yield the address."""
    server = Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"behaviour": behaviour}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
