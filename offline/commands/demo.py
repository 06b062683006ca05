"""``recfunnel demo``: from nothing to a served list, and then serves until Ctrl-C."""

import threading
import time
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

READY_WITHIN = 60.0  # seconds


def demo(settings: Settings, data: Path, user: str) -> None:
    """Get the data, train unless there is a bundle, serve, and show one user's list.

    Raises:
        PortTakenError: the port is not free.
        DataError: the data could not be had.
    """
    check_port(settings.host, settings.port)
    console = Console()
    if _has_bundle(settings.out):
        console.print(f"Using the bundle in {settings.out}")
    else:
        console.rule("MovieLens 100K")
        folder = fetch_ml_100k(data)
        console.print(TERMS, markup=False, highlight=False, style="dim")
        console.rule("Training")
        train(folder, settings, TrainOptions())
    console.rule("Serving")
    url = f"http://{settings.host}:{settings.port}"
    threading.Thread(target=_show, args=(console, url, user), daemon=True).start()
    serve(settings)


def _has_bundle(out: Path) -> bool:
    try:
        read_manifest(find_current_bundle(out))
    except BundleError:
        return False
    return True


def _show(console: Console, url: str, user: str) -> None:
    """Ask the service as any client would, and print what it says."""
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
        if not _is_ready(client):
            console.print("The service did not become ready; its log above says why.", style="red")
            return
        query: dict[str, str | bool] = {"user_id": user, "explain": True}
        answer = client.get("/recommend", params=query).json()
    console.print(_list(answer, user))
    console.print(_stages(answer))
    missing = ", ".join(f"{d['stage']} {d['outcome']}" for d in answer["degraded"])
    console.print(f"took {answer['took_ms']:.1f} ms; degraded: {missing or 'nothing'}")
    console.print(
        f"\nAPI docs  {url}/docs\nMetrics   {url}/metrics\n"
        f"Try       curl '{url}/recommend?user_id={user}&k=10&explain=true'\n"
        "Ctrl-C ends the service.",
        soft_wrap=True,
    )


def _is_ready(client: httpx.Client) -> bool:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        try:
            if client.get("/readyz").is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return False


def _list(answer: dict[str, Any], user: str) -> Table:
    table = Table(title=f"For user {user}, bundle {answer['bundle']}")
    for name in ("#", "item", "title", "found by", "because of", "slot"):
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


def _stages(answer: dict[str, Any]) -> Table:
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
