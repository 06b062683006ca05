"""``make load``: a closed and an open loop against one service; one table, one verdict."""

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
    """The closed loop: so many visitors for so many seconds."""

    visitors: int
    seconds: float
    budget_ms: float


def run_locust(url: str, closed: ClosedLoopPlan) -> LoadSummary:
    """Run locust without its window, and give what it measured.

    Raises:
        NotServingError: locust ended without a result; the text has its last words.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "summary.json"
        command = [sys.executable, "-m", "locust", "--headless", "--only-summary"]
        command += ["-f", str(Path(__file__).with_name("locustfile.py")), "--host", url]
        command += ["-u", str(closed.visitors), "-r", str(closed.visitors)]
        command += ["-t", f"{closed.seconds:g}s", "--loglevel", "WARNING"]
        command += ["--budget-ms", str(closed.budget_ms), "--summary", str(result)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if not result.exists():
            raise NotServingError(f"locust gave no result; it said:\n{said.stderr[-2000:]}")
        return LoadSummary(**json.loads(result.read_text()))


@contextmanager
def find_or_start_service(url: str, out: Path) -> Iterator[str]:
    """Give the address asked for, or that of a service started for this test."""
    if url:
        yield url
        return
    console.print(f"Starting a service on {out} with one worker")
    with run_service(out) as own:
        yield own.url


def main(
    url: Annotated[str, typer.Option(help="A running service; by default one is started.")] = "",
    out: Annotated[Path, typer.Option(help="Where the bundle is.")] = Path("out"),
    rate: Annotated[float, typer.Option(help="Arrivals per second, open loop.")] = 30.0,
    seconds: Annotated[float, typer.Option(help="How long each loop lasts.")] = 15.0,
    budget_ms: Annotated[float, typer.Option(help="What p99 must not pass.")] = 100.0,
) -> None:
    """Ask in a closed, then in an open loop; exit with 1 on a failure or a budget missed."""
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
