"""How live it is: a real service of several workers, real users who click, over HTTP.

    python -m benchmarks.live_events --out out

Of each user: a list, a click on one of its items, the list again as soon as the click is
acknowledged. Then, of many clicks: how long until each worker's counts know of it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import psutil  # type: ignore[import-untyped]
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from loadtest.connection import HttpConnection
from loadtest.service import ServiceProcess, run_service

K = 10
PERSISTENCE = 0.9  # of rank-biased overlap: the first ten places are 86 % of it
SEED = 7
MAX_DELAY = 10.0  # seconds for a click to be seen
OK, ACCEPTED = 200, 202
console = Console()


@dataclass(frozen=True, slots=True)
class ClickResult:
    """One user's lists around a click."""

    is_gone: bool  # the clicked item is not in the next list
    is_changed: bool  # the next list is not the one before without the clicked item
    overlap: float  # rank-biased, of the two lists
    is_whole: bool  # the next list names nothing that came too late for it


def compute_overlap(one: Sequence[str], other: Sequence[str], p: float = PERSISTENCE) -> float:
    """Give the rank-biased overlap of two lists of one length, 0 to 1.

    Webber, Moffat, Zobel: A similarity measure for indefinite rankings, 2010, eq. 30 (``RBO_ext``).
    """
    depth = min(len(one), len(other))
    if not depth:
        return 1.0
    agreed = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, depth + 1)]
    seen = sum(a * p**d for d, a in enumerate(agreed, 1))
    return agreed[-1] * p**depth + (1 - p) / p * seen


class WorkerConnection:
    """One connection to one worker."""

    def __init__(self, connection: HttpConnection, host: str) -> None:
        self._connection = connection
        self._host = host

    @classmethod
    async def open(cls, own: ServiceProcess) -> "WorkerConnection":
        """Connect; the kernel chooses the worker."""
        host, port = own.url.removeprefix("http://").split(":")
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(HttpConnection, host, int(port))
        return cls(connection, f"{host}:{port}")

    async def _asked(self, what: str, body: bytes) -> Any:
        """Ask, and give the answer.

        Raises:
            RuntimeError: it is refused.
        """
        head = f"{what} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        sent = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        reply = await self._connection.send(sent)
        if reply.status not in {OK, ACCEPTED}:
            raise RuntimeError(f"{what} was answered by {reply.status}: {reply.body.decode()}")
        return orjson.loads(reply.body)

    async def list(self, user: str) -> list[str]:
        """Ask for a user's list, without exploration."""
        items, _ = await self.answer(user)
        return [*items]

    async def answer(self, user: str) -> tuple[Sequence[str], bool]:
        """Ask for a user's list, and whether nothing was left out of its making."""
        body = {"user_id": user, "k": K, "explore": False}
        told = await self._asked("POST /recommend", orjson.dumps(body))
        return [item["item_id"] for item in told["items"]], not told["degraded"]

    async def count(self, item: str) -> float:
        """Ask how many likes of an item the worker knows."""
        told = await self._asked(f"GET /items/{item}/counts", b"")
        return float(told["liked"])

    async def click(self, user: str, item: str) -> None:
        """Tell of a click, and wait until it is acknowledged."""
        await self._asked("POST /events", orjson.dumps({"user_id": user, "item_id": item}))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


async def measure_click(own: ServiceProcess, user: str, choice: int) -> ClickResult:
    """Let a user click; each request goes to whatever worker the kernel chooses."""
    askings = [await WorkerConnection.open(own) for _ in range(3)]
    before = await askings[0].list(user)
    item = before[choice % len(before)]
    await askings[1].click(user, item)
    after, is_whole = await askings[2].answer(user)
    for asking in askings:
        asking.close()
    left = [one for one in before if one != item]
    is_changed = after[: len(left)] != left
    return ClickResult(item not in after, is_changed, compute_overlap(before, after), is_whole)


