"""A service of our own, for as long as a test needs it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.process.embedded_server import embedded_server

START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 10.0  # seconds


class NotServingError(Exception):
    """The service did not get ready. The text has its last words."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """Where it is, which Redis it has, and which process was started."""

    url: str
    redis_url: str
    process: int


def free_port() -> int:
    """Give a port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment_with_redis(url: str) -> dict[str, str]:
    """Give the environment of a process of ours that has this Redis."""
    return {**os.environ, "REDIS_URL": url}  # noqa: TID251 - passed on unread


@contextmanager
def pin_to_cores(cores: Collection[int]) -> Iterator[None]:
    """Run this process, and what it starts meanwhile, on these cores only; none: on all."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def run_service(
    out: Path, cores: Collection[int] = (), workers: int = 1
) -> Iterator[ServiceProcess]:
    """Start ``recfunnel serve`` on a free port, and end it afterwards.

    It has a Redis of its own, so that made-up events stay out of the user's.

    Raises:
        NotServingError: it ended, or is not ready in time.
    """
    port = free_port()
    command = [str(Path(sys.executable).with_name("recfunnel")), "serve", "--out", str(out)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile("w+"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with pin_to_cores(cores):
            redis_url = stack.enter_context(embedded_server(Path(folder)))
            environment = environment_with_redis(redis_url)
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        stack.callback(_end, process)
        own = ServiceProcess(f"http://127.0.0.1:{port}", redis_url, process.pid)
        _await_ready(own.url, process, log)
        yield own


def _await_ready(url: str, process: subprocess.Popen[bytes], log: IO[str]) -> None:
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()  # noqa: S310 - ours
            return
        time.sleep(0.1)
    log.seek(0)
    said = "\n".join(log.read().splitlines()[-15:])
    raise NotServingError(f"the service did not get ready; it said:\n{said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
