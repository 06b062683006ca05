"""The faults, in the order in which they happen. Each returns once its cause is gone.

Faults that the service must mend itself, such as a killed worker, return at once.
"""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil  # type: ignore[import-untyped]
import redis

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import MANIFEST, FileRecord, files_digest, write_manifest
from benchmarks.killable_service import KillableService

SETTLE = 0.7  # seconds in which a service looks at ``current`` once, at ``RELOAD_SECONDS``
RELOAD_SECONDS = "0.5"
ARCHIVER_ROUNDS = 2.0  # seconds in which the archiver reads all that waits


@dataclass(frozen=True, slots=True)
class Length:
    """How long and how often the faults happen."""

    hold: float = 3.0  # seconds for which a fault lasts
    repeats: int = 5  # of kills
    swaps: int = 20
    files: int = 100  # of a bundle, damaged in turn, at most


SHORT = Length(hold=1.5, repeats=2, swaps=4, files=4)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault."""

    name: str
    inject: Callable[[KillableService, Length], None]
    remains: frozenset[tuple[str, str]] = frozenset()  # what lists lack until an owner acts


def kill_redis(service: KillableService, length: Length) -> None:
    """Kill Redis, and start it again on its data after a while."""
    service.stop_server()
    time.sleep(length.hold)
    service.start_server()


def kill_redis_often(service: KillableService, length: Length) -> None:
    """Kill Redis, and start it at once, several times."""
    for _ in range(length.repeats):
        service.kill_server()
        time.sleep(0.5)


def hang_redis(service: KillableService, length: Length) -> None:
    """Stop the process of Redis, and let it go on."""
    with stopped(service.server_process()):
        time.sleep(length.hold)


def fill_redis(service: KillableService, length: Length) -> None:
    """Let Redis refuse to write for lack of memory."""
    with redis_client(service) as client:
        client.config_set("maxmemory", 1)
        time.sleep(length.hold)
        client.config_set("maxmemory", 0)


def make_redis_read_only(service: KillableService, length: Length) -> None:
    """Make Redis a replica, as after a failover."""
    with redis_client(service) as client:
        client.replicaof("127.0.0.1", "1")
        time.sleep(length.hold)
        client.replicaof("NO", "ONE")


def empty_redis(service: KillableService, length: Length) -> None:
    """Lose all data of Redis, once the archiver has read all events.

    Without an archiver, and in the half second between two of its rounds, events would be lost.
    """
    with redis_client(service) as client:
        client.config_set("maxmemory", 1)  # no event is acknowledged any more
    time.sleep(max(length.hold, ARCHIVER_ROUNDS))
    service.stop_server()
    shutil.rmtree(service.folder / "redis")
    service.start_server()


def cut_connections(service: KillableService, length: Length) -> None:
    """Close all connections to Redis, again and again."""
    with redis_client(service) as client:
        for _ in range(4 * length.repeats):
            client.client_kill_filter(_type="normal", skipme=True)
            time.sleep(0.1)


def kill_workers(service: KillableService, length: Length) -> None:
    """Kill one worker a second, never the last."""
    for n in range(length.repeats):
        service.kill_worker(n / length.repeats)
        time.sleep(1.0)


def kill_all_workers(service: KillableService, _length: Length) -> None:
    """Kill all workers at the same time."""
    for worker in service.live_workers():
        worker.kill()


def stop_worker(service: KillableService, _length: Length) -> None:
    """Stop one worker for good; the parent must notice."""
    service.live_workers()[0].suspend()


def kill_archiver(service: KillableService, length: Length) -> None:
    """Kill the archiver, and start it at once, several times."""
    for _ in range(length.repeats):
        service.kill_archiver()
        time.sleep(0.7)


def fill_disk(service: KillableService, length: Length) -> None:
    """Let no process of the service and the archiver write to a file."""
    processes = [*service.live_workers(), *service.archiver_processes()]
    with _limited_files([process.pid for process in processes]):
        time.sleep(length.hold)


def swap_bundles(service: KillableService, length: Length) -> None:
    """Change the bundle in service once a second."""
    first = find_current_bundle(service.folder)
    second = copy_bundle(first, "chaos-swap")
    for n in range(length.swaps):
        point_to(first if n % 2 else second)
        time.sleep(1.0)
    point_to(first)


def damage_served_files(service: KillableService, length: Length) -> None:
    """Truncate, in place, the files that are served, and restore them."""
    folder = find_current_bundle(service.folder)
    kept = folder.with_name("chaos-kept")
    shutil.copytree(folder, kept)
    for path in folder.glob("*.npy"):
        os.truncate(path, path.stat().st_size // 2)
    time.sleep(length.hold)
    for path in kept.iterdir():
        shutil.copy(path, folder / path.name)
    shutil.rmtree(kept)


def damage_each_file(service: KillableService, length: Length) -> None:
    """Publish bundles in each of which one bit of one file is wrong."""
    sound = find_current_bundle(service.folder)
    for path in sorted(sound.iterdir())[: length.files]:
        damaged = copy_bundle(sound, f"chaos-{path.stem}")
        flip_bit(damaged / path.name)
        point_to(damaged)
        time.sleep(SETTLE)
        point_to(sound)
        shutil.rmtree(damaged)


def damage_and_restart(service: KillableService, length: Length) -> None:
    """Restart all workers while the current bundle is damaged."""
    sound = find_current_bundle(service.folder)
    damaged = copy_bundle(sound, "chaos-start")
    flip_bit(damaged / MANIFEST)
    point_to(damaged)
    time.sleep(SETTLE)
    kill_all_workers(service, length)
    time.sleep(length.hold)
    point_to(sound)


def kill_embedded_redis(service: KillableService, length: Length) -> None:
    """Kill the server that the service has started, several times."""
    for _ in range(length.repeats):
        service.server_process().kill()
        time.sleep(1.0)


def lose_socket(service: KillableService, _length: Length) -> None:
    """Delete the socket file of the embedded server."""
    Path(service.redis_url.removeprefix("unix://").partition("?")[0]).unlink()


EXTERNAL = (
    Fault("Redis killed, back after a pause", kill_redis),
    Fault("Redis killed again and again", kill_redis_often),
    Fault("Redis hung (SIGSTOP)", hang_redis),
    Fault("Redis full", fill_redis),
    Fault("Redis read-only", make_redis_read_only),
    Fault("connections to Redis cut", cut_connections),
    Fault("workers killed one by one", kill_workers),
    Fault("all workers killed", kill_all_workers),
    Fault("a worker hung (SIGSTOP)", stop_worker),
    Fault("archiver killed", kill_archiver),
    Fault("disk full for service and archiver", fill_disk),
    Fault("bundles swapped each second", swap_bundles),
    Fault("served files truncated in place", damage_served_files),
    Fault("each file of a bundle damaged", damage_each_file),
    Fault("restart with a damaged bundle", damage_and_restart),
    Fault("Redis lost all data", empty_redis, frozenset({("filters", "lost")})),
)
EMBEDDED = (
    Fault("embedded Redis killed", kill_embedded_redis),
    Fault("embedded Redis hung (SIGSTOP)", hang_redis),
    Fault("socket of the embedded Redis deleted", lose_socket),
)


@contextmanager
def redis_client(service: KillableService) -> Iterator["redis.Redis"]:
    """Yield a client of the service's Redis."""
    with redis.Redis.from_url(service.redis_url, socket_timeout=10) as client:
        yield client


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """Stop a process for as long as the context lasts."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def copy_bundle(folder: Path, moment: str) -> Path:
    """Return a sound copy of a bundle under another version."""
    copy = folder.with_name(moment)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    manifest = orjson.loads((copy / MANIFEST).read_bytes())
    files = {name: FileRecord(**fact) for name, fact in manifest["files"].items()}
    manifest["version"] = f"{moment}-{files_digest(files)}"
    write_manifest(copy, orjson.dumps(manifest))
    final = folder.with_name(manifest["version"])
    shutil.rmtree(final, ignore_errors=True)
    return copy.rename(final)


def flip_bit(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@contextmanager
def _limited_files(pids: list[int]) -> Iterator[None]:
    """Limit the size of the files that processes write, which fails as on a full disk."""
    unlimited = resource.RLIM_INFINITY
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, unlimited))
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
