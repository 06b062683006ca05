"""What all requests of Gorse's API share: paths with a slash at the end, and errors as plain text.

It stands before every other step, so that the answers of those are plain text too.
"""

from collections.abc import Iterable

import orjson
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gorse_api.schemas import FIRST_ERROR

START = "/api/"
STATUSES = {422: 400}  # Gorse knows one status for what is not valid
NOT_ACCEPTABLE = PlainTextResponse("the answers are application/json: accept it", 406)
REPLACED = {b"content-type", b"content-length"}


class GorseEdge:
    """Adapts requests below ``/api``, and the errors that answer them; passes all others on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(START):
            await self._app(scope, receive, send)
            return
        if not accepts_json(scope["headers"]):
            await NOT_ACCEPTABLE(scope, receive, send)
            return
        path, raw = scope["path"], scope.get("raw_path") or b""
        scope = {**scope, "path": path.rstrip("/"), "raw_path": raw.rstrip(b"/")}
        await self._app(scope, receive, _PlainErrors(send).send)


class _PlainErrors:
    """Passes an answer on; of an error it sends the message alone."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None  # of an error, whose body is being collected
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send a part of the answer, or keep it until the error is complete."""
        if message["type"] == "http.response.start" and message["status"] >= FIRST_ERROR:
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        text = plain_message(self._body)
        headers = [pair for pair in self._start["headers"] if pair[0].lower() not in REPLACED]
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
        headers.append((b"content-length", str(len(text)).encode()))
        status = STATUSES.get(self._start["status"], self._start["status"])
        await self._send({**self._start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": text})


def plain_message(body: bytes) -> bytes:
    """Return the sentence of one of our errors; any other body as it is."""
    try:
        return str(orjson.loads(body)["error"]["message"]).encode()
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return body


def accepts_json(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request takes JSON as its answer."""
    for name, value in headers:
        if name == b"accept" and value.strip():
            types = {part.partition(b";")[0].strip().lower() for part in value.split(b",")}
            return bool(types & {b"*/*", b"application/*", b"application/json"})
    return True
