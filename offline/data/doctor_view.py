"""Show a diagnosis on a terminal."""

from datetime import UTC, datetime

import polars as pl
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from offline.data.doctor import QUANTILES, Diagnosis
from offline.data.finding import FindingLevel

MAX_BAD_ROWS = 20  # bad rows on the screen; the file of bad rows has all
MAX_TEXT_WIDTH = 60  # characters of a bad row's text
MARKS: dict[FindingLevel, tuple[str, str]] = {
    "good": ("✓", "green"),
    "limit": ("!", "yellow"),
    "problem": ("✗", "red"),
}


def render(diagnosis: Diagnosis) -> RenderableType:
    """Return tables of figures, files and bad rows, and the findings."""
    parts: list[RenderableType] = [_figures(diagnosis), _files(diagnosis)]
    if len(diagnosis.bad):
        parts.append(_bad_rows(diagnosis.bad))
    return Group(*parts, *_findings(diagnosis))


def _figures(diagnosis: Diagnosis) -> Table:
    table = Table(title=f"{escape(diagnosis.name)} ({diagnosis.layout})", show_header=False)
    quantiles = zip(QUANTILES, diagnosis.events_per_user, strict=False)  # none without events
    rows = {
        "users": f"{diagnosis.users:,} ({diagnosis.idle_users:,} without interactions)",
        "items": f"{diagnosis.items:,} ({diagnosis.idle_items:,} without interactions)",
        "interactions": f"{diagnosis.interactions:,}",
        "time span": _span(diagnosis.span),
        "density": f"{diagnosis.density:.3%}",
        "positive / negative": f"{diagnosis.positive:.1%} / {diagnosis.negative:.1%}",
        "events per user": ", ".join(f"{q:.0%}: {n:,.0f}" for q, n in quantiles) or "none",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _span(span: tuple[float, float] | None) -> str:
    if span is None:
        return "no timestamps"
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in span)
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC ({(last - first).days} days)"


def _files(diagnosis: Diagnosis) -> Table:
    table = Table("file", "rows", "good", "bad", "duplicates")
    for count in diagnosis.files:
        figures = (count.lines, count.good, count.bad, count.duplicates)
        table.add_row(escape(count.file), *[f"{n:,}" for n in figures])
    return table


def _bad_rows(bad: pl.DataFrame) -> Table:
    caption = f"and {len(bad) - MAX_BAD_ROWS:,} more" if len(bad) > MAX_BAD_ROWS else None
    table = Table("file", "line", "reason", "text", title="Bad rows", caption=caption)
    for file, line, reason, text in bad.head(MAX_BAD_ROWS).iter_rows():
        table.add_row(escape(file), str(line), escape(reason), escape(ascii(text[:MAX_TEXT_WIDTH])))
    return table


def _findings(diagnosis: Diagnosis) -> list[Text]:
    lines = []
    for finding in diagnosis.findings:
        mark, style = MARKS[finding.level]
        lines.append(Text.assemble((f"{mark} ", style), finding.text))
    return lines
