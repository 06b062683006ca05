"""The commands about data: ``recfunnel data get`` and ``recfunnel doctor``."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from offline.data.doctor import diagnose
from offline.data.doctor_view import render
from offline.data.errors import DataError
from offline.data.fetch import fetch_ml_100k
from offline.data.origin import TERMS
from offline.data.readers import load_dataset, write_bad_rows

data = typer.Typer(help="Download and inspect training data.", no_args_is_help=True)


class PublicDataset(StrEnum):
    """Data sets that can be downloaded by name."""

    ML_100K = "ml-100k"


@data.callback()
def main() -> None:
    """Download and inspect training data."""


@data.command()
def get(
    name: Annotated[PublicDataset, typer.Argument(help="The data set.")],
    to: Annotated[Path, typer.Option(help="The folder to put it into.")] = Path("data"),
) -> None:
    """Download a public data set, check it, and print its terms of use."""
    console = Console()
    with errors_as_one_sentence():
        with console.status(f"Downloading {name.value}"):
            path = fetch_ml_100k(to)
        console.print(TERMS, markup=False, highlight=False)
        console.print(f"\n{name.value} is in {path}", markup=False, highlight=False, soft_wrap=True)


def doctor(
    path: Annotated[Path, typer.Argument(help="A folder or an interactions file.")],
    schema: Annotated[
        Path | None, typer.Option(help="A TOML file that names the files and columns.")
    ] = None,
    bad: Annotated[Path | None, typer.Option(help="Write the bad rows to this CSV file.")] = None,
) -> None:
    """Report what is in a data set, what is wrong with it, and what the funnel can do with it."""
    with errors_as_one_sentence():
        reading = load_dataset(path, schema, max_bad_share=1.0)
        Console().print(render(diagnose(reading)))
        if bad is not None:
            write_bad_rows(reading.bad, bad)
            Console().print(
                f"{len(reading.bad)} rows are in {bad}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


@contextmanager
def errors_as_one_sentence() -> Iterator[None]:
    """Print an error that a user can correct as one sentence, and exit with code 1."""
    try:
        yield
    except (DataError, OSError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
