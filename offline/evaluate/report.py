"""Writes the report: ``report.json`` for programs, ``report.html`` for people.

Neither holds more than the figures given, so the same figures give the same bytes.
"""

from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from offline.evaluate import charts, glossary, verdict
from offline.evaluate.figures import Figures, Interval

SHOWN_FEATURES = 20
JSON = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
ABSENT = "n/a"


def write_report(figures: Figures, folder: Path) -> None:
    """Write ``report.json`` and one self-contained ``report.html`` into ``folder``.

    Raises:
        OSError: the folder cannot be made or written.
        jinja2.UndefinedError: a part of the figures is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(orjson.dumps(figures, option=JSON))
    (folder / "report.html").write_text(render(figures), encoding="utf-8")


def render(figures: Figures) -> str:
    """Give the whole page; it needs no script, no network and no other file."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(number=_number, percent=_percent, bounds=_bounds)
    features = sorted(figures["features"], key=lambda feature: (-feature["gain"], feature["name"]))
    return pages.get_template("report.html").render(
        figures=figures,
        glossary=glossary,
        headline=verdict.HEADLINE,
        verdicts=verdict.against_baselines(figures),
        loss=verdict.largest_loss(figures),
        losses=verdict.ndcg_losses(figures),
        order=glossary.ordered_methods(figures["methods"], verdict.HEADLINE),
        features=features[:SHOWN_FEATURES],
        total_gain=sum(feature["gain"] for feature in features) or 1.0,
        total_seconds=sum(timing["seconds"] for timing in figures["timings"]),
        plots=_plots(figures),
        best=_best(figures),
    )


def _plots(figures: Figures) -> dict[str, Markup]:
    """Draw the plots, which escape what they are given, so the page must not do it again."""
    drawn = {
        "methods": charts.methods_chart(figures["methods"], verdict.HEADLINE),
        "funnel": charts.funnel_chart(figures["attribution"], figures["dataset"]["items"]),
        "channels": charts.channels_chart(figures["attribution"]),
        "history": charts.bands_chart(figures["segments"]["history"], "users", "NDCG@10"),
        "popularity": charts.bands_chart(figures["segments"]["popularity"], "items", "recall@10"),
        "coarse": charts.weights_chart(figures["coarse"]),
    }
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704


def _best(figures: Figures) -> dict[str, float]:
    """Give the highest mean of each accuracy metric, to be set in bold."""
    methods = list(figures["methods"].values())
    names = [name for name in methods[0] if name.split("@")[0] in glossary.ACCURACY]
    return {name: max(metrics[name]["mean"] or 0.0 for metrics in methods) for name in names}


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1%}"


def _bounds(figure: Interval) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    return f"{figure['low']:.3f}\u2013{figure['high']:.3f}"
