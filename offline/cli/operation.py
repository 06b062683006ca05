"""The commands that serve, and those that operate a service: bundles, events, archive, replay."""

from pathlib import Path
from typing import Annotated

import typer

from offline.cli.errors import errors_as_sentences
from offline.cli.options import Host, Out, Port, Schema, settings
from offline.commands.serve import serve_from_nothing

app = typer.Typer()
events = typer.Typer(help="Send events to a service.", no_args_is_help=True)
app.add_typer(events, name="events")
imports = typer.Typer(help="Bring the data of another system over.", no_args_is_help=True)
app.add_typer(imports, name="import")


@app.command("serve")
def serve_command(
    out: Out = None,
    host: Host = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(help="Processes. Default: 1.", min=1)] = None,
) -> None:
    """Serve the current bundle until Ctrl-C.

    Without a bundle the service starts from nothing: it takes items and events over HTTP.
    """
    with errors_as_sentences():
        serve_from_nothing(settings(out=out, host=host, port=port, workers=workers))


@app.command()
def bundles(out: Out = None) -> None:
    """List the bundles: date, quality, the gate's verdict, and which one is in service."""
    with errors_as_sentences():
        from offline.commands.bundles import print_bundles  # noqa: PLC0415 - slow to import

        print_bundles(settings(out=out).out)


@app.command()
def rollback(
    out: Out = None,
    to: Annotated[
        str | None, typer.Option(help="The version. Default: the one that served before.")
    ] = None,
) -> None:
    """Return an earlier bundle to service. Running services switch to it."""
    with errors_as_sentences():
        from offline.commands.bundles import roll_back_and_print  # noqa: PLC0415 - slow to import

        roll_back_and_print(settings(out=out).out, to)


@app.command()
def archive(
    out: Out = None,
    every: Annotated[float, typer.Option(help="Seconds between rounds.", min=0.1)] = 10.0,
    *,
    once: Annotated[bool, typer.Option("--once", help="Run one round and end.")] = False,
) -> None:
    """Copy events and served lists to daily Parquet files in OUT/archive, until Ctrl-C."""
    with errors_as_sentences():
        from offline.commands.archive import archive as run  # noqa: PLC0415 - slow to import

        run(settings(out=out), once=once, every=every)


@app.command()
def erase(
    user: Annotated[str, typer.Argument(help="The id of the user.")],
    out: Out = None,
) -> None:
    """Erase a user's data from the store, the request log and the archive.

    The next training leaves the user out of the bundle.
    """
    with errors_as_sentences():
        from offline.commands.archive import erase as run  # noqa: PLC0415 - slow to import

        run(settings(out=out), user)


@app.command("accept-loss")
def accept_loss_command(out: Out = None) -> None:
    """Accept that Redis has lost data of users, when there is no backup to restore.

    Until then, lists of users whose data is missing leave out all that anybody has hidden.
    """
    with errors_as_sentences():
        from offline.commands.accept_loss import accept_loss  # noqa: PLC0415 - slow to import

        accept_loss(settings(out=out))


@app.command("rules")
def rules_command(out: Out = None) -> None:
    """Print the policies in force, rules included, as TOML for `recfunnel.toml`."""
    with errors_as_sentences():
        from offline.commands.rules import rules  # noqa: PLC0415 - slow to import

        rules(settings(out=out))


@app.command("backup")
def backup_command(
    to: Annotated[Path, typer.Option(help="The folder to make. It must not exist.")],
    out: Out = None,
    *,
    bundles: Annotated[bool, typer.Option(help="Copy the bundles.")] = True,
    archive: Annotated[bool, typer.Option(help="Copy the archive.")] = True,
) -> None:
    """Copy Redis, bundles, archive, erasures and settings to a folder, while the service runs."""
    with errors_as_sentences():
        from offline.commands.backup import backup as run  # noqa: PLC0415 - slow to import

        run(settings(out=out), to, bundles=bundles, archive=archive)


@app.command("restore")
def restore_command(
    source: Annotated[Path, typer.Option("--from", help="The folder of the backup.")],
    out: Out = None,
    erasures: Annotated[
        list[Path] | None,
        typer.Option(help="A newer backup, or a folder state: who was erased since."),
    ] = None,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what Redis has of the service first.")
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Nothing was hidden since, or it may be shown."),
    ] = False,
) -> None:
    """Restore a backup into a Redis without data, and add the files that OUT lacks.

    The service must not run. Users who were erased after the backup are erased again.
    """
    with errors_as_sentences():
        from offline.commands.restore import RestoreOptions  # noqa: PLC0415 - slow to import
        from offline.commands.restore import restore as run  # noqa: PLC0415 - slow to import

        run(
            settings(out=out),
            RestoreOptions(source, erasures or (), replace=replace, accept_loss=accept_loss),
        )


