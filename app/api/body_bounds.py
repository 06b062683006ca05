"""Bounds of every body, checked while it arrives: bytes, values, depth, and memory in total.

Parsing is cheap, but describing 400,000 wrong fields takes seconds, in which a worker answers
nobody. A scan of the bytes takes 1 ms per MB, so what is too large is refused before it is parsed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.event_bodies import MAX_EVENTS
from app.kernels.json_scan import DEEPEST, STATE_SIZE, VALUES, scan_json

MAX_DEPTH = 8  # an event's context is the deepest that a route reads: 3
MAX_HELD_BYTES = 64 * 2**20  # of all bodies that a worker reads or answers at a time


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """The largest body of a route."""

    bytes: int
    values: int  # list entries, and fields of objects


# 1,000 events with the longest ids, escaped, are 2.4 MB; an event has 29 fields.
EVENTS = BodyBounds(4 * 2**20, 32 * MAX_EVENTS)
# 1,000 excluded items and 500 events of a history are 3,000 values.
OTHERS = BodyBounds(2**20, 5_000)
MANY = BodyBounds(8 * 2**20, 64_000)  # 1,000 items or users of 64 fields, tags and attributes
# Gorse's API has no bounds. Labels hold vectors, and no value becomes an object of ours.
GORSE = BodyBounds(16 * 2**20, 2_000_000)
GORSE_PATHS = ("users", "user", "items", "item", "feedback", "session/recommend")
# By path; all other routes have OTHERS.
ROUTE_BOUNDS = {"/events": EVENTS, "/items": MANY, "/users": MANY}
ROUTE_BOUNDS |= {f"/api/{path}": GORSE for path in GORSE_PATHS}


class BodyLimit:
    """Refuses a body that exceeds the bounds of its route, whatever its headers say.

    It is an ASGI middleware. One instance lives in each worker, and counts the bytes that it holds.
    """

    def __init__(self, app: ASGIApp, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._app = app
        self._max_held_bytes = max_held_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        bounds = ROUTE_BOUNDS.get(scope["path"], OTHERS)
        declared = declared_bytes(scope["headers"])
        measures = np.zeros(STATE_SIZE, np.int64)
        size = 0

        async def measured() -> Message:
            nonlocal size
            check_bytes(declared, bounds)
            message = await receive()
            chunk = message.get("body", b"")
            size += len(chunk)
            self._held_bytes += len(chunk)
            check_bytes(size, bounds)
            if self._held_bytes > self._max_held_bytes:
                raise HTTPException(
                    503, "the service reads too many large bodies", headers={"Retry-After": "1"}
                )
            if chunk:
                check_encoding(chunk)
                scan_json(np.frombuffer(chunk, np.uint8), measures)
                check_structure(int(measures[VALUES]), int(measures[DEEPEST]), bounds)
            return message

        try:
            await self._app(scope, measured, send)
        finally:
            self._held_bytes -= size


def declared_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the size that a request declares, 0 for none."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def check_bytes(size: int, bounds: BodyBounds) -> None:
    """Refuse a body that is too large.

    Raises:
        HTTPException: it has more bytes than its route reads.
    """
    if size > bounds.bytes:
        raise HTTPException(413, f"the body has more than {bounds.bytes} bytes; send less")


def check_encoding(chunk: bytes) -> None:
    """Refuse UTF-16 and UTF-32, which Python's parser reads and the scan of the bytes does not.

    JSON in UTF-8 has no zero byte, and in the others its every bracket has one.

    Raises:
        HTTPException: the chunk has a zero byte.
    """
    if b"\0" in chunk:
        raise HTTPException(422, "the body is not JSON: write it in UTF-8")


def check_structure(values: int, depth: int, bounds: BodyBounds) -> None:
    """Refuse a body with too many values, or with brackets in too many brackets.

    Raises:
        HTTPException: it has more of them than its route reads.
    """
    if values > bounds.values:
        raise HTTPException(
            413, f"the body has more than {bounds.values} list entries and fields; send less"
        )
    if depth > MAX_DEPTH:
        raise HTTPException(
            422, f"the body has lists or objects {depth} levels deep; at most {MAX_DEPTH} are read"
        )
