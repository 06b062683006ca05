"""A small server of the S3 protocol, for one bucket: put, get, head, list and delete objects."""

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.tracing import untraced

KEY = "AKIATEST"
MODIFIED = "Mon, 30 Nov 2026 10:00:00 GMT"


@dataclass
class S3:
    """The server's address, and its objects by key."""

    url: str
    objects: dict[str, bytes]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms
    wbufsize = 65_536

    def do_PUT(self):
        if self.is_allowed():
            self.server.objects[self.key] = self.body()
            self.reply(200)

    def do_GET(self):
        if not self.is_allowed():
            return
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            self.reply(200, listing(self.server.objects, query.get("prefix", [""])[0]))
        elif self.key in self.server.objects:
            self.reply(200, self.server.objects[self.key])
        else:
            self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_POST(self):  # ?delete
        if self.is_allowed():
            names = re.findall(r"<Key>(.*?)</Key>", self.body().decode())
            for name in names:
                self.server.objects.pop(name, None)
            deleted = "".join(f"<Deleted><Key>{escape(n)}</Key></Deleted>" for n in names)
            self.reply(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    @property
    def key(self):
        return unquote(urlsplit(self.path).path).split("/", 2)[2]

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def is_allowed(self):
        if f"Credential={KEY}/" in self.headers.get("Authorization", ""):
            return True
        key = re.search("Credential=([^/]*)", self.headers.get("Authorization", ""))
        text = f"<Error><AWSAccessKeyId>{key and key[1]}</AWSAccessKeyId></Error>"
        self.body()
        self.reply(403, text.encode())
        return False

    def reply(self, status, content=b""):
        self.send_response(status)
        self.send_header("ETag", '"an object"')
        self.send_header("Last-Modified", MODIFIED)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Print nothing."""


def listing(objects, prefix):
    rows = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-30T10:00:00.000Z</LastModified>"
        f'<ETag>"x"</ETag><Size>{len(content)}</Size></Contents>'
        for key, content in sorted(objects.items())
        if key.startswith(prefix)
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()


@contextmanager
def s3_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.objects = {}
    s3 = S3(f"http://127.0.0.1:{server.server_port}", server.objects)
    thread = threading.Thread(target=untraced(server.serve_forever), daemon=True)
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
