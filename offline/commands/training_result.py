"""What ``recfunnel train`` prints of a training that has ended."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.bundle.bundle import load_bundle
from app.bundle.manifest import read_manifest
from app.bundle.pointer import current_version
from app.rank.kinds import describe_rankers, read_rankers
from offline.choices import IndexKind
from offline.errors import RefusedError
from offline.evaluate.gate import gate_remarks, refusal_message
from offline.phases import PhaseTimer
from offline.publish.index import measure_bundle_indexes, resolve_kind
from offline.report.page import format_constants


def print_result(console: Console, folder: Path, phases: PhaseTimer, kind: IndexKind) -> None:
    """Print the quality of the bundle in a folder, its cost, and what the gate found.

    Raises:
        RefusedError: the gate refused the bundle.
    """
    out = folder.parents[1]
    console.print(_headline_table(folder))
    for sentence in (_constants_sentence(folder), *_ranker_remarks(folder)):
        console.print(sentence, soft_wrap=True, highlight=False)
    console.print(
        f"Bundle {folder.name} is in {out}. The training took "
        f"{sum(phases.seconds.values()):.0f} s and {max(phases.peak_bytes.values()) / 1e6:,.0f} MB "
        f"of memory. The report: {out / 'report.html'}",
        soft_wrap=True,
        highlight=False,
    )
    print_index_losses(console, folder, kind)
    _print_gate(console, folder, out)


def print_index_losses(console: Console, folder: Path, kind: IndexKind) -> None:
    """Print what an index that is not exact misses."""
    actual = resolve_kind(kind, read_manifest(folder).rows["items"])
    if actual == "flat":
        return
    bundle = load_bundle(folder)
    for loss in measure_bundle_indexes(bundle.models, bundle.indexes):
        console.print(
            f"Index {actual} of {loss['name']}: it returns {loss['recall']:.1%} of what an exact "
            f"search returns, takes "
            f"{loss['bytes'] / 1e6:,.1f} MB, {loss['ms']:.2f} ms a query",
            highlight=False,
            soft_wrap=True,
        )


def _print_gate(console: Console, folder: Path, out: Path) -> None:
    gate = read_manifest(folder).gate
    if gate is None:
        return
    if gate.verdict == "refused":
        raise RefusedError(refusal_message(folder.name, gate, current_version(out)))
    for remark in gate_remarks(gate):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def _headline_table(folder: Path) -> Table:
    metrics = read_manifest(folder).metrics
    title = f"NDCG@10 of {metrics['users']} users, as of the cut (95 % interval)"
    table = Table("method", title=title)
    for name in ("NDCG@10", "interval", "funnel is better by"):
        table.add_column(name, justify="right")
    for method, figure in sorted(metrics["ndcg@10"].items(), key=lambda m: -m[1]["mean"]):
        difference = metrics["against"].get(method)
        table.add_row(
            method,
            f"{figure['mean']:.3f}",
            f"{figure['low']:.3f} to {figure['high']:.3f}",
            f"{difference['mean']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})"
            if difference
            else "",
        )
    return table


def _constants_sentence(folder: Path) -> str:
    """Return which constants of recall were chosen for the data."""
    choices = read_manifest(folder).constants
    moved = [one for one in choices if one["chosen"] != one["default"]]
    if not choices:
        return "Constants of recall: as configured."
    if not moved:
        return "Constants of recall: the defaults. No other value is clearly better."
    listed = "; ".join(map(_describe_choice, moved))
    return f"Constants of recall that were chosen for this data: {listed}."


def _ranker_remarks(folder: Path) -> tuple[str, ...]:
    """Return for which users the order of a channel counts in the fine ranker, if for any."""
    kinds = read_manifest(folder).rankers
    return describe_rankers(read_rankers(folder, kinds), kinds)[1].remarks


def _describe_choice(choice: dict[str, Any]) -> str:
    default, chosen = (format_constants(choice[name]) for name in ("default", "chosen"))
    before, after = choice["ndcg"], choice["ndcg"] + choice["gain"]["mean"]
    return (
        f"{choice['setting']} {default} -> {chosen} "
        f"(NDCG@10 of {choice['channel']} alone {before:.3f} -> {after:.3f})"
    )
