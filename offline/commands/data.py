"""``recfunnel data get`` and ``recfunnel doctor``."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from offline.data.doctor import diagnose
from offline.data.doctor_view import render
from offline.data.fetch import fetch_ml_100k
from offline.data.origin import TERMS
from offline.data.readers import load_dataset, write_bad_rows


def get_dataset(name: str, folder: Path, fetch: Callable[[Path], Path] = fetch_ml_100k) -> None:
    """Download a public data set into a folder and print its terms of use.

    Raises:
        DataError: it cannot be downloaded, or is damaged.
    """
    console = Console()
    with console.status(f"Downloading {name}"):
        path = fetch(folder)
    console.print(TERMS, markup=False, highlight=False)
    console.print(f"\n{name} is in {path}", markup=False, highlight=False, soft_wrap=True)


def print_diagnosis(
    path: Path, schema: Path | None, bad: Path | None, *, as_json: bool = False
) -> None:
    """Print what is in a data set; write its bad rows to ``bad`` if that is a path.

    Raises:
        DataError: the data cannot be read at all.
    """
    reading = load_dataset(path, schema, max_bad_share=1.0)
    diagnosis = diagnose(reading)
    if bad is not None:
        write_bad_rows(reading.bad, bad)
    if as_json:
        print(diagnosis.model_dump_json(indent=1))  # noqa: T201 - the result, for a program
        return
    console = Console()
    console.print(render(diagnosis))
    if bad is not None:
        console.print(
            f"{len(reading.bad)} rows are in {bad}", markup=False, highlight=False, soft_wrap=True
        )
