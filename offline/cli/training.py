"""The commands that train, tune and report, and those that look at data."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.rank.scorer import BUILT_IN_NAMES, POINTWISE_LISTWISE
from offline.choices import Factorisation, IndexKind, ItemSimilarity
from offline.cli.errors import errors_as_sentences
from offline.cli.options import (
    ConfigFile,
    Data,
    Host,
    MaxBadShare,
    OptionalData,
    Out,
    Port,
    Schema,
    Seed,
    arguments_of,
    read_timetable,
    settings,
    without_absent,
)

OF_THE_SCHEDULE = frozenset({"every", "at", "from_archive", "force", "handover"})

app = typer.Typer()
data_commands = typer.Typer(help="Download public training data.", no_args_is_help=True)
app.add_typer(data_commands, name="data")


@app.command()
def train(  # noqa: PLR0913, PLR0917 - one argument for each option
    context: typer.Context,
    data: OptionalData = None,
    out: Out = None,
    schema: Schema = None,
    config: ConfigFile = None,
    seed: Seed = None,
    factorisation: Annotated[
        Factorisation | None,
        typer.Option(
            help="The model that computes the vectors of the embedding channel. Default: als.",
        ),
    ] = None,
    similarity: Annotated[
        ItemSimilarity | None,
        typer.Option(
            help="The similarity of two items in Item-CF. Default: cosine.",
        ),
    ] = None,
    index: Annotated[
        IndexKind | None,
        typer.Option(
            help="The vector index. flat is exact, sq8 takes a quarter of the size, ivf_* are for "
            "10,000 items and more. Default: auto.",
        ),
    ] = None,
    objectives: Annotated[
        str | None,
        typer.Option(
            help="The objectives of the fine ranker and their weights, as "
            "conversion=1,click=0.3,value=0.5. Default: relevance alone, or all three where "
            "event types have different weights."
        ),
    ] = None,
    fine_ranker: Annotated[
        str | None,
        typer.Option(
            "--fine-ranker",
            "--hybrid",
            help=f"The kind of fine ranker: {', '.join(BUILT_IN_NAMES)}, or an installed one. "
            f"Default: {POINTWISE_LISTWISE}. --hybrid is the earlier name of this option.",
        ),
    ] = None,
    max_bad_share: MaxBadShare = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="How much worse than the bundle in service a new one may be, relative. "
            "Default: 0.02.",
            min=0,
        ),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(help="The number of bundles to keep. Default: 5.", min=1)
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            help="Processes that compute at once; they change no result. Each more takes the "
            "memory of another copy of the data and of one fit. Default: 2 for 500,000 events "
            "and more, if there are two cores, else 1.",
            min=1,
        ),
    ] = None,
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare every kind of fine ranker in the report.")
    ] = False,
    from_archive: Annotated[
        bool,
        typer.Option("--from-archive", help="Also learn from the events and lists in OUT/archive."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish the bundle even if the gate refuses it.")
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            help="Train regularly, until Ctrl-C: 30m, 24h, 7d; never: when POST /trainings "
            "requests it."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Train each day at this time of the machine's time zone: 03:00; or never."
        ),
    ] = None,
    handover: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Train a bundle, evaluate it, write a report, and publish it.

    Items without interactions become a starter bundle, which is served until more is known.
    The gate refuses a bundle that is clearly worse; then the exit status is 3. One training runs at
    a time in a folder of bundles; the exit status is 4 if another one runs.
    """
    timetable = read_timetable(every, at)
    with errors_as_sentences():
        if timetable:
            from offline.commands.schedule import (  # noqa: PLC0415 - slow to import
                ScheduledTraining,
                schedule,
            )

            arguments = ["train", *arguments_of(context, OF_THE_SCHEDULE)]
            training = ScheduledTraining(arguments, data, schema, from_archive, force)
            schedule(settings(out=out), timetable, training)
            return
        from offline.commands.train import TrainOptions  # noqa: PLC0415 - slow to import
        from offline.commands.train import train as run  # noqa: PLC0415 - slow to import
        from offline.evaluate.gate import GateConfig  # noqa: PLC0415 - slow to import
        from offline.trainings.handover import Handover  # noqa: PLC0415 - slow to import

        options = TrainOptions(
            config=config,
            gate=GateConfig(force=force, **without_absent(margin=margin)),
            compare=compare,
            from_archive=from_archive,
            **without_absent(
                seed=seed,
                factorisation=factorisation,
                similarity=similarity,
                index=index,
                objectives=objectives,
                fine_ranker=fine_ranker,
                keep=keep,
                processes=processes,
                schema=schema,
                max_bad_share=max_bad_share,
            ),
        )
        run(data, settings(out=out), options, Handover.parse(handover) if handover else None)


