"""The web server of the sample shop's page."""

import re
import socket
import struct
import threading

import pytest

from offline.shop.page_server import FILES, PAGE, PageServer, page_server
from tests.serving import http_client

SERVICE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "images").mkdir()
    (folder / "images/p1.svg").write_text("<svg/>")
    (folder / "events.csv").write_text("secret")
    with page_server("127.0.0.1", 0, SERVICE, folder) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with http_client(url) as one:
            yield one


def test_every_file_of_the_page_is_served_and_named_in_it(client):
    for path, (name, kind) in FILES.items():
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert answer.content == (PAGE / name).read_bytes()
    assert {name for name, _ in FILES.values()} == {path.name for path in PAGE.iterdir()}


def test_the_page_learns_where_the_service_is(client):
    assert client.get("/service.json").json() == {"url": SERVICE}


def test_a_page_may_load_its_own_files_and_ask_the_service_and_nothing_else(client):
    policy = client.get("/?x=1").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert f"connect-src 'self' {SERVICE};" in policy
    assert "unsafe" not in policy
    page = (PAGE / "index.html").read_text()
    assert not re.search(r"<style|<script(?![^>]* src=)| style=| on\w+=|https?:", page)


def test_pictures_are_served_and_no_other_file_of_the_data(client):
    picture = client.get("/images/p1.svg")
    assert (picture.text, picture.headers["Content-Type"]) == ("<svg/>", "image/svg+xml")
    for path in ("/images/none.svg", "/events.csv", "/images/", "/nothing"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../events.csv", "/images/../events.csv", "/images/%2e%2e/x.svg"]
)
def test_no_path_leads_out_of_the_folder(client, path):
    with socket.create_connection(("127.0.0.1", client.base_url.port), 5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"secret" not in answer


def test_head_has_the_headers_alone(client):
    answer = client.head("/shop.js")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == (PAGE / "shop.js").stat().st_size
    assert client.post("/").status_code == 501


class WatchedServer(PageServer):
    """A server that says when it has ended a request, and may have a fault."""

    ended = threading.Event()
    has_fault = False

    def find(self, path):
        return 1 / 0 if self.has_fault else super().find(path)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.ended.set()


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_browser_that_hangs_up_leaves_no_traceback_and_a_fault_does(tmp_path, capfd, has_fault):
    with WatchedServer(("127.0.0.1", 0), SERVICE, tmp_path) as server:
        server.ended, server.has_fault = threading.Event(), has_fault
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with socket.create_connection(server.server_address) as browser:
            if has_fault:
                browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
                browser.recv(1)
            else:  # half a line, and then a reset instead of an end
                browser.sendall(b"GET /")
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        has_ended = server.ended.wait(20)
        server.shutdown()
        thread.join()
    assert has_ended
    assert ("Traceback" in capfd.readouterr().err) == has_fault
