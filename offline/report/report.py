"""Writes the report: ``report.json`` for programs, ``report.html`` for people.

Neither holds more than the figures given, so the same figures give the same bytes.
"""

from functools import partial
from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from offline.evaluate.figures import Interval, SegmentBand, Variant
from offline.evaluate.segments import MIN_BAND_USERS
from offline.report import charts, curves, glossary, verdict
from offline.report.flow import branch_losses, flow_chart
from offline.report.page import FeatureFigure, ReportFigures
from offline.report.weaknesses import find_weaknesses, summarise_weaknesses

SHOWN_FEATURES = 25
JSON = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
ABSENT = "n/a"


def write_report(figures: ReportFigures, folder: Path) -> None:
    """Write ``report.json`` and one self-contained ``report.html`` into ``folder``.

    Raises:
        OSError: the folder cannot be made or written.
        jinja2.UndefinedError: a part of the figures is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(orjson.dumps(figures, option=JSON))
    (folder / "report.html").write_text(render(figures), encoding="utf-8")


def render(figures: ReportFigures) -> str:
    """Give the whole page; it needs no script, no network and no other file."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(
        number=_number,
        percent=_percent,
        bounds=partial(_bounds, style="{:.3f}"),
        signed=_signed,
        signed_percent=_signed_percent,
        signed_bounds=partial(_bounds, style="{:+.3f}"),
        percent_bounds=partial(_bounds, style="{:+.1%}"),
        megabytes=_megabytes,
    )
    weak = find_weaknesses(figures)
    features = sorted(figures["features"], key=lambda feature: (-feature["gain"], feature["name"]))
    return pages.get_template("report.html").render(
        figures=figures,
        glossary=glossary,
        headline=verdict.HEADLINE,
        summary=verdict.summarise_quality(figures),
        weak=weak,
        losing=summarise_weaknesses(weak),
        way=verdict.summarise_stages(figures),
        verdicts=verdict.compare_with_baselines(figures),
        loss=verdict.describe_largest_loss(figures),
        losses=verdict.ndcg_losses(figures),
        order=glossary.ordered_methods(figures["methods"], verdict.HEADLINE),
        features=features[:SHOWN_FEATURES],
        groups=_groups(figures["features"]),
        branches=branch_losses(figures["attribution"]),
        total_gain=sum(feature["gain"] for feature in features) or 1.0,
        total_seconds=sum(timing["seconds"] for timing in figures["timings"]),
        plots=_plots(figures),
        variants=_variants(figures),
        indexes=figures.get("index", []),
        objectives=figures.get("objectives", []),
        fewest=MIN_BAND_USERS,
        best=_best(figures),
    )


def _plots(figures: ReportFigures) -> dict[str, Markup]:
    """Draw the plots, which escape what they are given, so the page must not do it again."""
    drawn = {
        "methods": charts.methods_chart(figures["methods"], verdict.HEADLINE),
        "funnel": flow_chart(figures["attribution"]),
        "channels": charts.channels_chart(figures["attribution"]),
        "history": charts.bands_chart(figures["segments"]["history"], "users", "NDCG@10"),
        "popularity": charts.bands_chart(figures["segments"]["popularity"], "items", "recall@10"),
        "coarse": charts.weights_chart(figures["coarse"]),
    }
    drawn |= _sweeps(figures)
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704


def _sweeps(figures: ReportFigures) -> dict[str, str]:
    """Draw what was swept; what the data did not allow is left out."""
    drawn = {}
    attributes = [
        SegmentBand(
            band=f"{one['name']}: {band['band']}",
            count=band["count"],
            methods=band["methods"],
            lead=band["lead"],
        )
        for one in figures["segments"]["attributes"]
        for band in one["bands"]
    ]
    if attributes:
        drawn["attributes"] = charts.bands_chart(attributes, "users", "NDCG@10")
    if figures["trade_off"]:
        drawn["trade_off"] = curves.trade_off_chart(figures["trade_off"])
    if figures["cold_curve"]:
        drawn["cold"] = curves.new_user_chart(figures["cold_curve"])
    if figures["calibration"]:
        drawn["calibration"] = curves.calibration_chart(figures["calibration"])
    return drawn


def _variants(figures: ReportFigures) -> list[tuple[str, str, list[Variant]]]:
    """Give the tables of other ways to build the funnel, each with its title; none when absent."""
    without = "The funnel without a part: below zero, the part helps."
    instead = "Channels combined in another way: below zero, the funnel is better."
    tables = [
        ("Ablations", without, figures.get("ablations", [])),
        ("Hybrids", instead, figures.get("hybrids", [])),
    ]
    return [table for table in tables if table[-1]]


def _groups(features: list[FeatureFigure]) -> list[tuple[str, int, float]]:
    """Give each group of features, how many they are, and their gain; the largest first."""
    gains: dict[str, list[float]] = {}
    for feature in features:
        gains.setdefault(feature["group"], []).append(feature["gain"])
    found = [(group, len(gain), sum(gain)) for group, gain in gains.items()]
    return sorted(found, key=lambda group: (-group[2], group[0]))


def _best(figures: ReportFigures) -> dict[str, float]:
    """Give the highest mean of each accuracy metric, to be set in bold."""
    methods = list(figures["methods"].values())
    names = [name for name in methods[0] if name.split("@")[0] in glossary.ACCURACY]
    return {name: max(metrics[name]["mean"] or 0.0 for metrics in methods) for name in names}


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1%}"


def _bounds(figure: Interval, style: str) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    dash = " to " if "+" in style else "\u2013"
    return dash.join(style.format(bound) for bound in (figure["low"], figure["high"]))


def _signed(value: float | None) -> str:
    return ABSENT if value is None else f"{round(value, 3) + 0.0:+.3f}"  # never -0.000


def _signed_percent(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.1%}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
