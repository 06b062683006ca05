"""The command ``recfunnel``. Heavy imports wait until the command that needs them runs."""

from importlib.metadata import version
from typing import Annotated

import typer

from offline.cli import bundle_store, keys, operation, training
from offline.cli.errors import errors_as_sentences as errors_as_sentences

app = typer.Typer(
    name="recfunnel",
    help="A recommendation service that runs the whole funnel live, on every request.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(operation.app)
app.add_typer(training.app)
app.add_typer(bundle_store.app)
app.add_typer(keys.app)


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001 - as typer calls it
    if is_wanted:
        typer.echo(version("recfunnel"))
        raise typer.Exit


@app.callback()
def about(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """A recommendation service that runs the whole funnel live, on every request."""


def main() -> None:
    """Run the command line."""
    app()
