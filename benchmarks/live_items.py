"""Items that come and go under load: new ones become showable soon, deleted ones are never shown.

    python -m benchmarks.live_items --out out

Starts a service with several workers, keeps all of them busy with requests for lists, and looks at
each worker by itself. The exit code is 1 when a list holds an item that was deleted before the list
was requested, or when a new item takes longer than ``MAX_DELAY``.
"""

import asyncio
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
import uvloop
from rich.console import Console

from benchmarks.worker_connections import WorkerConnection, connect_to_workers
from loadtest.service import ServiceProcess, list_workers, run_service

MAX_DELAY = 1.0  # seconds from PUT until every worker can show the item
USERS = 943  # of MovieLens 100K
LIST_LENGTH = 100  # items of the lists, so that a deleted item is in many of them
CONNECTIONS_PER_WORKER = 2  # that keep it busy
POLL_INTERVAL = 0.002  # seconds
OK, UNAVAILABLE, FIRST_ERROR = 200, 503, 300  # HTTP statuses


@dataclass(frozen=True, slots=True)
class ChurnPlan:
    """How many items come and go."""

    new: int = 200
    deleted: int = 200
    kill: bool = True  # one worker, after half of the deletions


@dataclass(slots=True)
class ChurnResult:
    """What happened. Times are in seconds."""

    acknowledged: list[float] = field(default_factory=list)  # from PUT to its answer
    eligible: list[float] = field(default_factory=list)  # from PUT until every worker can show it
    deleted: list[float] = field(default_factory=list)  # from DELETE to its 204
    unconfirmed: int = 0  # changes answered with 503, and sent again
    lists: int = 0  # answers with a list
    after: int = 0  # of them, requested after the first deletion
    wrong: int = 0  # lists with an item that was deleted before the request
    crossed: int = 0  # lists with an item that was deleted during the request


class ItemChurn:
    """One run against one service."""

    def __init__(self, service: ServiceProcess, plan: ChurnPlan, seed: int = 1) -> None:
        self._service = service
        self._plan = plan
        self._random = random.Random(seed)  # noqa: S311 - a load, not a secret
        self._deleted_at: dict[str, float] = {}  # item -> when its deletion was answered
        self._is_over = False
        self._writer = WorkerConnection(service)
        self.result = ChurnResult()

    async def run(self) -> ChurnResult:
        """Add items, then delete items, while all workers are busy."""
        busy = await self._connect(CONNECTIONS_PER_WORKER)
        load = [asyncio.create_task(self._request_lists(connection)) for connection in busy]
        observers = await self._connect(1)
        for n in range(self._plan.new):
            await self._put(observers, f"fresh-{n}")
        await self._delete_items()
        self._is_over = True
        await asyncio.gather(*load)
        for connection in (*busy, *observers, self._writer):
            connection.close()
        await asyncio.sleep(0)  # lets the connections end
        return self.result

    async def _connect(self, each: int) -> list[WorkerConnection]:
        connections = await connect_to_workers(self._service, each)
        return [one for of_worker in connections.values() for one in of_worker]

    async def _request_lists(self, connection: WorkerConnection) -> None:
        """Request one list after another, and look for deleted items in them."""
        while not self._is_over:
            user, sent = self._random.randint(1, USERS), time.monotonic()
            path = f"/recommend?user_id={user}&k={LIST_LENGTH}"
            reply = await connection.send("GET", path)
            if reply.status == OK:
                self._check(reply.body, sent)

    def _check(self, body: bytes, sent: float) -> None:
        listed = {item["item_id"] for item in orjson.loads(body)["items"]}
        moments = [self._deleted_at[item] for item in listed & self._deleted_at.keys()]
        self.result.lists += 1
        self.result.after += bool(self._deleted_at)
        self.result.wrong += any(moment < sent for moment in moments)
        self.result.crossed += any(moment >= sent for moment in moments)

    async def _put(self, observers: Sequence[WorkerConnection], item: str) -> None:
        """Put one item, and wait until each worker can show it."""
        body = {"title": f"A story of love {item}", "categories": ["Drama"], "released": 1998}
        sent = time.monotonic()
        shown = [asyncio.create_task(_wait_until_shown(one, item)) for one in observers]
        await self._change("PUT", item, body)
        self.result.acknowledged.append(time.monotonic() - sent)
        await asyncio.gather(*shown)
        self.result.eligible.append(time.monotonic() - sent)

    async def _delete_items(self) -> None:
        """Delete items that are in many lists, one after another."""
        for n, item in enumerate(await self._most_listed()):
            if self._plan.kill and n == self._plan.deleted // 2:
                list_workers(self._service.process)[-1].send_signal(signal.SIGKILL)
            sent = time.monotonic()
            await self._change("DELETE", item)
            self._deleted_at[item] = time.monotonic()
            self.result.deleted.append(self._deleted_at[item] - sent)

    async def _most_listed(self) -> list[str]:
        """Return the items of many lists, those in most of them first."""
        counts: dict[str, int] = {}
        for user in range(1, 31):
            path = f"/recommend?user_id={user}&k={LIST_LENGTH}"
            reply = await self._writer.send("GET", path)
            for item in orjson.loads(reply.body)["items"]:
                counts[item["item_id"]] = counts.get(item["item_id"], 0) + 1
        return sorted(counts, key=lambda item: -counts[item])[: self._plan.deleted]

    async def _change(self, method: str, item: str, body: object = None) -> None:
        while True:
            reply = await self._writer.send(method, f"/items/{item}", body)
            if reply.status < FIRST_ERROR:
                return
            if reply.status != UNAVAILABLE:
                raise RuntimeError(f"{method} {item}: {reply.status} {reply.body[:300].decode()}")
            self.result.unconfirmed += 1


async def _wait_until_shown(connection: WorkerConnection, item: str) -> None:
    path = f"/recommend?user_id=1&k=1&filter=item_id=='{item}'".replace("'", "%22")
    while True:
        reply = await connection.send("GET", path)
        if reply.status == OK and orjson.loads(reply.body)["items"]:
            return
        await asyncio.sleep(POLL_INTERVAL)


def describe(result: ChurnResult) -> Iterator[str]:
    """Yield the lines of the result."""
    for name, times in (
        ("PUT to its answer", result.acknowledged),
        ("PUT until every worker can show the item", result.eligible),
        ("DELETE to its 204", result.deleted),
    ):
        if times:
            p50, p99 = np.percentile(times, [50, 99]) * 1000
            yield f"{name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {max(times) * 1000:.0f} ms"
    yield (
        f"{result.lists} lists of {LIST_LENGTH}, {result.after} after the first deletion: "
        f"{result.wrong} held an item deleted before the request, {result.crossed} one deleted "
        f"during the request; {result.unconfirmed} changes had to be sent again"
    )


def main(
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("out"),
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=2)] = 3,
    new: Annotated[int, typer.Option(help="Items to put.", min=0)] = 200,
    deleted: Annotated[int, typer.Option(help="Items to delete.", min=0)] = 200,
    *,
    kill: Annotated[bool, typer.Option(help="Kill a worker half-way.")] = True,
) -> None:
    """Add and delete items under load; exit with 1 when a deleted item is shown."""
    console = Console()
    with run_service(out, workers=workers) as service:
        result = uvloop.run(ItemChurn(service, ChurnPlan(new, deleted, kill)).run())
    for line in describe(result):
        console.print(line, highlight=False, soft_wrap=True)
    if result.wrong or max(result.eligible, default=0.0) > MAX_DELAY:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
