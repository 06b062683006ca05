"""``python -m benchmarks.container_memory``: does a running composition keep its memory limits?

Sends three times as many requests as the service can answer, and the events that follow from the
lists, while it reads what each container uses. No container may be ended or near its limit.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import orjson
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from loadtest.connection import HttpClient
from loadtest.open_loop import OpenLoop, OpenLoopPlan
from loadtest.report import LoadSummary
from loadtest.traffic import Traffic

OVERLOAD = 3.0  # times the rate that the service can answer
CLIENTS, TRIAL_SECONDS = 8, 5.0  # of the closed loop that finds this rate
MAX_SHARE = 0.9  # of a limit: the system reclaims memory above it
OK = 200
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True, slots=True)
class ContainerMemory:
    """What a container of the composition has used so far."""

    service: str
    peak: float  # bytes, without the cache of files, as ``docker stats`` counts them
    limit: float  # bytes
    restarts: int = 0
    was_killed: bool = False  # by the system, for want of memory

    @property
    def is_within(self) -> bool:
        return not self.restarts and not self.was_killed and self.peak <= MAX_SHARE * self.limit


def docker(*arguments: str) -> str:
    """Return what ``docker`` prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return done.stdout


def parse_size(text: str) -> float:
    """Return the bytes of a size such as ``12.5MiB``."""
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * UNITS[unit]


def parse_usage(stats: str) -> dict[str, tuple[float, float]]:
    """Return (used, limit) in bytes by container, from lines of ``docker stats`` in JSON."""
    usage = {}
    for line in stats.splitlines():
        row = orjson.loads(line)
        used, limit = row["MemUsage"].split(" / ")
        usage[row["Name"]] = parse_size(used), parse_size(limit)
    return usage


def containers_of(project: str) -> dict[str, str]:
    """Return the service of each running container, by the container's name."""
    label = "com.docker.compose"
    listing = ("ps", "--filter", f"label={label}.project", "--format")
    rows = docker(*listing, f'{{{{.Names}}}} {{{{.Label "{label}.service"}}}}').splitlines()
    return {name: service for name, service in map(str.split, rows) if name.startswith(project)}


async def watch(services: dict[str, str], until: asyncio.Event) -> list[ContainerMemory]:
    """Read what the containers use until the event is set, and return the peaks."""
    peaks: dict[str, ContainerMemory] = {}
    while not until.is_set():
        stats = await asyncio.to_thread(
            docker, "stats", "--no-stream", "--format", "{{json .}}", *services
        )
        for name, (used, limit) in parse_usage(stats).items():
            before = peaks.get(name, ContainerMemory(services[name], 0.0, limit))
            peaks[name] = replace(before, peak=max(before.peak, used))
    return [_with_ends(name, one) for name, one in peaks.items()]


def _with_ends(name: str, memory: ContainerMemory) -> ContainerMemory:
    state = orjson.loads(docker("inspect", name))[0]
    killed = bool(state["State"]["OOMKilled"])
    return replace(memory, restarts=int(state["RestartCount"]), was_killed=killed)


async def find_rate(url: str, key: str) -> float:
    """Return the lists a second that a few clients get."""
    client, traffic = HttpClient(url, headers={"X-API-Key": key}), Traffic()
    loop = asyncio.get_running_loop()
    end, lists = loop.time() + TRIAL_SECONDS, 0

    async def run_client() -> None:
        nonlocal lists
        while loop.time() < end:
            reply = await client.send(traffic.next_trained_user())
            lists += reply.status == OK

    await asyncio.gather(*(run_client() for _ in range(CLIENTS)))
    client.close()
    return lists / TRIAL_SECONDS


async def measure(
    url: str, key: str, services: dict[str, str], seconds: float
) -> tuple[float, LoadSummary, list[ContainerMemory]]:
    """Return the rate that was sent, what came of it, and what the containers used."""
    rate = OVERLOAD * await find_rate(url, key)
    has_ended = asyncio.Event()
    watching = asyncio.create_task(watch(services, has_ended))
    headers = {"X-API-Key": key}
    summary = await OpenLoop(url, OpenLoopPlan(rate, seconds), headers=headers).run()
    has_ended.set()
    return rate, summary, await watching


def show(memories: Sequence[ContainerMemory], console: Console) -> bool:
    """Print a row for each container; return whether all kept their limits."""
    table = Table("container", "peak", "limit", "share", "restarts", "")
    for one in sorted(memories, key=lambda one: one.service):
        sizes = (f"{one.peak / 2**20:,.0f} MiB", f"{one.limit / 2**20:,.0f} MiB")
        share = f"{one.peak / one.limit:.0%}"
        verdict = "within" if one.is_within else "TOO MUCH"
        table.add_row(one.service, *sizes, share, str(one.restarts), verdict)
    console.print(table)
    return bool(memories) and all(one.is_within for one in memories)


def main(
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8000",
    seconds: Annotated[float, typer.Option(help="Length of the load.", min=1)] = 120.0,
    project: Annotated[str, typer.Option(help="Begin of the containers' names.")] = "",
) -> None:
    """Exit with 1 if a container was ended, or used more than 90 % of its limit."""
    services = containers_of(project)
    app = next(name for name, service in services.items() if service == "app")
    key = docker("exec", app, "cat", "/secrets/app/admin.key").strip()
    rate, summary, memories = uvloop.run(measure(url, key, services, seconds))
    console = Console()
    console.print(
        f"{rate:.0f} requests a second for {seconds:.0f} s: {summary.requests:,} requests, "
        f"{summary.failures:,} refused or failed"
    )
    for reason, n in summary.reasons.items():
        console.print(f"{n} x {reason}", markup=False)
    if not show(memories, console):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
