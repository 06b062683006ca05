"""The command ``python -m benchmarks.ablations``."""

from pathlib import Path
from typing import Annotated

import typer

from app.settings import read_settings
from benchmarks.ablations.study import ablate
from offline.cli import Seed, errors_as_sentences
from offline.commands.train import TrainOptions

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A folder of data, or a file of interactions.")],
    out: Annotated[Path, typer.Option(help="Folder for ablations.json.")] = Path("out"),
    schema: Annotated[Path | None, typer.Option(help="A TOML file that maps columns.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of training settings.")] = None,
    seed: Seed = None,
) -> None:
    """Train and evaluate the funnel without each of its parts; write OUT/ablations.json."""
    with errors_as_sentences():
        options = TrainOptions(seed=seed, config=config)
        ablate(data, read_settings({"out": out}), options, schema)


if __name__ == "__main__":
    app()
