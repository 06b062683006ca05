"""``make load``: a closed and an open loop against one service, and one table."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.open_loop import OpenLoopPlan, measure
from loadtest.report import LoadSummary, print_summaries
from loadtest.service import NotServingError, run_service

VISITORS = 8
console = Console()


@dataclass(frozen=True, slots=True)
class ClosedLoopPlan:
    """The number of visitors, and the length of the closed loop."""

    visitors: int
    seconds: float
    budget_ms: float


def run_locust(url: str, plan: ClosedLoopPlan) -> LoadSummary:
    """Run locust without its web page, and return its result.

    Raises:
        NotServingError: locust ended without a result; the text has its last output.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "summary.json"
        command = [sys.executable, "-m", "locust", "--headless", "--only-summary"]
        command += ["-f", str(Path(__file__).with_name("locustfile.py")), "--host", url]
        command += ["-u", str(plan.visitors), "-r", str(plan.visitors)]
        command += ["-t", f"{plan.seconds:g}s", "--loglevel", "WARNING"]
        command += ["--budget-ms", str(plan.budget_ms), "--summary", str(result)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if not result.exists():
            raise NotServingError(f"locust ended without a result:\n{process.stderr[-2000:]}")
        return LoadSummary(**json.loads(result.read_text()))


@contextmanager
def find_or_start_service(url: str, out: Path) -> Iterator[str]:
    """Yield the address, or the address of a service that is started for this test."""
    if url:
        yield url
        return
    console.print(f"Starting a service on {out} with one worker")
    with run_service(out) as service:
        yield service.url


def main(
    url: Annotated[str, typer.Option(help="A running service. Without it one is started.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("out"),
    rate: Annotated[float, typer.Option(help="Arrivals per second, open loop.")] = 30.0,
    seconds: Annotated[float, typer.Option(help="Length of each loop.")] = 15.0,
    budget_ms: Annotated[float, typer.Option(help="p99 must not exceed this.")] = 100.0,
) -> None:
    """Run a closed and an open loop; exit with 1 on a failure or a missed budget."""
    try:
        with find_or_start_service(url, out) as address:
            summaries = [
                run_locust(address, ClosedLoopPlan(VISITORS, seconds, budget_ms)),
                measure(address, OpenLoopPlan(rate, seconds)),
            ]
    except NotServingError as error:
        console.print(str(error), markup=False)
        sys.exit(1)
    if not print_summaries(summaries, budget_ms, console):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
