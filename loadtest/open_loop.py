"""Open loop: requests arrive on a schedule, whether or not the service keeps up.

Latency counts from the scheduled moment. A stalled service therefore cannot slow down its own test,
which is the coordinated omission of closed loops. Arrivals are a Poisson process.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import numpy as np
import orjson
import typer
import uvloop
from rich.console import Console

from loadtest.connection import HttpClient
from loadtest.report import LoadSummary, LoadTally, print_summaries
from loadtest.traffic import HttpCall, Traffic

HTTP_OK = 200
HTTP_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class OpenLoopPlan:
    """The rate and the length of the test."""

    rate: float = 30.0  # arrivals per second, on average
    seconds: float = 15.0
    seed: int = 1

    def draw_arrivals(self) -> list[float]:
        """Draw the moments of arrival, in seconds from the start."""
        random = np.random.default_rng(self.seed)
        expected = self.rate * self.seconds
        gaps = random.exponential(1 / self.rate, int(expected + 6 * expected**0.5) + 10)
        moments = np.cumsum(gaps)
        arrivals: list[float] = moments[moments < self.seconds].tolist()
        return arrivals


class OpenLoop:
    """One test of one service."""

    def __init__(
        self,
        url: str,
        plan: OpenLoopPlan,
        traffic: Traffic | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._client = HttpClient(url, headers=headers)
        self._plan = plan
        self._traffic = traffic or Traffic(plan.seed)
        self._tally = LoadTally("open")

    async def run(self) -> LoadSummary:
        """Send requests on schedule, wait for the last answers, and summarise."""
        clock = asyncio.get_running_loop().time
        began = clock()
        async with asyncio.TaskGroup() as answers:
            for moment in self._plan.draw_arrivals():
                await asyncio.sleep(began + moment - clock())
                answers.create_task(
                    self._request_list(self._traffic.next_request(), began + moment)
                )
        self._client.close()
        return self._tally.summarise(clock() - began)

    async def _request_list(self, call: HttpCall, due: float) -> None:
        body = await self._send(call, HTTP_OK)
        if body is None:
            return
        answer = orjson.loads(body)
        self._tally.count_list(asyncio.get_running_loop().time() - due, answer)
        event = self._traffic.next_event(call, answer)
        if event and await self._send(event, HTTP_ACCEPTED) is not None:
            self._tally.count_event()

    async def _send(self, call: HttpCall, expected: int) -> bytes | None:
        try:
            reply = await self._client.send(call)
        except OSError as error:
            self._tally.count_failure(f"{call.kind}: {type(error).__name__}")
            return None
        if reply.status != expected:
            self._tally.count_failure(f"{call.kind}: {reply.status} {reply.body[:300].decode()}")
            return None
        return reply.body


def measure(url: str, plan: OpenLoopPlan) -> LoadSummary:
    """Run an open loop to its end."""
    return uvloop.run(OpenLoop(url, plan).run())


def main(
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8000",
    rate: Annotated[float, typer.Option(help="Arrivals per second.", min=0.1)] = 30.0,
    seconds: Annotated[float, typer.Option(help="Length of the test.", min=0.1)] = 15.0,
    budget_ms: Annotated[float, typer.Option(help="p99 must not exceed this.")] = 100.0,
) -> None:
    """Send requests on a Poisson schedule; exit with 1 on a failure or a p99 above the budget."""
    summary = measure(url, OpenLoopPlan(rate, seconds))
    if not print_summaries([summary], budget_ms, Console()):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
