"""Closed loop: people who look at a list, sometimes act on it, and look again.

    locust -f loadtest/locustfile.py --headless -u 16 -r 8 -t 15s --host http://127.0.0.1:8000

Exits with 1 when p99 of the lists passes ``--budget-ms`` or a request fails.
"""

import json
import time
from argparse import Namespace
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from rich.console import Console
from typing_extensions import override

from loadtest.report import LoadTally, print_summaries
from loadtest.traffic import HttpCall, Traffic

tally = LoadTally("closed")
seeds = count(1)
began = time.monotonic()
HTTP_OK = 200
HTTP_ACCEPTED = 202


class Visitor(FastHttpUser):
    """One person at a time; each next list may be another person's."""

    wait_time = between(0.1, 0.5)  # seconds of looking at a list

    @override
    def on_start(self) -> None:
        """Draw a stream of requests of one's own."""
        self.traffic = Traffic(next(seeds))

    @task
    def look(self) -> None:
        """Ask for a list, and act on it sometimes."""
        call = self.traffic.next_request()
        answer = self._send(call, HTTP_OK)
        if answer and (reaction := self.traffic.next_event(call, answer)):
            self._send(reaction, HTTP_ACCEPTED)

    def _send(self, call: HttpCall, expected: int) -> dict[str, Any] | None:
        started = time.perf_counter()
        with self.client.request(
            call.method,
            call.path,
            data=call.body.decode() or None,
            headers={"Content-Type": "application/json"},
            name=call.kind,
            catch_response=True,
        ) as response:
            taken = time.perf_counter() - started
            if response.status_code != expected:
                tally.count_failure(f"{call.kind}: {response.status_code} {response.text[:300]}")
                response.failure(f"{response.status_code}, {expected} expected")
                return None
            response.success()
            answer: dict[str, Any] = response.json()
        if call.is_event:
            tally.count_event()
        else:
            tally.count_list(taken, answer)
        return answer


def add_options(parser: LocustArgumentParser) -> None:
    """Add the test's own options to locust's."""
    parser.add_argument("--budget-ms", type=float, default=100.0, help="what p99 must not pass")
    parser.add_argument("--summary", default="", help="write the result here, as JSON")


def begin(**_: object) -> None:
    """Start the clock with the load; interpreter and imports are not part of it."""
    global began  # noqa: PLW0603 - locust calls bare functions
    began = time.monotonic()


def judge(environment: Environment, **_: object) -> None:
    """Say how it went."""
    options = environment.parsed_options or Namespace(budget_ms=100.0, summary="")
    summary = tally.summarise(time.monotonic() - began)
    if options.summary:
        Path(options.summary).write_text(json.dumps(asdict(summary)))
    kept = print_summaries([summary], options.budget_ms, Console())
    environment.process_exit_code = 0 if kept else 1


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
events.test_start.add_listener(begin)  # type: ignore[no-untyped-call]
events.quitting.add_listener(judge)  # type: ignore[no-untyped-call]
