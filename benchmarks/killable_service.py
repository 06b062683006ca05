"""A whole service in processes that can be killed: server, workers, archiver."""

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psutil  # type: ignore[import-untyped]

from app.bundle.pointer import POINTER
from app.process.embedded_server import ADDRESS_FILE, DATA_FOLDER
from app.process.server_process import find_binary
from loadtest.service import (
    DEFAULT_TIMEOUTS,
    NotServingError,
    environment_with_redis,
    free_port,
    list_workers,
)

SERVER_OPTIONS = ("--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always")
ARCHIVE_INTERVAL = "0.5"  # seconds between two rounds of the archiver


@dataclass(slots=True, eq=False)
class KillableService:
    """The processes. Each starts again after a kill; the parent process restarts workers."""

    folder: Path  # of the server's data, the bundles and the archive
    workers: int
    log: Path
    embedded: bool = False  # whether the service starts its own Redis server
    settings: Mapping[str, str] = field(default_factory=dict)  # added to the environment
    port: int = field(default_factory=free_port)
    server: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    service: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    archiver: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        if self.embedded:
            return (self.folder / DATA_FOLDER / ADDRESS_FILE).read_text("utf-8").strip()
        return f"unix://{self.folder / 'server.sock'}"

    def start(self) -> None:
        """Start all processes, and wait until the service is ready.

        Raises:
            NotServingError: the service is not ready in time.
        """
        if not self.embedded:
            self.start_server()
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--workers", str(self.workers))
        self.service = self._start("serve", *options)
        self.start_archiver()
        until = time.monotonic() + DEFAULT_TIMEOUTS.start
        while time.monotonic() < until:
            with suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()  # noqa: S310
                return
            time.sleep(0.1)
        raise NotServingError(f"the service did not get ready; see its log {self.log}")

    def kill_server(self) -> bool:
        """Kill the Redis server, and start it again on the data that it wrote."""
        if self.server is None:
            return False
        self.stop_server()
        self.start_server()
        return True

    def stop_server(self) -> None:
        """Kill the Redis server for good."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()

    def server_process(self) -> psutil.Process:
        """Return the process of the Redis server, also of the embedded one.

        Raises:
            NotServingError: it does not run.
        """
        if self.server is not None:
            return psutil.Process(self.server.pid)
        if self.service is not None:
            for child in psutil.Process(self.service.pid).children(recursive=True):
                if "valkey" in child.name():
                    return child
        raise NotServingError("the embedded Redis server does not run")

    def archiver_processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.archiver.pid)] if self.archiver is not None else []

    def running_workers(self) -> list[psutil.Process]:
        """Return the live workers that are not stopped."""
        workers = self.live_workers()
        return [worker for worker in workers if worker.status() != psutil.STATUS_STOPPED]

    def kill_archiver(self) -> bool:
        if self.archiver is None:
            return False
        self.stop_archiver()
        self.start_archiver()
        return True

    def stop_archiver(self) -> None:
        """Kill the archiver for good."""
        if self.archiver is not None:
            self.archiver.kill()
            self.archiver.wait()

    def kill_worker(self, choice: float) -> bool:
        """Kill one of the live workers, but never the last. ``choice`` is in [0, 1)."""
        workers = self.live_workers()
        if len(workers) < 2:  # noqa: PLR2004 - two
            return False
        workers[int(choice * len(workers))].kill()
        return True

    def live_workers(self) -> list[psutil.Process]:
        """Return the live workers, without those that were killed and not yet reaped."""
        return list_workers(self.service.pid) if self.service else []

    def start_server(self) -> None:
        socket = self.folder / "server.sock"
        socket.unlink(missing_ok=True)
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        command = [find_binary(), *SERVER_OPTIONS, "--dir", str(data), "--unixsocket", str(socket)]
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ours

    def start_archiver(self) -> None:
        self.archiver = self._start("archive", "--every", ARCHIVE_INTERVAL)

    def end(self) -> None:
        """End all processes, the server last."""
        for process in (self.archiver, self.service, self.server):
            if process is not None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
                process.wait()

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "offline.cli", *arguments, "--out", str(self.folder)]
        url = None if self.embedded else self.redis_url
        environment = {**environment_with_redis(url), **self.settings}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603


@contextmanager
def run_killable_service(
    out: Path,
    folder: Path,
    workers: int,
    *,
    embedded: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[KillableService]:
    """Start a service on a copy of the bundles of ``out``, with a Redis of its own."""
    shutil.copytree(out / "bundles", folder / "bundles")
    shutil.copy(out / POINTER, folder / POINTER)
    log = folder / "log.txt"
    service = KillableService(folder, workers, log, embedded=embedded, settings=settings)
    try:
        service.start()
        yield service
    finally:
        service.end()
