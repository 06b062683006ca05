"""Items that come and go under load: how soon a new one can be shown, that a deleted one never is.

``python -m benchmarks.live_items --out out`` starts a service with several workers, keeps all
busy with requests for lists, and asks each worker by itself. It ends with 1 when a list held an
item that was deleted before the list was asked for, or a new item took longer than the bound.
"""

import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import psutil  # type: ignore[import-untyped]
import typer
import uvloop
from rich.console import Console

from loadtest.connection import HttpConnection, HttpReply
from loadtest.service import run_service

MAX_DELAY = 1.0  # seconds from PUT until every worker can show the item
USERS = 943  # of MovieLens 100K
LIST_LENGTH = 100  # items of the lists asked for: what is deleted stands in many of them
CONNECTIONS_PER_WORKER = 2  # askers on each worker
MAX_CONNECTIONS = 400  # connections opened to reach every worker
POLL_INTERVAL = 0.002  # seconds between looks at whether a new item can be shown


@dataclass(frozen=True, slots=True)
class ChurnPlan:
    """How much comes and goes."""

    new: int = 200
    deleted: int = 200
    kill: bool = True  # one worker, half-way through what is deleted


@dataclass(slots=True)
class ChurnResult:
    """What was seen; times in seconds."""

    acknowledged: list[float] = field(default_factory=list)  # from PUT to its answer
    eligible: list[float] = field(default_factory=list)  # from PUT until every worker can show it
    deleted: list[float] = field(default_factory=list)  # from DELETE to its 204
    unconfirmed: int = 0  # changes answered with 503, and asked for again
    lists: int = 0  # answers with a list
    after: int = 0  # of them, asked for after the first item was deleted
    wrong: int = 0  # lists that held an item that was deleted before they were asked for
    crossed: int = 0  # lists under way at the 204 that held the item and came after it


