"""Render a page from a template: self-contained HTML, without scripts and without a network."""

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.artifacts import DAY
from offline.evaluate.figures import Interval
from offline.report import glossary

JSON = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
ABSENT = "n/a"


def _format(style: str, value: float | None) -> str:
    return ABSENT if value is None else style.format(value)


def _format_bounds(style: str, dash: str, figure: Interval) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    return dash.join(style.format(bound) for bound in (figure["low"], figure["high"]))


def format_constants(values: dict[str, float | str]) -> str:
    """Return settings with their values in words. Half-lives are in days."""
    return ", ".join(f"{name} {_format_constant(name, one)}" for name, one in values.items())


def _format_constant(name: str, value: float | str) -> str:
    if name != "half_life":
        return str(value)
    return "none" if isinstance(value, str) else f"{value / DAY:g} d"


FILTERS = {  # of the templates
    "number": partial(_format, "{:.3f}"),
    "percent": partial(_format, "{:.1%}"),
    "signed": partial(_format, "{:+z.3f}"),  # z: never -0.000
    "signed_percent": partial(_format, "{:+.1%}"),
    "bounds": partial(_format_bounds, "{:.3f}", "\u2013"),
    "constants": format_constants,
    "silent_channels": lambda channels: [n for n, share in channels.items() if not share["size"]],
    "signed_bounds": partial(_format_bounds, "{:+.3f}", " to "),
    "percent_bounds": partial(_format_bounds, "{:+.1%}", " to "),
    "megabytes": lambda size: f"{size / 1e6:.1f} MB",
}


def render_page(template: str, plots: dict[str, str], **values: Any) -> str:
    """Return the page of a template in this folder.

    ``plots`` are SVG elements, which escape their own texts.

    Raises:
        jinja2.UndefinedError: the template uses a value that is missing.
    """
    safe_plots = {name: Markup(svg) for name, svg in plots.items()}  # noqa: S704
    page = _templates().get_template(template)
    return page.render(plots=safe_plots, glossary=glossary, **values)


@cache
def _templates() -> Environment:
    """Return the templates of this folder; each is compiled once."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


def write_json(figures: object, path: Path) -> None:
    """Write figures with sorted keys, so that the same figures give the same bytes."""
    path.write_bytes(orjson.dumps(figures, option=JSON))


def format_date(time: float, form: str = "%Y-%m-%d") -> str:
    """Return the UTC date of unix seconds."""
    return datetime.fromtimestamp(float(time), UTC).strftime(form)
