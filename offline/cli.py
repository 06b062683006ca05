"""The command ``recfunnel``. Heavy imports wait until the command that needs them runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from app.process.serve import PortTakenError, serve
from app.process.server_process import ServerError
from app.settings import Settings, SettingsError, read_settings

app = typer.Typer(
    name="recfunnel",
    help="A recommendation service that runs the whole funnel live, on every request.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
events = typer.Typer(help="What users did.", no_args_is_help=True)
app.add_typer(events, name="events")
EXTRAS = {"optuna": "tune", "implicit": "bpr"}  # import name -> extra, where it is not "train"
REFUSED = 3  # exit code: trained and written, but the gate did not let it into service
Out = Annotated[Path | None, typer.Option(help="Folder of bundles. Default: out.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")]
Seed = Annotated[
    int | None, typer.Option(help="The same seed gives the same models. Default: 7.", min=0)
]
Port = Annotated[int | None, typer.Option(help="Port to listen on. Default: 8000.", min=0)]


class Factorisation(StrEnum):
    """Ways to factorise the interactions."""

    ALS = "als"
    BPR = "bpr"
    SGD = "sgd"


class Similarity(StrEnum):
    """Ways to compare two items by who liked them."""

    COSINE = "cosine"
    ADJUSTED_COSINE = "adjusted_cosine"


class Index(StrEnum):
    """Ways to hold and search vectors."""

    AUTO = "auto"
    FLAT = "flat"
    SQ8 = "sq8"
    IVF_FLAT = "ivf_flat"
    IVF_SQ8 = "ivf_sq8"
    IVF_PQ = "ivf_pq"


def main() -> None:
    """Run the command line."""
    _add_training_commands()
    app()


@app.command("serve")
def serve_command(
    out: Out = None,
    host: Host = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(help="Processes. Default: 1.", min=1)] = None,
) -> None:
    """Serve the current bundle until Ctrl-C."""
    with errors_as_sentences():
        serve(_settings(out=out, host=host, port=port, workers=workers))


@app.command()
def train(  # noqa: PLR0913, PLR0917 - one argument for each option
    data: Annotated[Path, typer.Option(help="A folder or an interactions file.")],
    out: Out = None,
    schema: Annotated[
        Path | None, typer.Option(help="A TOML file that says which column is which.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file of settings, as tune writes it, or a bundle's folder to repeat its "
            "training. Other options win over it."
        ),
    ] = None,
    seed: Seed = None,
    factorisation: Annotated[
        Factorisation | None,
        typer.Option(help="What makes the vectors of the embedding channel. Default: als."),
    ] = None,
    similarity: Annotated[
        Similarity | None,
        typer.Option(help="How near two items are, for Item-CF. Default: cosine."),
    ] = None,
    index: Annotated[
        Index | None,
        typer.Option(
            help="How vectors are held and searched: flat is exact, sq8 a quarter of the size, "
            "ivf_* for 10,000 items and more. Default: flat."
        ),
    ] = None,
    objectives: Annotated[
        str | None,
        typer.Option(
            help="What the fine ranker learns and how much of each counts, as "
            "conversion=1,click=0.3,value=0.5. Default: relevance alone, or all three where "
            "event types weigh differently."
        ),
    ] = None,
    fine_ranker: Annotated[
        str | None,
        typer.Option(
            "--fine-ranker",
            "--hybrid",
            help="The kind of fine ranker: pointwise_listwise (trees), weighted, learned, "
            "adaptive, switching, combined, logistic, or an installed one. "
            "Default: pointwise_listwise. --hybrid is the earlier name of this option.",
        ),
    ] = None,
    max_bad_share: Annotated[
        float, typer.Option(help="Share of bad rows at which to stop.", min=0, max=1)
    ] = 0.05,
    margin: Annotated[
        float, typer.Option(help="How much worse than the bundle in service is let pass.", min=0)
    ] = 0.02,
    keep: Annotated[int, typer.Option(help="Bundles to keep, the newest.", min=1)] = 5,
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare every kind of fine ranker in the report.")
    ] = False,
    from_archive: Annotated[
        bool,
        typer.Option("--from-archive", help="Learn from OUT/archive too: events, served lists."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish even what the gate refuses.")
    ] = False,
) -> None:
    """Train, judge the funnel, write a report, and publish unless the gate refuses (status 3)."""
    with errors_as_sentences():
        from offline.commands.train import TrainOptions  # noqa: PLC0415 - needs the extra "train"
        from offline.commands.train import train as run  # noqa: PLC0415 - the same
        from offline.evaluate.gate import GateConfig  # noqa: PLC0415 - needs the extra "train"

        gate = GateConfig(margin=margin, force=force)
        choice = TrainOptions(
            seed,
            factorisation.value if factorisation else None,
            similarity.value if similarity else None,
            index.value if index else None,
            gate,
            keep,
            config,
            objectives,
            fine_ranker,
            compare,
            from_archive,
        )
        run(data, _settings(out=out), choice, schema=schema, max_bad_share=max_bad_share)


@app.command()
def tune(  # noqa: PLR0913, PLR0917 - one argument for each option
    data: Annotated[Path, typer.Option(help="A folder or an interactions file.")],
    out: Out = None,
    schema: Annotated[
        Path | None, typer.Option(help="A TOML file that says which column is which.")
    ] = None,
    trials: Annotated[
        int, typer.Option(help="Trials of each part, the default settings included.", min=1)
    ] = 40,
    minutes: Annotated[
        float | None,
        typer.Option(help="Begin no trial after so long; comparing takes longer.", min=0),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="File of trials; where it exists, go on. Default: OUT/tune/trials.jsonl"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of settings to begin with.")
    ] = None,
    seed: Seed = None,
    max_bad_share: Annotated[
        float, typer.Option(help="Share of bad rows at which to stop.", min=0, max=1)
    ] = 0.05,
) -> None:
    """Search for better settings on windows before the test; writes OUT/tuned.toml."""
    with errors_as_sentences():
        from offline.commands.train import TrainOptions  # noqa: PLC0415 - needs the extra "train"
        from offline.commands.tune import TuneOptions  # noqa: PLC0415 - the same
        from offline.commands.tune import tune as run  # noqa: PLC0415 - the same
        from offline.tune.search import Budget  # noqa: PLC0415 - the same

        budget = Budget(trials) if minutes is None else Budget(trials, 60 * minutes)
        choice = TrainOptions(seed=seed, config=config)
        run(TuneOptions(data, schema, max_bad_share, choice, budget, study), _settings(out=out))


@app.command()
def rollback(
    out: Out = None,
    to: Annotated[str | None, typer.Option(help="A version. Default: the one before.")] = None,
) -> None:
    """Put the bundle that was in service before into service again; running services follow."""
    with errors_as_sentences():
        from offline.commands.bundles import roll_back_and_print  # noqa: PLC0415 - not to load it for serving

        roll_back_and_print(_settings(out=out).out, to)


@app.command()
def bundles(out: Out = None) -> None:
    """List the bundles: when made, how good, what the gate said, which is in service."""
    with errors_as_sentences():
        from offline.commands.bundles import print_bundles  # noqa: PLC0415 - not to load it for serving

        print_bundles(_settings(out=out).out)


@app.command()
def archive(
    out: Out = None,
    every: Annotated[float, typer.Option(help="Seconds between drains.", min=0.1)] = 10.0,
    *,
    once: Annotated[bool, typer.Option("--once", help="Drain what is there, and end.")] = False,
) -> None:
    """Keep events and served lists in Parquet by day, OUT/archive; until Ctrl-C."""
    with errors_as_sentences():
        from offline.commands.archive import archive as run  # noqa: PLC0415 - needs extra "train"

        run(_settings(out=out), once=once, every=every)


@app.command()
def erase(
    user: Annotated[str, typer.Argument(help="Whom to forget.")],
    out: Out = None,
) -> None:
    """Forget a user: in the store, the served log and the archive; the next bundle follows."""
    with errors_as_sentences():
        from offline.commands.archive import erase as run  # noqa: PLC0415 - needs extra "train"

        run(_settings(out=out), user)


@app.command()
def replay(
    request_id: Annotated[str | None, typer.Argument(help="Of an answer in the log.")] = None,
    out: Out = None,
    last: Annotated[
        int | None, typer.Option(help="The newest so many answers; else all.", min=1)
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Ask this version instead.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting to change: policy.diversity=0.3.")
    ] = None,
) -> None:
    """Answer logged requests again; says that they are the same bit for bit, or what differs."""
    with errors_as_sentences():
        from offline.commands.replay import ReplayCommand  # noqa: PLC0415 - needs the extra "train"
        from offline.commands.replay import replay as run  # noqa: PLC0415 - the same

        run(_settings(out=out), ReplayCommand(request_id, last, bundle, changes or ()))


@app.command()
def report(
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two versions to lay side by side.")
    ] = None,
    out: Out = None,
    data: Annotated[
        Path | None, typer.Option(help="Ask both bundles for the test users of this data.")
    ] = None,
) -> None:
    """Say where the report lies and what it says, or compare two bundles."""
    with errors_as_sentences():
        from offline.commands.report import compare_bundles as run  # noqa: PLC0415 - needs the extra "train"
        from offline.commands.report import print_report  # noqa: PLC0415 - the same

        settings = _settings(out=out)
        if compare is None:
            print_report(settings.out)
        else:
            run(compare, settings, data)


@app.command()
def demo(
    out: Out = None,
    host: Host = None,
    port: Port = None,
    data: Annotated[Path, typer.Option(help="Folder for MovieLens 100K.")] = Path("data"),
    user: Annotated[str, typer.Option(help="Whose list to show.")] = "196",
) -> None:
    """Get MovieLens 100K, train, serve, show a first list, and go on serving until Ctrl-C."""
    with errors_as_sentences():
        from offline.commands.demo import demo as run  # noqa: PLC0415 - needs the extra "train"

        run(_settings(out=out, host=host, port=port), data, user)


@events.callback()
def about_events() -> None:
    """What users did."""


@events.command("import")
def import_events(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet, JSONL, or a folder of data.")],
    url: Annotated[
        str, typer.Option(help="Where the service runs; it need not be on this machine.")
    ] = "http://127.0.0.1:8000",
    schema: Annotated[
        Path | None, typer.Option(help="A TOML file that says which column is which.")
    ] = None,
) -> None:
    """Send a file's events to a running service, each once, by the rules of POST /events.

    The service stores them, in Redis or in its embedded server. An event's id is made of what it
    says, or read from a column event_id; FILE.imported.json notes how far the import came. After a
    kill run the same command again. Rows that cannot be used are put into FILE.bad_rows.csv.
    """
    with errors_as_sentences():
        from offline.commands.import_events import run_import  # noqa: PLC0415 - needs the extra "train"

        run_import(file, url, schema)


def _add_training_commands() -> None:
    try:
        from offline.commands.data import data, doctor  # noqa: PLC0415 - needs the extra "train"
    except ModuleNotFoundError:  # a container that only serves
        return
    app.add_typer(data, name="data")
    app.command()(doctor)


def _settings(**given: object) -> Settings:
    """Read the settings; what the command line says wins."""
    return read_settings({name: value for name, value in given.items() if value is not None})


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what a user can put right into one sentence and an exit code, without a traceback."""
    from app.bundle.manifest import BundleError  # noqa: PLC0415 - slow to import, rarely needed
    from offline.data.errors import DataError  # noqa: PLC0415 - the same
    from offline.errors import RefusedError  # noqa: PLC0415 - the same
    from offline.replay_log.differences import DifferentError  # noqa: PLC0415 - the same

    try:
        yield
    except DifferentError as error:
        _fail(str(error), error)
    except RefusedError as error:
        _fail(str(error), error, REFUSED)
    except (SettingsError, PortTakenError, ServerError, BundleError, DataError, OSError) as error:
        _fail(str(error), error)
    except FloatingPointError as error:  # settings with which a model cannot be learnt
        _fail(f"{error}; see the settings of --config", error)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        extra = EXTRAS.get(package, "train")
        _fail(f"{package} is not installed: pip install 'recfunnel[{extra}]'", error)


def _fail(sentence: str, error: Exception, status: int = 1) -> NoReturn:
    Console(stderr=True).print(sentence, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(status) from error


if __name__ == "__main__":
    main()
