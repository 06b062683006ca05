"""``python -m benchmarks.crash``: kills workers, the archiver and the server while events come.

Every acknowledged event must be in the archive exactly once. The exit code is 1 when one is not.
"""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import polars as pl
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app.bundle.bundle import find_current_bundle, load_bundle
from app.settings import Settings
from benchmarks.killable_service import KillableService, run_killable_service
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import EVENTS
from offline.commands.archive import archive

ACCEPTED = 202
TIMEOUT = 10.0  # seconds for an answer
PAUSE = 0.1  # seconds before a failed batch is sent again
BATCHES_PER_LIST = 10  # one list is requested for this many batches


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """How many events are sent, and how often each process is killed."""

    events: int = 100_000
    batch: int = 100
    clients: int = 4
    workers: int = 3
    worker_kills: int = 10
    archiver_kills: int = 10
    server_kills: int = 5
    seed: int = 1

    @property
    def batches(self) -> int:
        return -(-self.events // self.batch)


@dataclass(slots=True)
class CrashResult:
    """What was sent, killed and archived."""

    acknowledged: set[str] = field(default_factory=set)
    retries: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    archived: int = 0
    missing: int = 0
    doubled: int = 0
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Whether every acknowledged event is in the archive once."""
        return not self.missing and not self.doubled and bool(self.acknowledged)


class EventSender:
    """Sends batches from several threads until each is acknowledged."""

    def __init__(self, url: str, plan: CrashPlan, items: Sequence[str]) -> None:
        self.done = 0  # batches
        self.outcome = CrashResult()
        self._url, self._plan, self._items = url, plan, items
        self._lock = threading.Lock()

    def send(self, n: int) -> None:
        """Send batch ``n``, with the same ids each time, until it is accepted."""
        chance = random.Random(f"{self._plan.seed}.{n}")  # noqa: S311 - no secret
        size = min(self._plan.batch, self._plan.events - n * self._plan.batch)
        events = [
            {
                "event_id": f"{n}.{at}",
                "user_id": f"crash-{chance.randrange(2_000)}",
                "item_id": chance.choice(self._items),
                "type": "click",
            }
            for at in range(size)
        ]
        while not self._is_accepted(events):
            self.outcome.retries += 1
            time.sleep(PAUSE)
        if n % BATCHES_PER_LIST == 0:
            with suppress(httpx.HTTPError):
                query = {"user_id": events[0]["user_id"]}
                httpx.get(f"{self._url}/recommend", params=query, timeout=TIMEOUT)
        with self._lock:
            self.done += 1
            self.outcome.acknowledged.update(event["event_id"] for event in events)

    def _is_accepted(self, events: Sequence[dict[str, str]]) -> bool:
        try:
            answer = httpx.post(f"{self._url}/events", json=events, timeout=TIMEOUT)
        except httpx.HTTPError:
            return False
        return answer.status_code == ACCEPTED


def run(out: Path, folder: Path, plan: CrashPlan) -> CrashResult:
    """Send, kill, and count the events in the archive."""
    items = load_bundle(find_current_bundle(out)).models.catalogue.ids
    names = items.names(range(min(len(items), 500)))  # type: ignore[arg-type]
    began = time.monotonic()
    with run_killable_service(out, folder, plan.workers) as service:
        sender = EventSender(service.url, plan, names)
        _send_and_kill(service, sender, plan)
        service.stop_archiver()
        settings = Settings(out=folder, redis_url=service.redis_url)
        archive(settings, once=True)
    outcome = sender.outcome
    _count(outcome, archive_folder(settings.out))
    outcome.seconds = time.monotonic() - began
    return outcome


def _send_and_kill(service: KillableService, sender: EventSender, plan: CrashPlan) -> None:
    """Send all batches. Each kill is due when a random number of batches is done."""
    chance = random.Random(plan.seed)  # noqa: S311 - no secret
    kinds = ["worker"] * plan.worker_kills + ["archiver"] * plan.archiver_kills
    kinds += ["server"] * plan.server_kills
    due = sorted(((chance.random() * plan.batches, kind) for kind in kinds), reverse=True)
    with ThreadPoolExecutor(plan.clients) as pool, Progress(transient=True) as progress:
        sent = [pool.submit(sender.send, n) for n in range(plan.batches)]
        bar = progress.add_task("Sending and killing", total=plan.batches)
        while sender.done < plan.batches:
            if due and due[-1][0] <= sender.done:
                _kill(service, sender.outcome, due.pop()[1], chance.random())
            progress.update(bar, completed=sender.done)
            time.sleep(0.02)
        for one in sent:
            one.result()


def _kill(service: KillableService, outcome: CrashResult, kind: str, choice: float) -> None:
    kills = {"server": service.kill_server, "archiver": service.kill_archiver}
    done = kills[kind]() if kind in kills else service.kill_worker(choice)
    outcome.kills[kind if done else f"{kind}, spared: the last one alive"] += 1


def _count(outcome: CrashResult, folder: Path) -> None:
    tables = list(StreamFiles(folder / EVENTS.name, EVENTS).read())
    archived = Counter(pl.concat(tables)["event_id"].to_list()) if tables else Counter[str]()
    outcome.archived = archived.total()
    outcome.missing = len(outcome.acknowledged - archived.keys())
    outcome.doubled = sum(n - 1 for n in archived.values())


def show(outcome: CrashResult, plan: CrashPlan) -> None:
    """Print the result."""
    table = Table("", "number")
    rows = {
        "events acknowledged": len(outcome.acknowledged),
        "batches sent again": outcome.retries,
        **{f"killed: {kind}": n for kind, n in sorted(outcome.kills.items())},
        "events in the archive": outcome.archived,
        "acknowledged and missing": outcome.missing,
        "present more than once": outcome.doubled,
        "seconds": round(outcome.seconds),
    }
    for name, number in rows.items():
        table.add_row(name, f"{number:,}")
    console = Console()
    console.print(table)
    console.print(
        "Every acknowledged event is archived once."
        if outcome.is_sound
        else "Events are lost or doubled."
    )
    if len(outcome.acknowledged) < plan.events:
        console.print(f"{plan.events - len(outcome.acknowledged)} events were never acknowledged.")


def main(
    out: Annotated[Path, typer.Option(help="Folder of bundles.")] = Path("out"),
    events: Annotated[int, typer.Option(help="Events to send.", min=1)] = 100_000,
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=1)] = 3,
    kills: Annotated[
        int, typer.Option(help="Kills of workers, and as many of the archiver.", min=0)
    ] = 10,
    seed: int = 1,
) -> None:
    """Kill processes at random while events come, and check that each is archived once."""
    plan = CrashPlan(
        events=events,
        workers=workers,
        worker_kills=kills,
        archiver_kills=kills,
        server_kills=-(-kills // 2),
        seed=seed,
    )
    with tempfile.TemporaryDirectory(prefix="recfunnel-crash-") as folder:
        outcome = run(out, Path(folder), plan)
    show(outcome, plan)
    raise typer.Exit(0 if outcome.is_sound else 1)


if __name__ == "__main__":
    typer.run(main)
