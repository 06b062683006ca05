"""The commands ``recfunnel bundles`` and ``recfunnel rollback``."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.bundle.activation import rollback
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.bundle.pointer import current_version
from app.bundle.stored_bundles import StoredBundle, list_bundles
from app.features.views import view_hash

UNKNOWN = "-"


def print_bundles(out: Path) -> None:
    """Print a line for each bundle, newest first.

    Raises:
        BundleError: There is no bundle.
    """
    bundles, current = list_bundles(out), current_version(out)
    if not bundles:
        raise BundleError(f"there is no bundle in {out}: run `recfunnel train --out {out}` first")
    table = Table(title=f"Bundles in {out}")
    for name in ("version", "made (UTC)", "data", "NDCG@10", "gate", ""):
        table.add_column(name, overflow="fold", no_wrap=name in {"version", ""})
    for bundle in bundles:
        table.add_row(bundle.version, *_row(bundle), _state(bundle, current))
    console = Console()
    console.print(table)
    for bundle in bundles:
        if bundle.fault:
            console.print(bundle.fault, style="red", markup=False, soft_wrap=True)


def roll_back_and_print(out: Path, to: str | None) -> None:
    """Put an earlier bundle into service, and print which one replaces which.

    Raises:
        BundleError: There is no earlier bundle, or it must not be served.
    """
    before = current_version(out)
    folder = rollback(out, to)
    manifest = parse_manifest(folder)
    console = Console()
    console.print(
        f"{folder.name} is in service instead of {before or 'nothing'}: made "
        f"{_date(manifest.created)}, NDCG@10 {headline(manifest)}. Running services "
        "load it by themselves.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for check in manifest.gate.failed_checks if manifest.gate else ():
        console.print(f"The gate found: {check.explanation}", markup=False, soft_wrap=True)


def _row(bundle: StoredBundle) -> tuple[str, str, str, str]:
    manifest = bundle.manifest
    if manifest is None:
        return (UNKNOWN, UNKNOWN, UNKNOWN, "damaged")
    return (
        _date(manifest.created),
        manifest.dataset,
        headline(manifest),
        manifest.gate.verdict if manifest.gate else UNKNOWN,
    )


def _state(bundle: StoredBundle, current: str | None) -> str:
    """Return whether ``current`` names the bundle, and whether this version can serve it."""
    is_foreign = bundle.manifest is not None and bundle.manifest.view != view_hash()
    notes = ("in service" if bundle.version == current else "", "train again" if is_foreign else "")
    return ", ".join(filter(None, notes))


def headline(manifest: Manifest) -> str:
    """Return the NDCG@10 of the funnel, as measured in training."""
    figure = manifest.metrics.get("ndcg@10", {}).get("funnel")
    if not figure or figure["mean"] is None:
        return UNKNOWN
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
