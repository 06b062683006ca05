"""``recfunnel demo``: gets data, trains, shows a served list, and serves until Ctrl-C."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, read_manifest
from app.process.serve import check_port, serve
from app.settings import Settings
from offline.commands.train import TrainOptions, train
from offline.data.fetch import fetch_ml_100k
from offline.data.origin import TERMS
from offline.trainings.background import training_in_background

READY_TIMEOUT = 60.0  # seconds


def serve_with_list(settings: Settings, user: str) -> None:
    """Serve until Ctrl-C, and print one user's list once the service is ready."""
    url = f"http://{settings.host}:{settings.port}"
    threading.Thread(target=print_list, args=(Console(), url, user), daemon=True).start()
    serve(settings)


def demo(
    settings: Settings,
    data: Path,
    user: str,
    fetch: Callable[[Path], Path] = fetch_ml_100k,
    serve: Callable[[Settings, str], None] = serve_with_list,
) -> None:
    """Get the data, train if there is no bundle, serve, and show one user's list.

    Raises:
        PortTakenError: the port is not free.
        DataError: the data cannot be downloaded.
    """
    check_port(settings.host, settings.port)
    console = Console()
    if has_bundle(settings.out):
        used = f"The bundle in {settings.out} is used."
        console.print(used, markup=False, highlight=False, soft_wrap=True)
    else:
        console.rule("MovieLens 100K")
        folder = fetch(data)
        console.print(TERMS, markup=False, highlight=False, style="dim")
        console.rule("Training")
        train(folder, settings, TrainOptions())
    console.rule("Serving")
    data_folder = find_data_of(settings.out, data)
    with training_in_background(settings.model_copy(update={"train_data": data_folder})):
        serve(settings, user)


def find_data_of(out: Path, data: Path) -> Path | None:
    """Return the folder that the bundle in service learned from, if it is in ``data``."""
    folder = data / read_manifest(find_current_bundle(out)).dataset
    return folder if folder.is_dir() else None


def has_bundle(out: Path) -> bool:
    """Return whether the folder has a bundle in service."""
    try:
        read_manifest(find_current_bundle(out))
    except BundleError:
        return False
    return True


def print_list(console: Console, url: str, user: str, ready_timeout: float = READY_TIMEOUT) -> bool:
    """Request a list as any client does, and print it. Return whether the service became ready.

    ``ready_timeout`` is in seconds.
    """
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
        if not _is_ready(client, ready_timeout):
            console.print(
                "The service did not become ready. Its log above shows the cause.", style="red"
            )
            return False
        query: dict[str, str | bool] = {"user_id": user, "explain": True}
        answer = client.get("/recommend", params=query).json()
    console.print(_list_table(answer, user))
    console.print(_stage_table(answer))
    degraded = ", ".join(f"{d['stage']} {d['outcome']}" for d in answer["degraded"])
    console.print(f"took {answer['took_ms']:.1f} ms; degraded: {degraded or 'nothing'}")
    console.print(
        f"\nAPI docs  {url}/docs\nMetrics   {url}/metrics\n"
        f"Try       curl '{url}/recommend?user_id={user}&k=10&explain=true'\n"
        "Press Ctrl-C to stop the service.",
        soft_wrap=True,
    )
    return True


def _is_ready(client: httpx.Client, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return False


def _list_table(answer: dict[str, Any], user: str) -> Table:
    table = Table(title=f"For user {user}, bundle {answer['bundle']}")
    for name in ("#", "item", "title", "channels", "because of", "slot"):
        table.add_column(name, justify="right" if name == "#" else "left")
    for place, item in enumerate(answer["items"], 1):
        channels = sorted(item["explain"]["channels"].items(), key=lambda c: int(c[1]["rank"]))
        table.add_row(
            str(place),
            item["item_id"],
            item["title"] or "",
            ", ".join(name for name, _ in channels[:3]),
            ", ".join(item["reason"]["because"]),
            item["slot"],
        )
    return table


def _stage_table(answer: dict[str, Any]) -> Table:
    table = Table(title="The funnel, stage by stage")
    for name in ("stage", "in", "out", "ms", "outcome"):
        table.add_column(name, justify="left" if name in {"stage", "outcome"} else "right")
    for stage in answer["stages"]:
        table.add_row(
            stage["stage"],
            str(stage["entered"] or ""),
            str(stage["left"] or ""),
            f"{stage['ms']:.2f}",
            stage["outcome"],
        )
    return table
