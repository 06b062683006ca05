"""Clients that send too much, too slowly or nothing: they are closed, and others are answered."""

import logging
import socket
import threading
from contextlib import contextmanager
from functools import partial

import pytest
import uvicorn

from app.process.bounded_protocol import (
    EARLY_ANSWER,
    MAX_DISCARDED_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    BoundedProtocol,
)
from app.process.connection_limits import ConnectionTimes, OpenConnections
from app.process.workers import DrainingServer
from tests.serving import until

LONG = 60.0
SHORT = 0.3
PATIENT = ConnectionTimes(LONG, LONG, LONG, LONG)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
FULL = b"GET /full HTTP/1.1\r\nhost: x\r\n"
REFUSAL = b"content-length: 2\r\n\r\nno"  # after the status line
LARGE = 64 * 2**20  # more than the buffers of both ends


async def application(scope, receive, send):
    """Answer, after the body if the path asks for it, with as many bytes as the path names."""
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    size = LARGE if scope["path"] == "/large" else 2
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, size, 2**20):
        part = b"x" * min(size - start, 2**20)
        more = start + len(part) < size
        await send({"type": "http.response.body", "body": part, "more_body": more})


async def overloaded(scope, receive, send):
    """Answer, and have requests for ``/full`` refused as soon as their headers are read."""
    if scope["type"] == "lifespan":
        await receive()
        refuse = lambda url, _: REFUSAL if url == b"/full" else None  # noqa: E731
        scope["state"][EARLY_ANSWER] = refuse
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await application(scope, receive, send)


