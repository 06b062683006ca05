"""Print a search: a bar for each part, a table of the results, and the conclusion."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from offline.config import JobConfig
from offline.setting_paths import flatten_config
from offline.tune.search import FunnelComparison, PartResult, SearchListener, SearchResult
from offline.tune.study import Study

WARNING = (
    "The settings were selected on these windows before the test, so the figures are optimistic. "
    "The search did not use the test; recfunnel train evaluates on it."
)


def progress_bars() -> Progress:
    """Return the bars: each part's trials, the best so far, the elapsed and the remaining time."""
    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
    )


def show_progress(progress: Progress) -> SearchListener:
    """Show a search in these bars."""
    tasks: list[TaskID] = []

    def start_part(study: Study, trials: int) -> None:
        tasks.append(
            progress.add_task(
                study.part.name, total=trials, completed=len(study.finished), best=_best(study)
            )
        )

    def finish_trial(study: Study) -> None:
        progress.update(tasks[-1], completed=len(study.finished), best=_best(study))

    def finish_part(result: PartResult) -> None:
        progress.update(tasks[-1], total=result.trials)

    def start_comparison() -> None:
        label = "the default against the new settings"
        tasks.append(progress.add_task("whole funnel", total=None, best=label))

    return SearchListener(start_part, finish_trial, finish_part, start_comparison)


def _best(study: Study) -> str:
    if not study.finished:
        return study.part.metric
    best, default = study.best.value, study.default.value
    return f"{study.part.metric} {best:.4f} (default {default:.4f})"


def results_table(results: list[PartResult]) -> Table:
    """Return a table with one row for each part."""
    title = "Windows before the test: default -> best of the trials"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in ("part", "measure", "trials", "selection", "later window", "best is"):
        table.add_column(column, justify="right" if column == "trials" else "left", no_wrap=True)
    for result in results:
        later = _arrow(result.confirmation) if result.confirmation else ""
        table.add_row(
            result.part.name,
            result.part.metric,
            str(result.trials),
            _arrow(result.selection),
            later,
            _conclusion(result),
        )
    return table


def _arrow(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.3f} -> {pair[1]:.3f}"


def _conclusion(result: PartResult) -> str:
    if result.is_kept:
        return "kept"
    return "the default" if result.confirmation is None else "unconfirmed"


def describe_comparison(comparison: FunnelComparison | None) -> str:
    """Return in a sentence or two whether the new settings are better than the default."""
    if comparison is None:
        return "No setting is better than the default, so the default is written."
    low, high = comparison.difference["low"], comparison.difference["high"]
    figures = (
        f"NDCG@10 of the whole funnel for {comparison.users} users in the last window before the "
        f"test: default {comparison.default:.4f}, new settings {comparison.tuned:.4f}, "
        f"{comparison.tuned - comparison.default:+.4f} (95 % {low:+.4f} to {high:+.4f})."
    )
    if not comparison.is_better:
        return f"{figures} The new settings are not better there, so the default is written."
    chance = (
        " The interval contains 0, so the gain may be chance." if low is None or low <= 0 else ""
    )
    return f"{figures}{chance}"


def file_header(result: SearchResult, base: JobConfig, dataset: str) -> str:
    """Return the head of the file: its origin, what it changes, and how sure the gain is."""
    before, after = flatten_config(base), flatten_config(result.config)
    changed = [name for name in after if after[name] != before[name]]
    changes = [f"  {name} {before[name]} -> {after[name]}" for name in changed]
    head = f"Settings for {dataset or 'this data'}, by recfunnel tune."
    sentences = [describe_comparison(result.comparison), WARNING]
    sentences += ["Changed settings:"] if changed else []
    return "\n".join([head, *sentences, *changes])