async def connect_to_each_worker(own: ServiceProcess, workers: int) -> list[WorkerConnection]:
    """Open one connection to each worker."""
    found: dict[int, WorkerConnection] = {}
    while len(found) < workers:
        asking = await WorkerConnection.open(own)
        await asking.list("nobody")  # only now the worker has taken the connection
        port = asking._connection._transport.get_extra_info("sockname")[1]
        found.setdefault(_owner(own, port), asking)
    return list(found.values())


def _owner(own: ServiceProcess, port: int) -> int:
    """Give the process that has the other end of a connection from this port."""
    for process in psutil.Process(own.process).children(recursive=True):
        if any(link.raddr and link.raddr.port == port for link in process.net_connections("tcp")):
            return int(process.pid)
    return own.process


async def measure_delays(workers: Sequence[WorkerConnection], item: str, times: int) -> list[float]:
    """Click so many times through one worker; give the seconds until each other one knows."""
    found: list[float] = []
    for n in track(range(times), "Clicks seen by other workers", console=console):
        teller, *others = [*workers[n % len(workers) :], *workers[: n % len(workers)]]
        known = await asyncio.gather(*(other.count(item) for other in others))
        await teller.click(f"clicker-{n}", item)
        since = time.monotonic()
        found += await asyncio.gather(*map(_until_known, others, known, [item] * 9, [since] * 9))
    return found


async def _until_known(worker: WorkerConnection, known: float, item: str, since: float) -> float:
    while await worker.count(item) <= known:
        if time.monotonic() - since > MAX_DELAY:
            raise TimeoutError(f"a worker did not know of a click within {MAX_DELAY:.0f} s")
        await asyncio.sleep(0.002)
    return time.monotonic() - since


async def measure(
    own: ServiceProcess, bundle: Bundle, workers: int, users: int, clicks: int
) -> None:
    """Measure and print."""
    ids = bundle.models.users.ids
    names = ids.names(np.arange(min(users, len(ids))))
    names += [f"newcomer-{n}" for n in range(users - len(names))]
    choices = np.random.default_rng(SEED).integers(0, K, len(names)).tolist()
    pairs = list(zip(names, choices, strict=True))
    done = [
        await measure_click(own, name, choice)
        for name, choice in track(pairs, "Users who click", console=console)
    ]
    askings = await connect_to_each_worker(own, workers)
    item = (await askings[0].list("nobody"))[0]
    seconds = await measure_delays(askings, item, clicks)
    show(done, seconds, workers)


def show(done: Sequence[ClickResult], seconds: Sequence[float], workers: int) -> None:
    """Print what was measured."""
    table = Table(title=f"{len(done)} users, {workers} workers", show_header=False)
    shares = [np.mean([click.is_gone for click in done]), np.mean([c.is_changed for c in done])]
    table.add_row("the clicked item is not in the next list", f"{shares[0]:.1%}")
    whole = [click for click in done if click.is_whole]
    cut = len(done) - len(whole)
    table.add_row("next lists that the clock cut short, and say so", f"{cut}")
    table.add_row("the clicked item is in another", f"{sum(not click.is_gone for click in whole)}")
    table.add_row("the next list is changed beyond that", f"{shares[1]:.1%}")
    table.add_row("rank-biased overlap of the lists", f"{np.mean([c.overlap for c in done]):.3f}")
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    table.add_row("202 to counted in every other worker, p50", f"{p50:.0f} ms")
    table.add_row(f"the same, p99 of {len(seconds)}", f"{p99:.0f} ms")
    console.print(table)


def main(
    out: Annotated[Path, typer.Option(help="Folder of bundles.")] = Path("out"),
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=2)] = 3,
    users: Annotated[int, typer.Option(help="Users who click.", min=1)] = 1_000,
    clicks: Annotated[int, typer.Option(help="Clicks that others wait for.", min=1)] = 200,
) -> None:
    """Measure read-your-writes and how soon other workers know; the service is our own."""
    with run_service(out, workers=workers) as own:
        asyncio.run(measure(own, load_bundle(find_current_bundle(out)), workers, users, clicks))


if __name__ == "__main__":
    typer.run(main)
