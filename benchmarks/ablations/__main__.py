"""The command ``python -m benchmarks.ablations``."""

import typer

from benchmarks.ablations.study import ablate
from offline.cli.errors import errors_as_sentences
from offline.cli.options import ConfigFile, Data, Out, Schema, Seed, settings
from offline.commands.train import TrainOptions

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Data,
    out: Out = None,
    schema: Schema = None,
    config: ConfigFile = None,
    seed: Seed = None,
) -> None:
    """Train and evaluate the funnel without each of its parts; write OUT/ablations.json."""
    with errors_as_sentences():
        options = TrainOptions(seed=seed, config=config, schema=schema)
        ablate(data, settings(out=out), options)


if __name__ == "__main__":
    app()
