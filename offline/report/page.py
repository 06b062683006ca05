"""Renders a page from a template: self-contained HTML, without scripts and without a network."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from offline.evaluate.figures import Interval
from offline.report import glossary

JSON = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
ABSENT = "n/a"


def render_page(template: str, plots: dict[str, str], **values: Any) -> str:
    """Return the page of a template in this folder.

    ``plots`` are SVG elements, which escape their own texts.

    Raises:
        jinja2.UndefinedError: the template uses a value that is missing.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=_number,
        percent=_percent,
        bounds=_bounds,
        signed=_signed,
        signed_percent=_signed_percent,
        signed_bounds=_signed_bounds,
        percent_bounds=_percent_bounds,
        megabytes=_megabytes,
    )
    safe_plots = {name: Markup(svg) for name, svg in plots.items()}  # noqa: S704
    return environment.get_template(template).render(plots=safe_plots, glossary=glossary, **values)


def write_json(figures: object, path: Path) -> None:
    """Write figures with sorted keys, so that the same figures give the same bytes."""
    path.write_bytes(orjson.dumps(figures, option=JSON))


def format_date(time: float, form: str = "%Y-%m-%d") -> str:
    """Return the UTC date of unix seconds."""
    return datetime.fromtimestamp(float(time), UTC).strftime(form)


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1%}"


def _signed(value: float | None) -> str:
    return ABSENT if value is None else f"{round(value, 3) + 0.0:+.3f}"  # never -0.000


def _signed_percent(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.1%}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _bounds(figure: Interval) -> str:
    return _join_bounds(figure, "{:.3f}", "\u2013")


def _signed_bounds(figure: Interval) -> str:
    return _join_bounds(figure, "{:+.3f}", " to ")


def _percent_bounds(figure: Interval) -> str:
    return _join_bounds(figure, "{:+.1%}", " to ")


def _join_bounds(figure: Interval, style: str, dash: str) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    return dash.join(style.format(bound) for bound in (figure["low"], figure["high"]))
