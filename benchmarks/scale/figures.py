"""The tables and the plot of the benchmark by catalogue size."""

from collections.abc import Callable, Sequence
from io import StringIO

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.scale.serve import Serving

MB = 1e6
ROWS: dict[str, Callable[[Serving], str]] = {
    "NDCG@10 of the test": lambda one: "not trained" if one.ndcg is None else f"{one.ndcg:.3f}",
    "recall@300 of the index": lambda one: f"{one.index_recall:.3f}",
    "all recall channels, p50 / p99": lambda one: f"{one.recall_p50:.1f} / {one.recall_p99:.1f} ms",
    "whole lists a second, at most": lambda one: f"{one.whole_rate:.0f}",
    "CPU of the workers a request": lambda one: f"{one.cpu_ms:.1f} ms",
    "at half of that rate, p50 / p99": lambda one: f"{one.p50:.1f} / {one.p99:.1f} ms",
    "of these not whole in 100 ms": lambda one: str(one.failures),
    "start to ready, files verified": lambda one: f"{one.start_seconds:.0f} s",
    "bundle": lambda one: f"{one.bundle_bytes / MB:,.0f} MB",
    "a worker, all": lambda one: f"{max(w.resident for w in one.workers) / MB:,.0f} MB",
    "a further worker, its own": lambda one: f"{min(w.private for w in one.workers) / MB:,.0f} MB",
    "own of further / all of first": lambda one: f"{one.further_share:.2f}",
    "server and store": lambda one: f"{one.other_private / MB:,.0f} MB",
}


def serving_table(servings: Sequence[Serving]) -> Table:
    """Return a table with a column for each size of the catalogue."""
    table = Table("", *(f"{one.items:,} items" for one in servings))
    for name, cell in ROWS.items():
        table.add_row(name, *map(cell, servings))
    return table


def scale_plot(servings: Sequence[Serving]) -> str:
    """Draw latency, load, memory and quality over the size of the catalogue, as SVG."""
    items = [one.items for one in servings]
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    panels = (
        (axes[0, 0], "ms at half of the highest rate", ("p50", "p99")),
        (axes[0, 1], "whole lists a second, at most", ("whole_rate",)),
        (axes[1, 0], "ms of all recall channels", ("recall_p50", "recall_p99")),
    )
    for axis, title, names in panels:
        for name in names:
            values = [getattr(one, name) for one in servings]
            axis.plot(items, values, "o-", label=name.removeprefix("recall_"))
        axis.set_title(title, fontsize=10)
        if len(names) > 1:
            axis.legend(fontsize=8)
    quality = axes[1, 1]
    quality.plot(items, [one.index_recall for one in servings], "o-", label="recall@300, index")
    trained = [one for one in servings if one.ndcg is not None]
    quality.plot(
        [one.items for one in trained], [one.ndcg for one in trained], "s", label="NDCG@10, test"
    )
    quality.set_title("quality", fontsize=10)
    quality.legend(fontsize=8)
    for axis in axes.flat:
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    for axis in axes[1]:
        axis.set_xlabel("items of the catalogue")
    text = StringIO()
    figure.savefig(text, format="svg")
    return text.getvalue()
