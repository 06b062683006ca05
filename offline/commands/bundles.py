"""``recfunnel bundles`` and ``recfunnel rollback``: what they print."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.bundle.manifest import BundleError, Manifest, parse_manifest
from offline.publish.pointer import current_version, rollback
from offline.publish.versions import StoredBundle, list_bundles

UNKNOWN = "-"


def print_bundles(out: Path) -> None:
    """Print a line for each bundle, newest first.

    Raises:
        BundleError: there is none.
    """
    found, now = list_bundles(out), current_version(out)
    if not found:
        raise BundleError(f"there is no bundle in {out}: run `recfunnel train --out {out}` first")
    table = Table(title=f"Bundles in {out}")
    for name in ("version", "made (UTC)", "data", "NDCG@10", "gate", ""):
        table.add_column(name, overflow="fold", no_wrap=name == "version")
    for one in found:
        table.add_row(one.version, *_row(one), "in service" if one.version == now else "")
    console = Console()
    console.print(table)
    for one in found:
        if one.fault:
            console.print(one.fault, style="red", markup=False, soft_wrap=True)


def roll_back_and_print(out: Path, to: str | None) -> None:
    """Go back, and say from what to what.

    Raises:
        BundleError: there is nothing to go back to, or it must not be served.
    """
    before = current_version(out)
    folder = rollback(out, to)
    manifest = parse_manifest(folder)
    console = Console()
    console.print(
        f"{folder.name} is in service instead of {before or 'nothing'}: made "
        f"{_date(manifest.created)}, NDCG@10 {headline(manifest)}. Running services "
        "take it up by themselves.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for check in manifest.gate.failed_checks if manifest.gate else ():
        console.print(f"The gate had said: {check.explanation}", markup=False, soft_wrap=True)


def _row(one: StoredBundle) -> tuple[str, str, str, str]:
    manifest = one.manifest
    if manifest is None:
        return (UNKNOWN, UNKNOWN, UNKNOWN, "damaged")
    return (
        _date(manifest.created),
        manifest.dataset,
        headline(manifest),
        manifest.gate.verdict if manifest.gate else UNKNOWN,
    )


def headline(manifest: Manifest) -> str:
    """Give the funnel's NDCG@10 as it was measured when the bundle was made."""
    figure = manifest.metrics.get("ndcg@10", {}).get("funnel")
    if not figure or figure["mean"] is None:
        return UNKNOWN
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
