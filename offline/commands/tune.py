"""``recfunnel tune``: reads the data, searches, says what was found, writes a configuration."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from app.settings import Settings
from offline.commands.train import TrainOptions
from offline.config import config_to_toml
from offline.data.atomic import atomic_path
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.split import split_by_time
from offline.tune.journal import open_journal
from offline.tune.parameter import without_decay
from offline.tune.search import Budget, Search
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


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """What the command line asks for."""

    data: Path
    schema: Path | None = None
    max_bad_share: float = MAX_BAD_SHARE
    choice: TrainOptions = field(default_factory=TrainOptions)  # what the search begins with
    budget: Budget = field(default_factory=Budget)
    study: Path | None = None  # the file of trials; None: in the folder of bundles


def tune(task: TuneOptions, settings: Settings) -> Path:
    """Search on the windows before the test and print what was found; gives the written file.

    Raises:
        DataError: the data, the configuration or the file of trials cannot be used.
        SystemExit: it was stopped by Ctrl-C; what was tried is kept.
    """
    console, base = Console(), task.choice.job_config(settings)
    with console.status("Reading and checking the data"):
        dataset = load_dataset(task.data, task.schema, task.max_bad_share).dataset
    base = base if dataset.traits.has_times else without_decay(base)
    known = TuningData.of(dataset, split_by_time(dataset.log).windows)
    trials = task.study or settings.out / "tune" / "trials.jsonl"
    try:
        with open_journal(trials) as storage, progress_bars() as progress:
            outcome = Search(known, base, storage, task.budget, show_progress(progress)).run()
    except KeyboardInterrupt:
        say(console, f"Stopped. The trials are kept in {trials}: the same command goes on there.")
        raise SystemExit(EXIT_INTERRUPTED) from None
    path = settings.out / "tuned.toml"
    with atomic_path(path) as part:
        part.write_text(
            config_to_toml(outcome.config, file_header(outcome, base, dataset.name)), "utf-8"
        )
    console.print(results_table(outcome.parts))
    say(console, describe_comparison(outcome.comparison))
    say(console, WARNING)
    say(console, f"Written: {path}. Next: recfunnel train --data {task.data} --config {path}")
    return path


def say(console: Console, sentence: str) -> None:
    """Print a sentence as it is."""
    console.print(sentence, soft_wrap=True, markup=False, highlight=False)
