"""The web server of the sample shop: its page, the pictures, and the address of the service."""

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

PAGE = Path(__file__).with_name("page")
FILES = {  # path -> file and type
    "/": ("index.html", "text/html; charset=utf-8"),
    "/shop.js": ("shop.js", "text/javascript; charset=utf-8"),
    "/cards.js": ("cards.js", "text/javascript; charset=utf-8"),
    "/recfunnel-client.js": ("recfunnel-client.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/shop.css": ("shop.css", "text/css; charset=utf-8"),
}
PICTURE = re.compile(r"/(images/[\w-]+\.svg)")
POLL = 0.1  # seconds between looks at whether to end
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' {service}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PageFile(NamedTuple):
    """What is answered for a path."""

    body: bytes
    kind: str


class PageServer(ThreadingHTTPServer):
    """Serves the page of the shop. Browsers ask the service themselves, at ``service``."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], service: str, pictures: Path) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.pictures = pictures
        self.policy = POLICY.format(service=service)
        self.contents: Mapping[str, PageFile] = {
            path: PageFile((PAGE / name).read_bytes(), kind) for path, (name, kind) in FILES.items()
        } | {"/service.json": PageFile(json.dumps({"url": service}).encode(), "application/json")}
        super().__init__(address, PageHandler)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write the traceback of a fault, and nothing where the browser has hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def find(self, path: str) -> PageFile | None:
        """Return what is at a path, or None. No path leads out of the folder of pictures."""
        picture = PICTURE.fullmatch(path)
        if picture is None:
            return self.contents.get(path)
        file = self.pictures / picture[1]
        return PageFile(file.read_bytes(), "image/svg+xml") if file.is_file() else None


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds for which a connection may be idle

    def do_GET(self) -> None:
        """Answer with a file."""
        content = self.server.find(self.path.partition("?")[0])
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content.kind)
        self.send_header("Content-Length", str(len(content.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content.body)

    do_HEAD = do_GET  # noqa: N815 (the name that the base class calls)

    @override
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the terminal shows the log of the service."""


@contextmanager
def page_server(host: str, port: int, service: str, pictures: Path) -> Iterator[PageServer]:
    """Serve the page in a thread, until the end of ``with``. Port 0 is any free one."""
    with PageServer((host, port), service, pictures) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(POLL,), name="shop-page", daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
