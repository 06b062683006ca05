"""What a search shows: a bar for each part, a table of what was found, and the last word."""

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

from offline.job import JobConfig
from offline.publish.flatten_config import flatten_config
from offline.tune.search import FunnelComparison, PartResult, SearchListener, SearchResult
from offline.tune.study import Study

WARNING = (
    "These are windows before the test, by which the settings were chosen: they flatter. The test "
    "itself was not looked at; recfunnel train tells what it says."
)


def progress_bars() -> Progress:
    """Make the bars: each part's trials, the best so far, the time gone and left."""
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
    shown: list[TaskID] = []

    def begin(study: Study, trials: int) -> None:
        shown.append(
            progress.add_task(
                study.part.name, total=trials, completed=len(study.finished), best=_best(study)
            )
        )

    def trial(study: Study) -> None:
        progress.update(shown[-1], completed=len(study.finished), best=_best(study))

    def found(finding: PartResult) -> None:
        progress.update(shown[-1], total=finding.trials)

    def last() -> None:
        told = "defaults against all that was found"
        shown.append(progress.add_task("whole funnel", total=None, best=told))

    return SearchListener(begin, trial, found, last)


def _best(study: Study) -> str:
    if not study.finished:
        return study.part.metric
    best, default = study.best.value, study.default.value
    return f"{study.part.metric} {best:.4f} (default {default:.4f})"


def results_table(findings: list[PartResult]) -> Table:
    """Lay out what came of each part."""
    title = "Windows before the test: default -> best of the trials"
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in ("part", "measure", "trials", "where chosen", "later window", "best is"):
        shown.add_column(column, justify="right" if column == "trials" else "left", no_wrap=True)
    for one in findings:
        later = _arrow(one.confirmation) if one.confirmation else ""
        row = (one.part.name, one.part.metric, str(one.trials), _arrow(one.selection), later)
        shown.add_row(*row, _outcome(one))
    return shown


def _arrow(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.3f} -> {pair[1]:.3f}"


def _outcome(finding: PartResult) -> str:
    if finding.is_kept:
        return "taken up"
    return "the default" if finding.confirmation is None else "unconfirmed"


def describe_comparison(verdict: FunnelComparison | None) -> str:
    """Say whether what was found is better than the defaults, in a sentence or two."""
    if verdict is None:
        return "Nothing was found that is better than the defaults; these are written."
    low, high = verdict.difference["low"], verdict.difference["high"]
    figures = (
        f"NDCG@10 of the whole funnel for {verdict.users} users in the last window before the "
        f"test: defaults {verdict.default:.4f}, found {verdict.tuned:.4f}, "
        f"{verdict.tuned - verdict.default:+.4f} (95 % {low:+.4f} to {high:+.4f})."
    )
    if not verdict.is_better:
        return f"{figures} What was found is not better there, so the defaults are written."
    chance = " The interval holds 0: it may be chance." if low is None or low <= 0 else ""
    return f"{figures}{chance}"


def file_header(outcome: SearchResult, base: JobConfig, dataset: str) -> str:
    """Give the head of the file: where it is from, what it changes, how sure that is."""
    before, after = flatten_config(base), flatten_config(outcome.config)
    moved = [name for name in after if after[name] != before[name]]
    changes = [f"  {name} {before[name]} -> {after[name]}" for name in moved]
    head = f"Settings for {dataset or 'this data'}, by recfunnel tune."
    said = [
        describe_comparison(outcome.comparison),
        WARNING,
        *(["Not the default:"] if moved else []),
    ]
    return "\n".join([head, *said, *changes])
