"""Starts a service for the length of a test."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

import psutil  # type: ignore[import-untyped]

from app.process.embedded_server import embedded_server

RECFUNNEL = Path(sys.executable).with_name("recfunnel")


class Timeouts(NamedTuple):
    """Seconds until a service must be ready, and until it must have ended."""

    start: float = 60.0
    stop: float = 10.0


DEFAULT_TIMEOUTS = Timeouts()


class NotServingError(Exception):
    """The service did not get ready. The text has its last output."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service: its address, its Redis, and the id of its process."""

    url: str
    redis_url: str
    process: int


def free_port() -> int:
    """Return a port on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment_with_redis(url: str | None) -> dict[str, str]:
    """Return the environment of a child process that uses this Redis; None: the embedded one."""
    environment = dict(os.environ)  # noqa: TID251 - passed on unread
    environment.pop("REDIS_URL", None)
    return environment if url is None else {**environment, "REDIS_URL": url}


@contextmanager
def pin_to_cores(cores: Collection[int]) -> Iterator[None]:
    """Limit this process and its new children to these cores; without cores, to none."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _link_bundles(out: Path, folder: Path) -> Path:
    """Make a folder with the same bundles, without what the service keeps beside them."""
    folder.mkdir()
    (folder / "bundles").symlink_to((out / "bundles").resolve())
    with suppress(FileNotFoundError):  # the service says that there is no bundle
        shutil.copy(out / "current", folder / "current")
    return folder


@contextmanager
def run_service(  # noqa: PLR0913 - keywords with defaults
    out: Path,
    cores: Collection[int] = (),
    workers: int = 1,
    *,
    program: Path = RECFUNNEL,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ServiceProcess]:
    """Start ``recfunnel serve`` on a free port, and end it afterwards.

    It has a Redis and a folder of its own, so that the events of the test stay out of the user's
    Redis. The folder has the bundles of ``out``. ``settings`` are added to its environment.

    Raises:
        NotServingError: the service ended, or is not ready in time.
    """
    port = free_port()
    command = [
        str(program),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        str(workers),
    ]
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile("w+"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        command += ["--out", str(_link_bundles(out, Path(folder) / "out"))]
        with pin_to_cores(cores):
            redis_url = stack.enter_context(embedded_server(Path(folder)))
            environment = {**environment_with_redis(redis_url), **settings}
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        stack.callback(_end, process, timeouts.stop)
        service = ServiceProcess(f"http://127.0.0.1:{port}", redis_url, process.pid)
        await_ready(service.url, process, log, timeouts.start)
        yield service


def await_ready(
    url: str, process: subprocess.Popen[bytes], log: IO[str] | None = None, seconds: float = 60.0
) -> None:
    """Wait until the service answers that it is ready.

    Raises:
        NotServingError: the process ended, or is not ready in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()  # noqa: S310 - ours
            return
        time.sleep(0.1)
    output = ""
    if log:
        log.seek(0)
        output = "\n".join(log.read().splitlines()[-15:])
    raise NotServingError(f"the service did not get ready:\n{output}")


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def list_workers(service: int) -> list[psutil.Process]:
    """Return the live worker processes of a service with several workers, by its process id."""
    workers = []
    for forking in psutil.Process(service).children():
        for worker in _children_of_forkserver(forking):
            with suppress(psutil.NoSuchProcess):
                if worker.status() != psutil.STATUS_ZOMBIE:
                    workers.append(worker)
    return workers


def _children_of_forkserver(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        if "multiprocessing.forkserver" in " ".join(process.cmdline()):
            children: list[psutil.Process] = process.children()
            return children
    return []
