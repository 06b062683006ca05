"""``recfunnel tune``: reads the data, searches, prints the results, writes a configuration."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from app.settings import Settings
from offline.commands.train import TrainOptions
from offline.config import config_to_toml
from offline.data.atomic import atomic_path
from offline.data.readers import load_dataset
from offline.data.split import split_by_time
from offline.models.registry import without_decay
from offline.tune.search import Budget, PartsFunction, Search, search_parts
from offline.tune.study import open_trials
from offline.tune.view import (
    WARNING,
    describe_comparison,
    file_header,
    progress_bars,
    results_table,
    show_progress,
)
from offline.tune.windows import TuningData

EXIT_INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def tune(  # noqa: PLR0913, PLR0917 - what the command line has, and the parts for tests
    data: Path,
    settings: Settings,
    options: TrainOptions,
    budget: Budget | None = None,
    study: Path | None = None,
    parts: PartsFunction = search_parts,
) -> Path:
    """Search on the windows before the test and print the results; return the written file.

    ``options`` are where the search begins. ``study`` is the file of trials. ``parts`` lists what
    is searched.

    Raises:
        DataError: the data, the configuration or the file of trials cannot be used.
        SystemExit: Ctrl-C stopped the search; the trials are kept.
    """
    console, base = Console(), options.job_config(settings)
    with console.status("Reading and checking the data"):
        dataset = load_dataset(data, options.schema, options.max_bad_share).dataset
    base = base if dataset.traits.has_times else replace(base, recall=without_decay(base.recall))
    tuning_data = TuningData.of(dataset, split_by_time(dataset.log).windows)
    trials = study or settings.out / "tune" / "trials.jsonl"
    try:
        with open_trials(trials) as storage, progress_bars() as progress:
            listener = show_progress(progress)
            search = Search(tuning_data, base, storage, budget or Budget(), listener, parts)
            result = search.run()
    except KeyboardInterrupt:
        _print(console, f"Stopped. The trials are in {trials}: the same command continues there.")
        raise SystemExit(EXIT_INTERRUPTED) from None
    path = settings.out / "tuned.toml"
    with atomic_path(path) as part:
        part.write_text(
            config_to_toml(result.config, file_header(result, base, dataset.name)), "utf-8"
        )
    console.print(results_table(result.parts))
    for sentence in (
        describe_comparison(result.comparison),
        WARNING,
        f"Written: {path}. Next: recfunnel train --data {data} --config {path}",
    ):
        _print(console, sentence)
    return path


def _print(console: Console, sentence: str) -> None:
    console.print(sentence, soft_wrap=True, markup=False, highlight=False)
