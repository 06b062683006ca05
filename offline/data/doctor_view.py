"""Show a diagnosis on a terminal."""

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from app.trainings.data_diagnosis import QUANTILES, DataDiagnosis, FindingLevel

MAX_TEXT_WIDTH = 60  # characters of a bad row's text
MARKS: dict[FindingLevel, tuple[str, str]] = {
    "good": ("✓", "green"),
    "limit": ("!", "yellow"),
    "problem": ("✗", "red"),
}


def render(diagnosis: DataDiagnosis) -> RenderableType:
    """Return tables of figures, files and bad rows, and the findings."""
    parts: list[RenderableType] = [_figures(diagnosis), _files(diagnosis)]
    if diagnosis.columns:
        parts.append(_columns(diagnosis))
    if diagnosis.bad_rows:
        parts.append(_bad_rows(diagnosis))
    return Group(*parts, *_findings(diagnosis))


def _figures(diagnosis: DataDiagnosis) -> Table:
    table = Table(title=f"{escape(diagnosis.name)} ({diagnosis.layout})", show_header=False)
    quantiles = zip(QUANTILES, diagnosis.events_per_user, strict=False)  # none without events
    rows = {
        "users": f"{diagnosis.users:,} ({diagnosis.idle_users:,} without interactions)",
        "items": f"{diagnosis.items:,} ({diagnosis.idle_items:,} without interactions)",
        "interactions": f"{diagnosis.interactions:,}",
        "time span": _span(diagnosis.first, diagnosis.last),
        "density": f"{diagnosis.density:.3%}",
        "positive / negative": f"{diagnosis.positive:.1%} / {diagnosis.negative:.1%}",
        "events per user": ", ".join(f"{q:.0%}: {n:,.0f}" for q, n in quantiles) or "none",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _span(first_time: float | None, last_time: float | None) -> str:
    if first_time is None or last_time is None:
        return "no timestamps"
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (first_time, last_time))
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC ({(last - first).days} days)"


def _files(diagnosis: DataDiagnosis) -> Table:
    table = Table("file", "rows", "good", "bad", "duplicates")
    for count in diagnosis.files:
        figures = (count.rows, count.good, count.bad, count.duplicates)
        table.add_row(escape(count.file), *[f"{n:,}" for n in figures])
    return table


def _columns(diagnosis: DataDiagnosis) -> Table:
    table = Table("file", "column", "read as")
    for use in diagnosis.columns:
        table.add_row(escape(use.file), escape(use.column), use.field)
    return table


def _bad_rows(diagnosis: DataDiagnosis) -> Table:
    more = diagnosis.bad - len(diagnosis.bad_rows)
    caption = f"and {more:,} more" if more else None
    table = Table("file", "line", "reason", "text", title="Bad rows", caption=caption)
    for row in diagnosis.bad_rows:
        text = escape(ascii(row.text[:MAX_TEXT_WIDTH]))
        table.add_row(escape(row.file), str(row.line), escape(row.reason), text)
    return table


def _findings(diagnosis: DataDiagnosis) -> list[Text]:
    lines = []
    for finding in diagnosis.findings:
        mark, style = MARKS[finding.level]
        lines.append(Text.assemble((f"{mark} ", style), finding.text))
    return lines
