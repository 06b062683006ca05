"""Closed loop: visitors who look at a list, sometimes act on it, and look again.

    locust -f loadtest/locustfile.py --headless -u 16 -r 8 -t 15s --host http://127.0.0.1:8000

The exit code is 1 when p99 of the lists exceeds ``--budget-ms`` or a request fails.
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
    """One request at a time; each list may be for another user."""

    wait_time = between(0.1, 0.5)  # seconds of looking at a list

    @override
    def on_start(self) -> None:
        """Start a stream of requests of its own."""
        self.traffic = Traffic(next(seeds))

    @task
    def look(self) -> None:
        call = self.traffic.next_request()
        answer = self._send(call, HTTP_OK)
        if answer and (event := self.traffic.next_event(call, answer)):
            self._send(event, HTTP_ACCEPTED)

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
            seconds = time.perf_counter() - started
            if response.status_code != expected:
                tally.count_failure(f"{call.kind}: {response.status_code} {response.text[:300]}")
                response.failure(f"{response.status_code}, {expected} expected")
                return None
            response.success()
            answer: dict[str, Any] = response.json()
        if call.is_event:
            tally.count_event()
        else:
            tally.count_list(seconds, answer)
        return answer


def add_options(parser: LocustArgumentParser) -> None:
    """Add the test's own options to locust's."""
    parser.add_argument("--budget-ms", type=float, default=100.0, help="p99 must not exceed this")
    parser.add_argument("--summary", default="", help="file of the result, JSON")


def begin(**_: object) -> None:
    """Start the clock with the load, after interpreter and imports."""
    global began  # noqa: PLW0603 - locust calls bare functions
    began = time.monotonic()


def finish(environment: Environment, **_: object) -> None:
    """Print the result, and set the exit code."""
    options = environment.parsed_options or Namespace(budget_ms=100.0, summary="")
    summary = tally.summarise(time.monotonic() - began)
    if options.summary:
        Path(options.summary).write_text(json.dumps(asdict(summary)))
    is_within_budget = print_summaries([summary], options.budget_ms, Console())
    environment.process_exit_code = 0 if is_within_budget else 1


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
events.test_start.add_listener(begin)  # type: ignore[no-untyped-call]
events.quitting.add_listener(finish)  # type: ignore[no-untyped-call]
