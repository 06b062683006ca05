"""Writes results as JSON that is short enough to commit: summaries, rounded, one method a line."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.table import COLUMNS
from benchmarks.quality.window_lists import HEADLINE

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