@app.command()
def batch(  # noqa: PLR0913, PLR0917 - one for each option
    users: Annotated[
        str,
        typer.Option(
            help="all, or a file: .txt with one id a line; .csv, .tsv or .parquet with user_id."
        ),
    ],
    to: Annotated[Path, typer.Option(help="The file to write: .jsonl or .parquet.")],
    out: Out = None,
    k: Annotated[int, typer.Option(help="Items of each list.", min=1)] = 10,
    scene: Annotated[str, typer.Option(help="Where the lists are shown.")] = "home",
    filter_: Annotated[
        str, typer.Option("--filter", help="Over the items, as in GET /recommend.")
    ] = "",
    fields: Annotated[
        str, typer.Option(help="Attributes of the items in the file: category,year.")
    ] = "",
    processes: Annotated[
        int | None, typer.Option(help="Processes. Default: one for each core.", min=1)
    ] = None,
    *,
    explore: Annotated[bool, typer.Option(help="Allow the exploration slots.")] = False,
) -> None:
    """Write the lists of all or of some users to a file, such as for e-mails.

    The lists are those that the service would give now. They do not count as shown.
    """
    with errors_as_sentences():
        from offline.batch.batch_lists import BatchOptions  # noqa: PLC0415 - slow to import
        from offline.batch.processes import count_cores  # noqa: PLC0415 - slow to import
        from offline.commands.batch import batch as run  # noqa: PLC0415 - slow to import

        names = tuple(dict.fromkeys(name.strip() for name in fields.split(",") if name.strip()))
        options = BatchOptions(k, scene, filter_, names, explore)
        run(settings(out=out), users, options, to, processes or count_cores())


@app.command()
def replay(
    request_id: Annotated[
        str | None, typer.Argument(help="The id of a logged request. Default: all of them.")
    ] = None,
    out: Out = None,
    last: Annotated[
        int | None, typer.Option(help="Replay only this many of the newest requests.", min=1)
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="Answer with this version instead of the logged one.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: policy.diversity=0.3.")
    ] = None,
) -> None:
    """Answer logged requests again and compare the answers bit for bit."""
    with errors_as_sentences():
        from offline.commands.replay import ReplayCommand  # noqa: PLC0415 - slow to import
        from offline.commands.replay import replay as run  # noqa: PLC0415 - slow to import

        run(settings(out=out), ReplayCommand(request_id, last, bundle, changes or ()))


@events.callback()
def about_events() -> None:
    """Send events to a service."""


@events.command("import")
def import_events(
    file: Annotated[
        Path, typer.Argument(help="A CSV, TSV, Parquet or JSONL file, or a folder of data.")
    ],
    url: Annotated[
        str, typer.Option(help="The address of the service, here or on another machine.")
    ] = "http://127.0.0.1:8000",
    schema: Schema = None,
) -> None:
    """Send the events of a file to a running service, by the rules of POST /events.

    The service stores each event once. The id of an event comes from the column event_id, or is
    computed from its content. FILE.imported.json records the progress: after an interruption, run
    the same command again. Rows that cannot be used go to FILE.bad_rows.csv.
    """
    with errors_as_sentences():
        from offline.commands.import_events import run_import  # noqa: PLC0415 - slow to import

        run_import(file, url, schema)


@imports.callback()
def about_imports() -> None:
    """Bring the data of another system over."""


@imports.command("gorse")
def import_gorse_command(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="The address of Gorse, or a file or folder of JSON lines that it exported.",
        ),
    ],
    key: Annotated[str, typer.Option(help="Gorse's API key.", envvar="GORSE_API_KEY")] = "",
    to: Annotated[str, typer.Option(help="The address of the service.")] = "http://127.0.0.1:8000",
    to_key: Annotated[
        str, typer.Option(help="A key of the service that may write.", envvar="GORSE_TO_KEY")
    ] = "",
    progress: Annotated[Path, typer.Option(help="The file that holds how far it has come.")] = Path(
        "gorse-import.json"
    ),
) -> None:
    """Bring users, items and feedback of Gorse into a running service with `gorse_api = true`.

    Started again, it goes on where it ended. Exit code 4: some rows were refused.
    """
    with errors_as_sentences():
        from rich.console import Console  # noqa: PLC0415 - slow to import

        from offline.commands.import_gorse import (  # noqa: PLC0415 - slow to import
            GorseImportOptions,
            import_gorse,
        )

        options = GorseImportOptions(source, key, to.rstrip("/"), to_key, progress)
        import_gorse(options, settings().feedback_types, Console())
