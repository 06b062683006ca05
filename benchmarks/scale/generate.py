"""Write the log and the items of a made-up world, as Parquet files that ``train`` reads.

python -m benchmarks.scale.generate --items 100000 --events 1200000 --to DIR
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from polars.io.plugins import register_io_source

from benchmarks.scale.world import World

BLOCK = 500_000  # rows in memory at a time
EVENTS_PER_USER = 20  # mean


def write_world(world: World, events: int, to: Path, block: int = BLOCK) -> None:
    """Write ``interactions.parquet`` and ``items.parquet`` into a folder, block by block."""
    to.mkdir(parents=True, exist_ok=True)
    _write(lambda: world.draw_events(events, block), to / "interactions.parquet")
    _write(lambda: world.describe_items(block), to / "items.parquet")


def _write(blocks: Callable[[], Iterator[pl.DataFrame]], path: Path) -> None:
    def source(
        columns: list[str] | None, predicate: object, n_rows: object, batch_size: object
    ) -> Iterator[pl.DataFrame]:
        del columns, predicate, n_rows, batch_size  # the whole is written
        return blocks()

    schema = next(blocks()).schema
    register_io_source(source, schema=schema).sink_parquet(path)


def main(
    to: Annotated[Path, typer.Option(help="The folder to write into.")],
    items: Annotated[int, typer.Option(help="Items of the catalogue.", min=100)] = 100_000,
    events: Annotated[int, typer.Option(help="Events of the log.", min=100)] = 1_200_000,
    users: Annotated[
        int | None, typer.Option(help="Users. Default: one for 20 events.", min=10)
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of everything random.")] = 7,
) -> None:
    """Write a log and its items."""
    write_world(World(items, users or max(10, events // EVENTS_PER_USER), seed), events, to)


if __name__ == "__main__":
    typer.run(main)
