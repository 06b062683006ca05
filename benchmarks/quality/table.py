"""The result as tables: the best method first, warm and cold users apart."""

from typing import Any

from rich.table import Table

from benchmarks.quality.window_lists import HEADLINE

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


def tables(result: dict[str, Any]) -> list[Table]:
    """Build the table of the warm users and, where there are any, of the cold ones."""
    return [
        table(f"{result['dataset']['name']}: {kind} users", result[kind], result["reference"])
        for kind in ("warm", "cold")
        if result[kind]
    ]


def table(title: str, comparison: dict[str, Any], reference: str) -> Table:
    """Build a table of every method by every metric, sorted by the headline."""
    shown = Table(title=f"{title} ({comparison['evaluated_users']}, all windows pooled)")
    shown.add_column("method")
    shown.add_column("NDCG@10 (95 %)", justify="right", no_wrap=True)
    shown.add_column(f"{reference} / it", justify="right", no_wrap=True)
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
    return " ".join(
        [
            f"{figure['mean']:.{digits}f}",
            f"({figure['low']:.{digits}f}-{figure['high']:.{digits}f})",
        ]
    )
