"""Writes results as JSON that is short enough to commit, and shows them as tables."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.quality.windows import HEADLINE

COLUMNS = {
    HEADLINE: "NDCG@10",
    "ndcg@10": "binary",
    "graded_ndcg@20": "NDCG@20",
    "recall@20": "recall@20",
    "map@10": "MAP@10",
    "precision@10": "prec@10",
    "hit_rate@10": "hit@10",
    "coverage@10": "coverage",
    "diversity@10": "diversity",
    "novelty@10": "novelty",
    "serendipity@10": "serend.",
}
DIGITS = 5  # significant ones; intervals are wider than that by far
MAX_LINE = 2_000  # characters of a value that stays on one line


def summarise(result: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the metrics of the table, and of the comparisons the ratios of the headline."""
    return {**result, "warm": _summarise(result["warm"]), "cold": _summarise(result["cold"])}


def _summarise(comparison: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "evaluated_users": comparison["evaluated_users"],
        "methods": {
            name: {metric: figures[metric] for metric in COLUMNS}
            for name, figures in comparison["methods"].items()
        },
        "differences": {
            name: {HEADLINE: figures[HEADLINE]}
            for name, figures in comparison["differences"].items()
        },
    }


def write_result(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result; small values on one line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_lines(_plain(result), "") + "\n")


def read_settings(path: Path) -> dict[str, dict[str, Any]]:
    """Return how each library was set in an earlier result, by name."""
    settings: dict[str, dict[str, Any]] = json.loads(path.read_text())["details"]
    return settings


def _plain(value: Any) -> Any:
    """Turn numpy's numbers into Python's, and round all but the settings of libraries."""
    if isinstance(value, Mapping):
        return {str(key): one if key == "parameters" else _plain(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}")
    return value.item() if isinstance(value, np.generic) else value


def _lines(value: Any, indent: str) -> str:
    line = json.dumps(value)
    if not isinstance(value, dict) or len(line) <= MAX_LINE:
        return line
    inner = ",\n".join(
        f"{indent} {json.dumps(key)}: {_lines(one, indent + ' ')}" for key, one in value.items()
    )
    return f"{{\n{inner}\n{indent}}}"


def tables(result: dict[str, Any]) -> list[Table]:
    """Build the table of the warm users and, where there are any, of the cold ones."""
    return [
        table(f"{result['dataset']['name']}: {kind} users", result[kind], result["reference"])
        for kind in ("warm", "cold")
        if result[kind]
    ]


def table(title: str, comparison: dict[str, Any], reference: str) -> Table:
    """Build a table of every method by every metric, sorted by the headline."""
    title = f"{title} ({comparison['evaluated_users']}, all windows pooled)"
    shown = Table("method", title=title)
    for name in ("NDCG@10 (95 %)", f"{reference} / it"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in list(COLUMNS.values())[1:]:
        shown.add_column(name, justify="right")
    methods = comparison["methods"]
    for method in sorted(methods, key=lambda name: -methods[name][HEADLINE]["mean"]):
        shown.add_row(method, *_row(methods[method], comparison["differences"].get(method)))
    return shown


def _row(figures: dict[str, Any], against: dict[str, Any] | None) -> list[str]:
    ratio = against[HEADLINE]["ratio"] if against else None
    others = [figures[name]["mean"] for name in list(COLUMNS)[1:]]
    return [
        _bounded(figures[HEADLINE], 4),
        _bounded(ratio, 2) if ratio else "",
        *("" if value is None else f"{value:.3f}" for value in others),
    ]


def _bounded(figure: dict[str, float | None], digits: int) -> str:
    if figure["mean"] is None or figure["low"] is None or figure["high"] is None:
        return "none"
    mean, low, high = (f"{figure[bound]:.{digits}f}" for bound in ("mean", "low", "high"))
    return f"{mean} ({low}-{high})"
