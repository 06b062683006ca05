"""``python -m benchmarks.new_user_plot``: the new-user curve of a report, as a table and a plot."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from offline.data.atomic import atomic_path
from offline.evaluate.figures import Interval, NewUserPoint
from offline.report.curves import new_user_chart

COLOURS = (  # for a plot outside the report
    "svg{--ink:#222;--muted:#666;--grid:#ddd;--soft:#eee;--funnel:#0b6e4f;--baseline:#888;"
    "--channel:#c8553d;background:#fff;font-family:sans-serif}"
)


def table(points: list[NewUserPoint]) -> Table:
    """Build a table of NDCG@10 by revealed events, with 95 % intervals."""
    names = ("events", "users", "funnel", "best channel", "recent popularity", "popularity")
    shown = Table(*names, title="NDCG@10 of new users by number of their events")
    for point in points:
        methods, best = point["methods"], point["best_channel"]
        shown.add_row(
            str(point["events"]),
            str(point["users"]),
            _format(methods["funnel"]),
            f"{best} {methods[best]['mean']:.3f}",
            _format(methods["recency_popularity"]),
            _format(methods["popularity"]),
        )
    return shown


def _format(figure: Interval) -> str:
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def main(
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("out"),
    svg: Annotated[Path, typer.Option(help="File of the plot.")] = Path(
        "docs/concepts/cold-start.svg"
    ),
) -> None:
    """Print and draw the curve that ``recfunnel train`` measured."""
    points = orjson.loads((out / "report.json").read_bytes())["cold_curve"]
    Console().print(table(points))
    with atomic_path(svg) as part:
        drawn = new_user_chart(points).replace(">", f"><style>{COLOURS}</style>", 1)
        part.write_text(drawn)


if __name__ == "__main__":
    typer.run(main)