class Lane:
    """One connection to one worker; connects to any worker again when that one is gone."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: HttpConnection | None = None

    async def ask(self, method: str, path: str, body: object = None) -> HttpReply:
        """Send a request, again on another connection when this one broke."""
        text = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        if text:
            head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        while True:
            with suppress(OSError):
                connection = self._connection = await self.connected()
                return await connection.send(f"{head}\r\n".encode() + text)
            await asyncio.sleep(0.01)

    async def connected(self) -> HttpConnection:
        """Give the open connection."""
        if self._connection is None or not self._connection.is_open:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(HttpConnection, "127.0.0.1", self._port)
            self._connection = made
        return self._connection

    def close(self) -> None:
        """End the connection."""
        if self._connection and self._connection.is_open:
            self._connection.close()

    async def place(self) -> int:
        """Give the port of this end, by which the worker at the other is known."""
        connection = await self.connected()
        name: tuple[str, int] = connection._transport.get_extra_info("sockname")
        return name[1]


class Churn:
    """One run against one service."""

    def __init__(self, url: str, process: int, plan: ChurnPlan, seed: int = 1) -> None:
        self._port = int(url.rpartition(":")[2])
        self._process = psutil.Process(process)
        self._plan = plan
        self._random = random.Random(seed)  # noqa: S311 - a load, not a secret
        self._gone: dict[str, float] = {}  # deleted items, and when that was answered
        self._is_over = False
        self._all: list[Lane] = []
        self._writer = self._lane()
        self.outcome = ChurnResult()

    async def run(self) -> ChurnResult:
        """Let items come, then go, while all workers are busy."""
        lanes = await self._lanes()
        busy = [asyncio.create_task(self._busy(lane)) for mine in lanes.values() for lane in mine]
        own = [(await self._lanes(1))[worker][0] for worker in lanes]
        for n in range(self._plan.new):
            await self._come(own, f"fresh-{n}")
        await self._go(self._writer)
        self._is_over = True
        await asyncio.gather(*busy)
        for lane in self._all:
            lane.close()
        await asyncio.sleep(0)  # that the connections end
        return self.outcome

    def _lane(self) -> Lane:
        self._all.append(Lane(self._port))
        return self._all[-1]

    def _workers(self) -> list[psutil.Process]:
        everyone: list[psutil.Process] = self._process.children(recursive=True)
        return [one for one in everyone if "spawn_main" in " ".join(one.cmdline())]

    async def _lanes(self, each: int = CONNECTIONS_PER_WORKER) -> dict[int, list[Lane]]:
        """Open connections until every worker has so many.

        Raises:
            RuntimeError: some worker takes none.
        """
        lanes: dict[int, list[Lane]] = {one.pid: [] for one in self._workers()}
        for _ in range(MAX_CONNECTIONS):
            lane = self._lane()
            place = await lane.place()
            await lane.ask("GET", "/healthz")
            mine = lanes.get(self._owner(place), [])
            if len(mine) < each:
                mine.append(lane)
            if all(len(found) >= each for found in lanes.values()):
                return lanes
        raise RuntimeError(
            f"{MAX_CONNECTIONS} connections did not reach every one of {len(lanes)} workers"
        )

    def _owner(self, place: int) -> int:
        for worker in self._workers():
            if any(c.raddr and c.raddr.port == place for c in worker.net_connections("tcp")):
                return int(worker.pid)
        return -1

    async def _busy(self, lane: Lane) -> None:
        """Ask for one list after another, and look for what must not be in them."""
        while not self._is_over:
            user, began = self._random.randint(1, USERS), time.monotonic()
            reply = await lane.ask("GET", f"/recommend?user_id={user}&k={LIST_LENGTH}")
            if reply.status == 200:  # noqa: PLR2004
                self._judge(reply.body, began)

    def _judge(self, body: bytes, began: float) -> None:
        listed = {item["item_id"] for item in orjson.loads(body)["items"]}
        moments = [self._gone[item] for item in listed & self._gone.keys()]
        self.outcome.lists += 1
        self.outcome.after += bool(self._gone)
        self.outcome.wrong += any(moment < began for moment in moments)
        self.outcome.crossed += any(moment >= began for moment in moments)

    async def _come(self, own: Sequence[Lane], item: str) -> None:
        """Put one item, and wait until each worker can show it."""
        told = {"title": f"A story of love {item}", "categories": ["Drama"], "released": 1998}
        began = time.monotonic()
        seen = [asyncio.create_task(_shown(lane, item)) for lane in own]
        await self._changed(self._writer, "PUT", item, told)
        self.outcome.acknowledged.append(time.monotonic() - began)
        await asyncio.gather(*seen)
        self.outcome.eligible.append(time.monotonic() - began)

    async def _go(self, lane: Lane) -> None:
        """Delete what stands in many lists, one item after another."""
        for n, item in enumerate(await self._popular(lane)):
            if self._plan.kill and n == self._plan.deleted // 2:
                self._workers()[-1].send_signal(signal.SIGKILL)
            began = time.monotonic()
            await self._changed(lane, "DELETE", item)
            self._gone[item] = time.monotonic()
            self.outcome.deleted.append(self._gone[item] - began)

    async def _popular(self, lane: Lane) -> list[str]:
        """Give what many lists hold, those in most of them first."""
        counts: dict[str, int] = {}
        for user in range(1, 31):
            reply = await lane.ask("GET", f"/recommend?user_id={user}&k={LIST_LENGTH}")
            for item in orjson.loads(reply.body)["items"]:
                counts[item["item_id"]] = counts.get(item["item_id"], 0) + 1
        return sorted(counts, key=lambda item: -counts[item])[: self._plan.deleted]

    async def _changed(self, lane: Lane, method: str, item: str, told: object = None) -> None:
        while True:
            reply = await lane.ask(method, f"/items/{item}", told)
            if reply.status < 300:  # noqa: PLR2004
                return
            if reply.status != 503:  # noqa: PLR2004
                raise RuntimeError(f"{method} {item}: {reply.status} {reply.body[:300].decode()}")
            self.outcome.unconfirmed += 1


async def _shown(lane: Lane, item: str) -> None:
    """Ask one worker until it can show the item."""
    path = f"/recommend?user_id=1&k=1&filter=item_id=='{item}'".replace("'", "%22")
    while True:
        reply = await lane.ask("GET", path)
        if reply.status == 200 and orjson.loads(reply.body)["items"]:  # noqa: PLR2004
            return
        await asyncio.sleep(POLL_INTERVAL)


def describe(outcome: ChurnResult) -> Iterator[str]:
    """Say what came out."""
    for what, times in (
        ("PUT to its answer", outcome.acknowledged),
        ("PUT until every worker can show the item", outcome.eligible),
        ("DELETE to its 204", outcome.deleted),
    ):
        if times:
            p50, p99 = np.percentile(times, [50, 99]) * 1000
            yield f"{what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {max(times) * 1000:.0f} ms"
    yield (
        f"{outcome.lists} lists of {LIST_LENGTH}, {outcome.after} after the first deletion: "
        f"{outcome.wrong} held an item deleted before they were asked for, {outcome.crossed} one "
        f"deleted while they were made; {outcome.unconfirmed} changes had to be asked for again"
    )


def main(
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("out"),
    workers: Annotated[int, typer.Option(min=2)] = 3,
    new: Annotated[int, typer.Option(help="Items to put.", min=0)] = 200,
    deleted: Annotated[int, typer.Option(help="Items to delete.", min=0)] = 200,
    *,
    kill: Annotated[bool, typer.Option(help="A worker, half-way.")] = True,
) -> None:
    """Let items come and go under load; exit with 1 when one is shown that must not be."""
    console = Console()
    with run_service(out, workers=workers) as own:
        outcome = uvloop.run(Churn(own.url, own.process, ChurnPlan(new, deleted, kill)).run())
    for line in describe(outcome):
        console.print(line, highlight=False, soft_wrap=True)
    if outcome.wrong or max(outcome.eligible, default=0.0) > MAX_DELAY:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