@contextmanager
def listening(times=PATIENT, limit=100, served=application, lifespan="off"):
    """Serve, and yield the address and the open connections."""
    known = OpenConnections(limit, limit, times)
    config = uvicorn.Config(
        served,
        http=partial(BoundedProtocol, open_connections=known),
        ws="none",
        log_config=None,
        lifespan=lifespan,
        loop="asyncio",
        timeout_graceful_shutdown=1,
    )
    server = DrainingServer(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname(), known
        finally:
            server.should_exit = True
            thread.join(15)


@pytest.fixture(scope="module")
def patient():
    with listening() as (address, _):
        yield address


@contextmanager
def connected(address):
    with socket.create_connection(address, timeout=15) as link:
        yield link


def read_all(link):
    """Everything until the server closes the connection."""
    received = b""
    try:
        while part := link.recv(2**16):
            received += part
    except ConnectionError:  # it closed the connection before it had read all
        pass
    return received


def send_all(link, data):
    try:
        link.sendall(data)
    except ConnectionError:
        return False
    return True


def exchange(address, data):
    with connected(address) as link:
        send_all(link, data)
        return read_all(link)


def is_served(address):
    return exchange(address, GET + b"connection: close\r\n\r\n").endswith(b"\r\n\r\nxx")


@pytest.mark.parametrize(
    "head",
    [
        GET + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        GET + b"a: " + b"b" * (MAX_HEADER_BYTES + 1),
        b"GET /" + b"a" * (MAX_HEADER_BYTES + 1),
        GET + (b"a: " + b"b" * 1_000 + b"\r\n") * 70,
    ],
    ids=["many", "one without an end", "path", "large in total"],
)
def test_headers_have_bounds(patient, head):
    answer = exchange(patient, head)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"headers_too_large"' in answer
    assert is_served(patient)


@pytest.mark.parametrize("request_line", [b"GET http://[ HTTP/1.1", b"nonsense"])
def test_what_is_not_http_is_refused_in_the_shape_of_all_errors(patient, request_line):
    with connected(patient) as link:
        link.sendall(GET + b"\r\n")  # an answer before must not be taken for one to what follows
        assert link.recv(12) == b"HTTP/1.1 200"
        link.sendall(request_line + b"\r\n\r\n")
        answer = read_all(link)
    assert b"HTTP/1.1 400" in answer
    assert b'"code":"bad_request"' in answer


def test_headers_up_to_the_bounds_are_read(patient):
    lines = b"".join(b"a%d: b\r\n" % n for n in range(MAX_HEADERS - 2))
    assert exchange(patient, GET + lines + b"connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_trailers_have_bounds_too(patient):
    with connected(patient) as link:
        link.sendall(POST.replace(b"/", b"/body", 1) + b"transfer-encoding: chunked\r\n\r\n")
        link.sendall(b"2\r\nxx\r\n0\r\na: ")
        is_open = True
        for _ in range(1_000):
            is_open = is_open and send_all(link, b"b" * 2**16)
        assert not is_open
    assert is_served(patient)


def test_a_body_is_not_read_for_ever_after_its_answer(patient):
    size = 1_000 * MAX_DISCARDED_BYTES
    with connected(patient) as link:
        link.sendall(POST + b"content-length: %d\r\n\r\n" % size)
        assert link.recv(12) == b"HTTP/1.1 200"
        sent = 0
        while sent < size and send_all(link, b"x" * 2**18):
            sent += 2**18
        assert sent < size / 10
    assert is_served(patient)


def test_a_small_body_after_its_answer_leaves_the_connection_open(patient):
    with connected(patient) as link:
        link.sendall(POST + b"content-length: 4\r\n\r\n")
        assert link.recv(12) == b"HTTP/1.1 200"
        link.sendall(b"xxxx" + GET + b"connection: close\r\n\r\n")
        assert read_all(link).count(b"HTTP/1.1 200") == 1


def test_requests_are_answered_in_their_order_and_not_too_many_at_once(patient):
    one = GET + b"\r\n"
    last = GET + b"connection: close\r\n\r\n"
    assert exchange(patient, one * MAX_PIPELINED + last).count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert exchange(patient, one * 10_000).count(b"HTTP/1.1 200") < 100
    assert is_served(patient)


@pytest.mark.parametrize(
    ("times", "data", "status"),
    [
        (ConnectionTimes(headers=SHORT), b"", b""),
        (ConnectionTimes(headers=SHORT), b"GET / HT", b"HTTP/1.1 408"),
        (ConnectionTimes(headers=SHORT), GET, b"HTTP/1.1 408"),
        (
            ConnectionTimes(body=SHORT),
            POST.replace(b"/", b"/body", 1) + b"content-length: 9\r\n\r\nx",
            b"HTTP/1.1 408",
        ),
        (ConnectionTimes(discard=SHORT), POST + b"content-length: 9\r\n\r\nx", b"HTTP/1.1 200"),
    ],
    ids=["silent", "part of a line", "part of the headers", "part of a body", "rest of a body"],
)
def test_a_client_has_a_time_for_each_part(times, data, status):
    with listening(times) as (address, known):
        until(lambda: exchange(address, data)[:12] == status)
        until(lambda: len(known) == 0)
        until(lambda: is_served(address))


def test_a_client_that_does_not_read_its_answer_is_closed(caplog):
    with (
        caplog.at_level(logging.WARNING),
        listening(ConnectionTimes(write=SHORT)) as (address, known),
        connected(address) as link,
    ):
        link.sendall(GET.replace(b"/", b"/large", 1) + b"\r\n")
        until(lambda: len(known) == 1)
        until(lambda: len(known) == 0)
        assert len(read_all(link)) < LARGE
    assert "unread answers" in caplog.text


def test_silent_connections_do_not_shut_others_out():
    with listening(limit=20) as (address, known):
        silent = [socket.create_connection(address, timeout=15) for _ in range(100)]
        try:
            assert is_served(address)
            assert len(known) <= 20
        finally:
            for link in silent:
                link.close()


def test_connections_over_the_bound_are_refused_while_all_are_busy():
    begin = POST.replace(b"/", b"/body", 1) + b"content-length: 2\r\n\r\n"
    with listening(limit=1) as (address, known), connected(address) as busy:
        busy.sendall(begin)
        until(lambda: len(known) == 1)
        until(lambda: exchange(address, b"").startswith(b"HTTP/1.1 503"))
        busy.sendall(b"xx")
        assert busy.recv(12) == b"HTTP/1.1 200"
        assert is_served(address)


@pytest.fixture(scope="module")
def full():
    with listening(served=overloaded, lifespan="on") as (address, known):
        yield address, known


def read_answer(link, body):
    received = b""
    while not received.endswith(body):
        received += link.recv(2**16)
    return received


def test_a_refusal_before_the_application_leaves_the_connection_open(full):
    with connected(full[0]) as link:
        for _ in range(3):
            link.sendall(FULL + b"\r\n")
            answer = read_answer(link, b"no")
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\ndate: ")
            assert answer.endswith(b"\r\n" + REFUSAL)
            link.sendall(GET + b"\r\n")
            assert read_answer(link, b"\r\n\r\nxx").startswith(b"HTTP/1.1 200 ")


def test_refusals_keep_their_place_among_the_answers(full):
    requests = [FULL, FULL, GET, FULL, GET, GET, FULL]
    data = b"".join(one + b"\r\n" for one in requests) + GET + b"connection: close\r\n\r\n"
    # One that follows a request in flight passes the application, which does not know of it.
    assert [part[:3] for part in exchange(full[0], data).split(b"HTTP/1.1 ")[1:]] == [
        *(b"503", b"503"),
        *([b"200"] * 6),
    ]


@pytest.mark.parametrize(
    "request_",
    [
        FULL + b"connection: close\r\n",
        FULL.replace(b"1.1", b"1.0") + b"connection: keep-alive\r\n",
        FULL.replace(b"GET", b"POST") + b"connection: close\r\ncontent-length: 0\r\n",
    ],
    ids=["last of its connection", "old version", "other method"],
)
def test_what_is_unusual_is_left_to_the_application(full, request_):
    assert exchange(full[0], request_ + b"\r\n").startswith(b"HTTP/1.1 200")


def test_a_connection_with_refusals_is_not_the_one_that_gives_way():
    with (
        listening(limit=2, served=overloaded, lifespan="on") as (address, known),
        connected(address) as first,
        connected(address) as second,
    ):
        until(lambda: len(known) == 2)
        first.sendall(FULL + b"\r\n")
        read_answer(first, b"no")
        assert is_served(address)  # in the place of the second one
        assert read_all(second) == b""
        first.sendall(FULL + b"\r\n")
        assert read_answer(first, b"no")
