"""Requests and errors of Gorse's API pass through one step before all others."""

import asyncio

import pytest

from app.api.errors import error_response
from app.gorse_api.edge import GorseEdge, accepts_json, plain_message


def ask(path, answer, accept=b"*/*"):
    """Send a request through the step; gives the path that comes out, and what was answered."""
    passed, sent = {}, []

    async def app(scope, receive, send):
        passed.update(scope)
        await answer(scope, receive, send)

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "headers": [(b"accept", accept)],
    }
    asyncio.run(GorseEdge(app)(scope, receive, send))
    body = b"".join(part.get("body", b"") for part in sent[1:])
    return passed.get("path"), sent[0]["status"], dict(sent[0]["headers"]), body


def test_an_error_is_its_sentence_with_its_other_headers():
    answer = error_response(422, "k is wrong: write a number", "k", retry_after=3)
    path, status, headers, body = ask("/api/user/u1/", answer)
    assert (path, status, body) == ("/api/user/u1", 400, b"k is wrong: write a number")
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"retry-after"] == b"3"


def test_requests_of_others_pass_unchanged():
    path, status, headers, body = ask("/recommend/", error_response(422, "wrong"), b"text/html")
    assert (path, status) == ("/recommend/", 422)
    assert headers[b"content-type"] == b"application/json"
    assert b'"error"' in body


def test_who_takes_no_json_is_refused():
    path, status, headers, _ = ask("/api/users", error_response(500, "-"), b"text/html")
    assert (path, status) == (None, 406)
    assert headers[b"content-type"].startswith(b"text/plain")


@pytest.mark.parametrize(
    ("accept", "is_accepted"),
    [
        (b"application/json, text/plain, */*", True),
        (b"Application/JSON;q=0.9", True),
        (b"", True),
        (b"text/html,application/xml", False),
    ],
)
def test_the_accept_header(accept, is_accepted):
    assert accepts_json([(b"accept", accept)]) is is_accepted
    assert accepts_json([])


@pytest.mark.parametrize("body", [b"plain", b"[1]", b"{}", b'{"error": 1}'])
def test_a_body_that_is_none_of_our_errors_stays(body):
    assert plain_message(body) == body
