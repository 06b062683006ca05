"""``python -m benchmarks.fairness``: one client with many connections beside a light one.

Both ask for lists, each with a key of its own. The light one must get all of its lists.
"""

import asyncio
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from loadtest.connection import HttpClient
from loadtest.service import run_service
from loadtest.traffic import HttpCall

OK = 200
LIGHT_PAUSE = 0.05  # seconds between two requests of the light client, and after a refusal
KEYS = {"heavy": "heavy-key-of-the-load-test-000001", "light": "light-key-of-the-load-test-000002"}
SETTINGS = {
    "RECFUNNEL_API_KEYS": ";".join(f"{name} read,write {key}" for name, key in KEYS.items())
}


@dataclass(frozen=True, slots=True)
class FairnessResult:
    """The statuses of the answers to each client; 0: none."""

    heavy: Counter[int] = field(default_factory=Counter)
    light: Counter[int] = field(default_factory=Counter)


def answered_share(statuses: Counter[int]) -> float:
    """Return the share of the requests that got a list."""
    return statuses[OK] / max(statuses.total(), 1)


async def measure(url: str, connections: int, seconds: float) -> FairnessResult:
    """Let the heavy client send on all connections, and the light one now and then."""
    result = FairnessResult()
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def ask(name: str, n: int, pause: float) -> None:
        client = HttpClient(url, timeout=30.0, headers={"X-API-Key": KEYS[name]})
        statuses: Counter[int] = getattr(result, name)
        while loop.time() < end:
            status = 0
            with suppress(OSError):
                call = HttpCall("list", "GET", f"/recommend?user_id={n % 900 + 1}&k=10")
                status = (await client.send(call)).status
            statuses[status] += 1
            n += 1
            await asyncio.sleep(pause if status == OK else LIGHT_PAUSE)
        client.close()

    await asyncio.gather(
        ask("light", 1, LIGHT_PAUSE), *(ask("heavy", 7 * n, 0.0) for n in range(connections))
    )
    return result


def main(
    out: Annotated[Path, typer.Option(help="Folder of bundles.")] = Path("out"),
    connections: Annotated[int, typer.Option(help="Of the heavy client.", min=1)] = 30,
    seconds: Annotated[float, typer.Option(help="Length of the test.", min=1.0)] = 30.0,
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=1)] = 1,
) -> None:
    """Exit with 1 if the light client is refused a list."""
    with run_service(out, workers=workers, settings=SETTINGS) as service:
        result = uvloop.run(measure(service.url, connections, seconds))
    table = Table("client", "requests", "lists", "refused", "no answer")
    for name in KEYS:
        statuses: Counter[int] = getattr(result, name)
        numbers = (statuses.total(), statuses[OK], statuses[503], statuses[0])
        table.add_row(name, *map(str, numbers))
    Console().print(table)
    if answered_share(result.light) < 1.0:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
