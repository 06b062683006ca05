"""``python -m benchmarks.soak``: half an hour of load; memory, descriptors and keys must stay flat.

The load is steady: known users and anonymous ones, so that after some minutes no new key is due in
Redis. The streams are bounded to the least that the settings allow, so that they fill at once.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import psutil  # type: ignore[import-untyped]
import redis
import typer
import uvloop
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from typing_extensions import override

from loadtest.open_loop import OpenLoop, OpenLoopPlan
from loadtest.report import LoadSummary
from loadtest.service import ServiceProcess, run_service
from loadtest.traffic import HttpCall, Traffic

SETTINGS = {"RECFUNNEL_STREAM_LIMIT": "1000", "RECFUNNEL_SERVED_LIMIT": "100"}
MIB = 2**20
HOUR = 3_600.0  # seconds
WARM_UP_SHARE = 1 / 3  # of the samples: caches fill, and every user gets their keys
MAX_GROWTH = 0.05  # of a figure's mean in an hour, after the warm-up
SLACK = {"memory": 12.0, "descriptors": 4.0, "keys": 20.0}  # growth in an hour that is no leak


class SteadyTraffic(Traffic):
    """The usual mix without users that are seen only once."""

    @override
    def next_request(self) -> HttpCall:
        while True:
            call = super().next_request()
            if call.kind != "new":
                return call


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service used at one moment."""

    at: float  # seconds since the start
    memory: dict[str, float]  # MiB, proportional share (PSS), by process
    descriptors: int  # of all processes, without connections over TCP: those are the client's
    keys: int
    redis_memory: float  # MiB, as Redis counts it


@dataclass(frozen=True, slots=True)
class Trend:
    """How a figure changes after the warm-up."""

    first: float
    last: float
    mean: float
    growth: float  # in an hour, by the least squares of the samples
    is_flat: bool


def take_sample(service: ServiceProcess, link: "redis.Redis", began: float) -> Sample:
    """Read what the processes of the service and its Redis use now."""
    parent = psutil.Process(service.process)
    memory, descriptors = {}, 0
    for n, process in enumerate([parent, *parent.children(recursive=True)]):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            role = "parent" if not n else f"{process.name()} {process.pid}"
            memory[role] = process.memory_full_info().pss / MIB
            descriptors += process.num_fds() - len(process.net_connections("tcp"))
    info = link.info("memory")
    used = info["used_memory"] / MIB
    return Sample(time.monotonic() - began, memory, descriptors, link.dbsize(), used)


def trend(times: NDArray[np.float64], values: NDArray[np.float64], slack: float) -> Trend:
    """Return how a figure changes; it is flat if it grows less than the slack or 5 % an hour."""
    kept = times >= times[-1] * WARM_UP_SHARE
    times, values = times[kept], values[kept]
    growth = float(np.polyfit(times, values, 1)[0] * HOUR) if len(times) > 1 else 0.0
    mean = float(values.mean())
    bound = max(slack, MAX_GROWTH * mean)
    return Trend(float(values[0]), float(values[-1]), mean, growth, growth <= bound)


def find_trends(samples: Sequence[Sample]) -> dict[str, Trend]:
    """Return the trend of each figure, of the memory of all processes together too."""
    times = np.array([sample.at for sample in samples])

    def of(values: list[float], slack: float) -> Trend:
        return trend(times, np.array(values, np.float64), slack)

    always = [
        name for name in samples[0].memory if all(name in sample.memory for sample in samples)
    ]
    trends = {
        f"MiB of {name}": of([sample.memory[name] for sample in samples], SLACK["memory"])
        for name in always
    }
    whole = [sum(sample.memory.values()) for sample in samples]
    return trends | {
        "MiB of all processes": of(whole, SLACK["memory"]),
        "descriptors": of([sample.descriptors for sample in samples], SLACK["descriptors"]),
        "keys in Redis": of([sample.keys for sample in samples], SLACK["keys"]),
        "MiB in Redis": of([sample.redis_memory for sample in samples], SLACK["memory"]),
    }


async def soak(
    service: ServiceProcess, plan: OpenLoopPlan, every: float
) -> tuple[LoadSummary, list[Sample]]:
    """Send the load, and take a sample every so many seconds."""
    began, samples = time.monotonic(), []
    with redis.Redis.from_url(service.redis_url) as link:
        load = asyncio.create_task(OpenLoop(service.url, plan, SteadyTraffic(plan.seed)).run())
        while not load.done():
            await asyncio.wait([load], timeout=every)
            samples.append(await asyncio.to_thread(take_sample, service, link, began))
    return await load, samples


def show(summary: LoadSummary, trends: dict[str, Trend], console: Console) -> bool:
    """Print the figures; return whether all are flat and every request was answered."""
    table = Table("", "after the warm-up", "at the end", "growth an hour", "")
    for name, one in trends.items():
        numbers = (f"{one.first:,.1f}", f"{one.last:,.1f}", f"{one.growth:+,.1f}")
        table.add_row(name, *numbers, "flat" if one.is_flat else "GROWS")
    console.print(table)
    console.print(
        f"{summary.requests:,} requests, {summary.failures} failed, {summary.rate:.1f} a second, "
        f"{summary.degraded:.2%} degraded, p50 {summary.p50:.1f} ms, p99 {summary.p99:.1f} ms"
    )
    for reason, n in summary.reasons.items():
        console.print(f"{n} x {reason}", markup=False)
    return all(one.is_flat for one in trends.values()) and not summary.failures


def main(  # noqa: PLR0913, PLR0917 - the options of a command
    out: Annotated[Path, typer.Option(help="Folder of bundles.")] = Path("out"),
    minutes: Annotated[float, typer.Option(help="Length of the test.", min=0.1)] = 30.0,
    rate: Annotated[float, typer.Option(help="Lists per second.", min=0.1)] = 40.0,
    workers: Annotated[int, typer.Option(help="Processes of the service.", min=1)] = 2,
    every: Annotated[float, typer.Option(help="Seconds between samples.", min=0.5)] = 30.0,
    write: Annotated[Path | None, typer.Option(help="File for all samples, JSON.")] = None,
) -> None:
    """Exit with 1 if memory, descriptors or keys grow, or a request is not answered."""
    plan = OpenLoopPlan(rate, minutes * 60)
    with run_service(out, workers=workers, settings=SETTINGS) as service:
        summary, samples = uvloop.run(soak(service, plan, every))
    trends = find_trends(samples)
    if write is not None:
        write.write_bytes(orjson.dumps({"samples": samples, "trends": trends, "load": summary}))
    if not show(summary, trends, Console()):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