@app.command()
def tune(  # noqa: PLR0913, PLR0917 - one argument for each option
    data: Data,
    out: Out = None,
    schema: Schema = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Trials of each part, the default included. Default: 40.", min=1),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Start no trial after this time. The comparison takes longer.", min=0),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            help="The file of trials. A search continues where the file ends. "
            "Default: OUT/tune/trials.jsonl."
        ),
    ] = None,
    config: ConfigFile = None,
    seed: Seed = None,
    max_bad_share: MaxBadShare = None,
) -> None:
    """Search for better settings on windows before the test; write OUT/tuned.toml."""
    with errors_as_sentences():
        from offline.commands.train import TrainOptions  # noqa: PLC0415 - slow to import
        from offline.commands.tune import tune as run  # noqa: PLC0415 - slow to import
        from offline.tune.search import Budget  # noqa: PLC0415 - slow to import

        seconds = None if minutes is None else 60 * minutes
        budget = Budget(**without_absent(trials=trials, seconds=seconds))
        overrides = without_absent(seed=seed, schema=schema, max_bad_share=max_bad_share)
        run(data, settings(out=out), TrainOptions(config=config, **overrides), budget, study)


@app.command()
def report(
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two versions to compare.")
    ] = None,
    out: Out = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Evaluate both bundles for the test users of this data."),
    ] = None,
) -> None:
    """Show the result of the last training, or compare two bundles."""
    with errors_as_sentences():
        from offline.commands import report as commands  # noqa: PLC0415 - slow to import

        if compare is None:
            commands.print_report(settings(out=out).out)
        else:
            commands.compare_bundles(compare, settings(out=out), data)


@app.command()
def demo(  # noqa: PLR0913, PLR0917 - one argument for each option
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of bundles. Default: out; with --shop, DATA/shop-out."),
    ] = None,
    host: Host = None,
    port: Port = None,
    data: Annotated[Path, typer.Option(help="Folder for the data.")] = Path("data"),
    user: Annotated[
        str | None,
        typer.Option(help="The user whose list is shown. Default: 196; with --shop, c0001."),
    ] = None,
    users: Annotated[
        int, typer.Option(help="With --shop: how many customers it has.", min=50, max=9_999)
    ] = 2_000,
    page_port: Annotated[
        int | None,
        typer.Option(help="With --shop: the port of its page. Default: one above --port.", min=1),
    ] = None,
    *,
    shop: Annotated[
        bool, typer.Option("--shop", help="A made-up shop and its page, instead of MovieLens.")
    ] = False,
) -> None:
    """Get data, train, serve and show a list: MovieLens 100K, or a shop. Serves until Ctrl-C."""
    with errors_as_sentences():
        if shop:
            from offline.commands.demo_shop import ShopOptions, demo_shop  # noqa: PLC0415 - slow

            options = ShopOptions(data, users, page_port, **without_absent(user=user))
            demo_shop(settings(out=out or options.default_out, host=host, port=port), options)
        else:
            from offline.commands.demo import demo as run  # noqa: PLC0415 - slow to import

            run(settings(out=out, host=host, port=port), data, user or "196")


@data_commands.callback()
def about_data() -> None:
    """Download public training data."""


@data_commands.command("get")
def get_data(
    name: Annotated[Literal["ml-100k"], typer.Argument(help="The data set.")],
    to: Annotated[Path, typer.Option(help="The folder to put it into.")] = Path("data"),
) -> None:
    """Download a public data set, check it, and show its terms of use."""
    with errors_as_sentences():
        from offline.commands.data import get_dataset  # noqa: PLC0415 - slow to import

        get_dataset(name, to)


@app.command()
def doctor(
    path: Annotated[Path, typer.Argument(help="A folder of data, or a file of interactions.")],
    schema: Schema = None,
    bad: Annotated[Path | None, typer.Option(help="Write the bad rows to this CSV file.")] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, as the diagnosis of GET /doctor.")
    ] = False,
) -> None:
    """Show what is in a data set, what is wrong with it, and what the funnel can do with it."""
    with errors_as_sentences():
        from offline.commands.data import print_diagnosis  # noqa: PLC0415 - slow to import

        print_diagnosis(path, schema, bad, as_json=as_json)


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the data; it may be empty.")
    ] = Path(),
) -> None:
    """Write a commented schema.toml for the data, and a recfunnel.toml to begin with.

    Nothing is overwritten. The schema goes into the folder of the data, the settings into this one.
    """
    with errors_as_sentences():
        from offline.commands.init import init as run  # noqa: PLC0415 - slow to import

        run(folder, Path())
