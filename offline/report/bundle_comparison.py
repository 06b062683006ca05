"""Writes the comparison of two bundles: ``compare.json`` for programs, ``compare.html`` for people.

``a`` is the one that is there, ``b`` the one that might replace it: differences are b - a.
"""

from pathlib import Path
from typing import TypedDict

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from offline.evaluate.figures import Interval, MetricFigures
from offline.publish.flatten_config import SettingValue
from offline.report import glossary
from offline.report.bundle_comparison_charts import bundles_chart, gains_chart

HEADLINE = "ndcg@10"
SHOWN_FEATURES = 20
JSON = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class BundleFacts(TypedDict):
    """What one bundle says of itself."""

    version: str
    made: str  # date and time, UTC
    dataset: str
    data_end: str
    rows: dict[str, int]
    bytes: int
    trees: int
    gate: str
    methods: MetricFigures  # NDCG@10 of each method on the test window of its own day
    features: dict[str, float]  # share of the fine ranker's gain
    settings: dict[str, SettingValue]
    seconds: dict[str, float]


class SharedWindow(TypedDict):
    """Both asked for the same users, over the same recall as of the same cut."""

    cut: str
    users: int
    a: MetricFigures
    b: MetricFigures
    popularity: MetricFigures
    differences: MetricFigures  # b - a, paired


class BundleComparison(TypedDict):
    """A whole comparison."""

    a: BundleFacts
    b: BundleFacts
    warm: SharedWindow | None  # users with a history; None: they could not be asked
    cold: SharedWindow | None
    notes: list[str]


def write_comparison(versus: BundleComparison, out: Path) -> Path:
    """Write both files into ``out``; gives the page."""
    (out / "compare.json").write_bytes(orjson.dumps(versus, option=JSON))
    page = out / "compare.html"
    page.write_text(render(versus), encoding="utf-8")
    return page


def render(versus: BundleComparison) -> str:
    """Give the whole page; it needs no script, no network and no other file."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(number=_number, signed=_signed, bounds=_bounds)
    return pages.get_template("bundle_comparison.html").render(
        versus=versus,
        a=versus["a"],
        b=versus["b"],
        glossary=glossary,
        lead=conclusion(versus),
        order=_order(versus),
        differing=differing_settings(versus),
        plots=_plots(versus),
    )


def conclusion(versus: BundleComparison) -> str:
    """Say which is better, no more than the interval allows."""
    window = versus["warm"] or versus["cold"]
    if window is None:
        return (
            "The two were judged on the test windows of their own days, so their figures cannot be "
            "subtracted: give --data to ask both for the same users."
        )
    gap = window["differences"][HEADLINE]
    if gap["mean"] is None or gap["low"] is None or gap["high"] is None:
        return "The two cannot be compared: there are no figures."
    bounds = f"95\u00a0% interval {gap['low']:+.3f} to {gap['high']:+.3f}"
    sure = f"NDCG@10 {gap['mean']:+.3f} ({bounds})"
    if gap["low"] <= 0 <= gap["high"]:
        return f"{versus['b']['version']} is not clearly better or worse: {sure}."
    return f"{versus['b']['version']} is clearly {'better' if gap['low'] > 0 else 'worse'}: {sure}."


def differing_settings(versus: BundleComparison) -> list[tuple[str, SettingValue, SettingValue]]:
    """List the settings that are not the same, by name; "-" where one does not know it."""
    a, b = versus["a"]["settings"], versus["b"]["settings"]
    names = sorted(a.keys() | b.keys())
    pairs = [(name, a.get(name, "-"), b.get(name, "-")) for name in names]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _order(versus: BundleComparison) -> list[str]:
    """Put the methods in the report's order, channels by how good they are in ``b``."""
    a, b = versus["a"]["methods"], versus["b"]["methods"]
    both = {name: {HEADLINE: figure} for name, figure in (a | b).items()}
    return glossary.ordered_methods(both, HEADLINE)


def _plots(versus: BundleComparison) -> dict[str, Markup]:
    a, b = versus["a"], versus["b"]
    largest = sorted(
        a["features"].keys() | b["features"].keys(),
        key=lambda name: (-a["features"].get(name, 0.0) - b["features"].get(name, 0.0), name),
    )[:SHOWN_FEATURES]
    drawn = {"features": gains_chart(a["features"], b["features"], largest)}
    for group in ("warm", "cold"):
        if window := (versus["warm"] if group == "warm" else versus["cold"]):
            drawn[group] = bundles_chart(window["a"], window["b"], window["popularity"])
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.3f}"


def _bounds(figure: Interval) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    return f"{figure['low']:.3f} to {figure['high']:.3f}"
