"""The delay of live events: a real service with several workers, and users who click, over HTTP.

    python -m benchmarks.live_events --out out

For each user: request a list, click on one of its items, request the list again as soon as the
click is acknowledged. Then, for many clicks: measure the time until each worker's counts have it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from benchmarks.worker_connections import WorkerConnection, connect_to_workers
from loadtest.service import ServiceProcess, run_service

K = 10
PERSISTENCE = 0.9  # of rank-biased overlap: the first ten positions have 86 % of the weight
SEED = 7
MAX_DELAY = 10.0  # seconds until a worker must have a click
POLL_INTERVAL = 0.002  # seconds
OK, ACCEPTED = 200, 202
console = Console()


@dataclass(frozen=True, slots=True)
class ClickResult:
    """One user's lists before and after a click."""

    is_gone: bool  # the clicked item is not in the next list
    is_changed: bool  # the next list is not the first one without the clicked item
    overlap: float  # rank-biased, of the two lists
    is_whole: bool  # the next list is not degraded


def compute_overlap(one: Sequence[str], other: Sequence[str], p: float = PERSISTENCE) -> float:
    """Return the rank-biased overlap of two lists of one length, 0 to 1.

    Webber, Moffat, Zobel: A similarity measure for indefinite rankings, 2010, eq. 30 (``RBO_ext``).
    """
    depth = min(len(one), len(other))
    if not depth:
        return 1.0
    agreement = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, depth + 1)]
    seen = sum(a * p**d for d, a in enumerate(agreement, 1))
    return agreement[-1] * p**depth + (1 - p) / p * seen


async def request_list(connection: WorkerConnection, user: str) -> tuple[list[str], bool]:
    """Request a user's list without exploration; return its items, and whether it is whole."""
    body = {"user_id": user, "k": K, "explore": False}
    answer = await _request(connection, "POST", "/recommend", body)
    return [item["item_id"] for item in answer["items"]], not answer["degraded"]


async def request_likes(connection: WorkerConnection, item: str) -> float:
    """Request the number of likes of an item that the worker has counted."""
    answer = await _request(connection, "GET", f"/items/{item}/counts")
    return float(answer["liked"])


async def click(connection: WorkerConnection, user: str, item: str) -> None:
    """Send a click, and wait until it is acknowledged."""
    await _request(connection, "POST", "/events", {"user_id": user, "item_id": item})


async def _request(
    connection: WorkerConnection, method: str, path: str, body: object = None
) -> Any:
    reply = await connection.send(method, path, body)
    if reply.status not in {OK, ACCEPTED}:
        raise RuntimeError(f"{method} {path}: status {reply.status}, {reply.body.decode()}")
    return orjson.loads(reply.body)


async def measure_click(service: ServiceProcess, user: str, choice: int) -> ClickResult:
    """Let a user click. Each request goes to the worker that the kernel chooses."""
    connections = [WorkerConnection(service) for _ in range(3)]
    before, _ = await request_list(connections[0], user)
    item = before[choice % len(before)]
    await click(connections[1], user, item)
    after, is_whole = await request_list(connections[2], user)
    for connection in connections:
        connection.close()
    others = [one for one in before if one != item]
    is_changed = after[: len(others)] != others
    return ClickResult(item not in after, is_changed, compute_overlap(before, after), is_whole)


async def measure_delays(workers: Sequence[WorkerConnection], item: str, n: int) -> list[float]:
    """Click ``n`` times, through one worker each; return the seconds until each other has it."""
    seconds: list[float] = []
    for number in track(range(n), "Clicks seen by other workers", console=console):
        start = number % len(workers)
        sender, *others = [*workers[start:], *workers[:start]]
        counts = await asyncio.gather(*(request_likes(other, item) for other in others))
        await click(sender, f"clicker-{number}", item)
        since = time.monotonic()
        pairs = zip(others, counts, strict=True)
        seconds += await asyncio.gather(
            *(_wait_for_click(other, item, count, since) for other, count in pairs)
        )
    return seconds


async def _wait_for_click(worker: WorkerConnection, item: str, count: float, since: float) -> float:
    while await request_likes(worker, item) <= count:
        if time.monotonic() - since > MAX_DELAY:
            raise TimeoutError(f"a worker did not count a click within {MAX_DELAY:.0f} s")
        await asyncio.sleep(POLL_INTERVAL)
    return time.monotonic() - since


async def measure(service: ServiceProcess, bundle: Bundle, users: int, clicks: int) -> None:
    """Measure, and print the result."""
    ids = bundle.models.users.ids
    names = ids.names(np.arange(min(users, len(ids))))
    names += [f"newcomer-{n}" for n in range(users - len(names))]
    choices = np.random.default_rng(SEED).integers(0, K, len(names)).tolist()
    pairs = list(zip(names, choices, strict=True))
    results = [
        await measure_click(service, name, choice)
        for name, choice in track(pairs, "Users who click", console=console)
    ]
    connections = await connect_to_workers(service)
    workers = [connection for (connection,) in connections.values()]
    items, _ = await request_list(workers[0], "nobody")
    print_result(results, await measure_delays(workers, items[0], clicks), len(workers))


def print_result(results: Sequence[ClickResult], seconds: Sequence[float], workers: int) -> None:
    """Print the shares of the clicks, and the delays."""
    table = Table(title=f"{len(results)} users, {workers} workers", show_header=False)
    gone, changed, overlap = np.mean(
        [(one.is_gone, one.is_changed, one.overlap) for one in results], axis=0
    )
    whole = [one for one in results if one.is_whole]
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    for name, value in (
        ("the clicked item is not in the next list", f"{gone:.1%}"),
        ("next lists that the clock cut short, as they say", f"{len(results) - len(whole)}"),
        ("other next lists with the clicked item", f"{sum(not one.is_gone for one in whole)}"),
        ("the next list is changed beyond that", f"{changed:.1%}"),
        ("rank-biased overlap of the lists", f"{overlap:.3f}"),
        ("202 to counted in every other worker, p50", f"{p50:.0f} ms"),
        (f"the same, p99 of {len(seconds)}", f"{p99:.0f} ms"),
    ):
        table.add_row(name, value)
    console.print(table)


def main(
    out: Annotated[Path, typer.Option(help="Folder of bundles.")] = Path("out"),
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=2)] = 3,
    users: Annotated[int, typer.Option(help="Users who click.", min=1)] = 1_000,
    clicks: Annotated[int, typer.Option(help="Clicks that other workers wait for.", min=1)] = 200,
) -> None:
    """Measure when a user's next list has a click, and when other workers count it."""
    with run_service(out, workers=workers) as service:
        asyncio.run(measure(service, load_bundle(find_current_bundle(out)), users, clicks))


if __name__ == "__main__":
    typer.run(main)
