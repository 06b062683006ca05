"""The commands that send bundles to machines that do not share a folder."""

from typing import Annotated

import typer

from offline.cli.errors import errors_as_sentences
from offline.cli.options import Out, settings

app = typer.Typer()
Every = Annotated[
    float | None, typer.Option(help="Seconds between two looks. Default: once.", min=0.1)
]
Keep = Annotated[int, typer.Option(help="Bundles that stay.", min=1)]


@app.command()
def push(
    to: Annotated[str, typer.Option(help="The URL of the store: s3://bucket/folder.")],
    out: Out = None,
    every: Every = None,
    keep: Keep = 5,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Send all files, also those that are in the store.")
    ] = False,
) -> None:
    """Upload the bundle in service to an object store, then name it there."""
    with errors_as_sentences():
        from offline.commands.bundle_store import push as run  # noqa: PLC0415 - slow to import

        run(settings(out=out), to, every=every, keep=keep, again=again)


@app.command()
def pull(
    source: Annotated[
        str, typer.Option("--from", help="The URL of the store: s3://bucket/folder.")
    ],
    out: Out = None,
    every: Every = None,
    keep: Keep = 5,
) -> None:
    """Download the bundle that an object store names, verify it, and put it into service."""
    with errors_as_sentences():
        from offline.commands.bundle_store import pull as run  # noqa: PLC0415 - slow to import

        run(settings(out=out), source, every=every, keep=keep)
