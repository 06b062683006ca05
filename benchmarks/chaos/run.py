"""Inject faults into a service under load, and count what clients see."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import redis

from app.bundle.bundle import find_current_bundle, load_bundle
from app.settings import Settings
from benchmarks.chaos.faults import (
    EMBEDDED,
    EXTERNAL,
    RELOAD_SECONDS,
    Fault,
    Length,
    redis_client,
)
from benchmarks.chaos.load import ChaosLoad, FaultTally
from benchmarks.killable_service import KillableService, run_killable_service
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import EVENTS
from offline.commands.archive import archive

log = logging.getLogger(__name__)

RECOVERY_TIMEOUT = 60.0  # seconds
CHECKS = 5  # lists in a row that are whole, and an event that is accepted: the service is whole
GUARDED = 20  # users who have blocked items
SETTINGS = {"RECFUNNEL_RELOAD_SECONDS": RELOAD_SECONDS, "RECFUNNEL_BUDGET_MS": "400"}


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What one fault cost."""

    name: str
    tally: FaultTally
    recovery: float  # seconds from the end of the fault until the service was whole; inf: never
    lost: int = 0  # acknowledged events that are not in the archive
    doubled: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, doubled or shown wrongly, and the service is whole again."""
        return not (self.lost or self.doubled or self.tally.forbidden) and np.isfinite(
            self.recovery
        )


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Items that lists must not have."""

    deleted: frozenset[str]
    blocked: Mapping[str, frozenset[str]]


def run(out: Path, folder: Path, length: Length, workers: int) -> Iterator[FaultResult]:
    """Inject all faults: first with a Redis beside the service, then with the embedded one."""
    for name, faults, is_embedded in (
        ("external", EXTERNAL, False),
        ("embedded", EMBEDDED, True),
    ):
        own = folder / name
        own.mkdir()
        with run_killable_service(
            out, own, workers, embedded=is_embedded, settings=SETTINGS
        ) as service:
            yield from _run_all(service, faults, length)


def _run_all(
    service: KillableService, faults: Sequence[Fault], length: Length
) -> list[FaultResult]:
    bundle = load_bundle(find_current_bundle(service.folder))
    users = bundle.models.users.ids.names(np.arange(min(200, len(bundle.models.users.ids))))
    items = bundle.models.catalogue.ids.names(np.arange(min(300, len(bundle.models.catalogue))))
    with httpx.Client(base_url=service.url, timeout=10.0, trust_env=False) as client:
        forbidden = _forbid(client, users)
        load = ChaosLoad(service.url, users, items, forbidden.deleted, forbidden.blocked)
        load.start()
        try:
            results = [_inject(service, load, client, fault, length) for fault in faults]
        finally:
            load.stop()
    service.stop_archiver()
    archive(Settings(out=service.folder, redis_url=service.redis_url), once=True)
    return _with_events(results, archive_folder(service.folder))


def _forbid(client: httpx.Client, users: Sequence[str]) -> Forbidden:
    """Delete some items that are in lists, and let some users block what they were shown."""
    shown = {user: _ids(client, user) for user in users[:GUARDED]}
    deleted = [item for item, _ in Counter(chain.from_iterable(shown.values())).most_common(3)]
    for item in deleted:
        client.delete(f"/items/{item}").raise_for_status()
    blocked = {user: frozenset(ids[:3]) for user, ids in shown.items()}
    for user, ids in blocked.items():
        client.put(f"/users/{user}/blocked", json={"items": sorted(ids)}).raise_for_status()
    return Forbidden(frozenset(deleted), blocked)


def _ids(client: httpx.Client, user: str) -> list[str]:
    answer = client.get("/recommend", params={"user_id": user, "k": 10}).raise_for_status()
    return [item["item_id"] for item in answer.json()["items"]]


def _inject(
    service: KillableService,
    load: ChaosLoad,
    client: httpx.Client,
    fault: Fault,
    length: Length,
) -> FaultResult:
    log.info("%s", fault.name)
    tally = load.begin(fault.name.replace(" ", "-"))
    fault.inject(service, length)
    ended = time.monotonic()
    while not _is_whole(service, client, fault):
        if time.monotonic() > ended + RECOVERY_TIMEOUT:
            return FaultResult(fault.name, tally, np.inf)
        time.sleep(0.1)
    recovery = time.monotonic() - ended
    log.info("whole after %.1f s, %d lists", recovery, tally.lists)
    time.sleep(1.0)  # events on the way are acknowledged
    return FaultResult(fault.name, tally, recovery)


def _is_whole(service: KillableService, client: httpx.Client, fault: Fault) -> bool:
    """Return whether lists in a row are whole, events are accepted, and no process is missing."""
    try:
        with redis_client(service) as link:  # on a connection of its own
            link.ping()
        for n in range(CHECKS):
            answer = client.get("/recommend", params={"user_id": f"{n + 1}"}, timeout=2.0)
            if answer.status_code != httpx.codes.OK:
                return False
            lacks = {(part["stage"], part["outcome"]) for part in answer.json()["degraded"]}
            if lacks - fault.remains:
                return False
        state = client.get("/readyz", timeout=2.0).json()
        event = {"user_id": "probe", "item_id": "1", "type": "view"}
        accepted = client.post("/events", json=event, timeout=3.0)
    except (httpx.HTTPError, redis.RedisError, OSError):
        return False
    has_all = len(service.running_workers()) == service.workers
    is_sound = state["ready"] and not state["fallback"] and not state["refused"]
    return is_sound and has_all and accepted.status_code == httpx.codes.ACCEPTED


def _with_events(results: Sequence[FaultResult], folder: Path) -> list[FaultResult]:
    """Compare the acknowledged events with those in the archive."""
    tables = list(StreamFiles(folder / EVENTS.name, EVENTS).read())
    archived = Counter(pl.concat(tables)["event_id"].to_list()) if tables else Counter[str]()
    return [
        FaultResult(
            one.name,
            one.tally,
            one.recovery,
            sum(event not in archived for event in one.tally.acknowledged),
            sum(max(archived[event] - 1, 0) for event in one.tally.acknowledged),
        )
        for one in results
    ]
