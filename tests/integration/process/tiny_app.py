"""An application without recfunnel: worker processes import it, and it alone, in no time."""

import asyncio
import os
import socket
import sys
import time
from functools import partial
from pathlib import Path

import uvicorn

from app.process.bounded_protocol import BoundedProtocol
from app.process.connection_limits import OpenConnections
from app.process.workers import run_workers


async def slow(scope, receive, send):
    """Answer with the id of the process, after a while."""
    if scope["type"] == "lifespan":
        return
    await asyncio.sleep(0.3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def configure():
    """Return the configuration. While the file that is named exists, note the time and die."""
    starts = Path(os.environ.get("DIES_WHILE", "/nowhere"))
    if starts.exists():
        with starts.open("a") as file:
            file.write(f"{time.monotonic()}\n")
        raise SystemExit(3)
    protocol = partial(BoundedProtocol, open_connections=OpenConnections(1_000, 1_000))
    return uvicorn.Config(
        slow, http=protocol, log_config=None, loop="uvloop", lifespan="off", backlog=64
    )


def bound(port=0):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def main():
    """Serve with two workers on the port that is the last argument."""
    run_workers(configure, bound(int(sys.argv[-1])), 2)
