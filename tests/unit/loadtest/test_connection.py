"""Responses that arrive in one piece are read without a parser, and all others by one."""

import pytest

from loadtest.connection import HttpReply, read_whole

HEAD = b"HTTP/1.1 503 Service Unavailable\r\nDate: today\r\n"


@pytest.mark.parametrize(
    ("data", "reply", "is_kept"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\n{}", HttpReply(503, b"{}"), True),
        (HEAD + b"content-length: 0\r\na: b\r\n\r\n", HttpReply(503, b""), True),
        (HEAD + b"content-length: 1\r\nConnection: close\r\n\r\nx", HttpReply(503, b"x"), False),
        (HEAD + b"content-length: 4\r\n\r\n\r\n\r\n", HttpReply(503, b"\r\n\r\n"), True),
    ],
    ids=["usual", "empty", "last of its connection", "blank lines"],
)
def test_a_whole_response_is_read(data, reply, is_kept):
    assert read_whole(data) == (reply, is_kept)


@pytest.mark.parametrize(
    "data",
    [
        HEAD,
        HEAD + b"content-length: 2\r\n\r\n{",
        HEAD + b"content-length: 2\r\n\r\n{}HTTP/1.1",
        HEAD + b"content-length: two\r\n\r\n{}",
        HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"\r\n",
        b"this is not HTTP\r\n\r\n",
        b"",
    ],
)
def test_anything_else_is_left_to_a_parser(data):
    assert read_whole(data) is None
