"""Compare two bundles: ``compare.json`` for programs, ``compare.html`` for people.

``a`` is the bundle that exists, ``b`` the one that might replace it. Differences are b - a.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from app.bundle.manifest import Manifest
from app.features.views import FINE_VIEW, column_names
from app.rank.kinds import describe_rankers, read_rankers
from offline.evaluate.baselines import popular_lists, shown_order
from offline.evaluate.comparison import ItemBackground, compare_methods
from offline.evaluate.figures import HEADLINE, MetricFigures
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import is_clear
from offline.evaluate.metrics import MAX_K, Lists
from offline.evaluate.rowsets import RowSets
from offline.report import glossary
from offline.report.charts import bundles_chart, gains_chart
from offline.report.page import format_date, render_page, write_json
from offline.setting_paths import SettingValue

SHOWN_FEATURES = 20


class BundleFacts(TypedDict):
    """The facts in one bundle's manifest."""

    version: str
    created: str  # date and time, UTC
    dataset: str
    data_end: str
    rows: dict[str, int]
    bytes: int
    trees: int
    gate: str
    methods: MetricFigures  # NDCG@10 of each method on the bundle's own test window
    features: dict[str, float]  # share of the fine ranker's gain
    settings: dict[str, SettingValue]
    seconds: dict[str, float]


class SharedWindow(TypedDict):
    """Figures of both bundles for the same users, over the same recall as of the same cut."""

    cut: str
    users: int
    a: MetricFigures
    b: MetricFigures
    popularity: MetricFigures
    differences: MetricFigures  # b - a, paired


class BundleComparison(TypedDict):
    """The figures of a whole comparison."""

    a: BundleFacts
    b: BundleFacts
    warm: SharedWindow | None  # users with a history; None: there is no shared window
    cold: SharedWindow | None
    notes: list[str]


def bundle_facts(folder: Path, manifest: Manifest) -> BundleFacts:
    """Collect the facts of a bundle."""
    _, fine = describe_rankers(read_rankers(folder, manifest.rankers), manifest.rankers)
    return BundleFacts(
        version=manifest.version,
        created=format_date(manifest.created, "%Y-%m-%d %H:%M"),
        dataset=manifest.dataset,
        data_end=format_date(manifest.data_end),
        rows=manifest.rows,
        bytes=sum(record.bytes for record in manifest.files.values()),
        trees=fine.trees,
        gate=manifest.gate.verdict if manifest.gate else "-",
        methods=manifest.metrics.get(HEADLINE, {}),
        features={name: fine.columns.get(name, 0.0) for name in column_names(FINE_VIEW)},
        settings={**manifest.settings, **asdict(manifest.sizes), "seed": manifest.seed},
        seconds=manifest.seconds,
    )


def shared_window(
    holdout: Holdout, lists: list[Lists], members: NDArray[np.bool_]
) -> SharedWindow | None:
    """Evaluate the lists of ``a`` and ``b`` for some of the users; None where there are none."""
    users = np.flatnonzero(members)
    if not len(users):
        return None
    models = holdout.models
    active = [holdout.users[user] for user in users]
    seen = RowSets.of(
        [user.seen.hidden(models.users.history(user.user), holdout.cut) for user in active]
    )
    a, b = (rows[users] for rows in lists)
    comparison = compare_methods(
        {
            "funnel": b,
            "a": a,
            "popularity": popular_lists(shown_order(models), seen, MAX_K),
        },
        holdout.relevant.take(users),
        ItemBackground(
            models.popularity.counts[-1],
            models.content.items if models.content.items.any() else None,
        ),
        holdout.seed,
    )
    methods, differences = comparison["methods"], comparison["differences"]["a"]
    return SharedWindow(
        cut=format_date(holdout.cut),
        users=comparison["evaluated_users"],
        a=methods["a"],
        b=methods["funnel"],
        popularity=methods["popularity"],
        differences={name: figure["difference"] for name, figure in differences.items()},
    )


def write_comparison(comparison: BundleComparison, out: Path) -> Path:
    """Write both files into ``out``; return the path of the page."""
    write_json(comparison, out / "compare.json")
    page = out / "compare.html"
    page.write_text(render(comparison), encoding="utf-8")
    return page


def render(comparison: BundleComparison) -> str:
    """Return the whole page as HTML."""
    return render_page(
        "bundle_comparison.html",
        _draw_plots(comparison),
        comparison=comparison,
        a=comparison["a"],
        b=comparison["b"],
        conclusion=conclusion(comparison),
        order=_order(comparison),
        differing=differing_settings(comparison),
    )


def conclusion(comparison: BundleComparison) -> str:
    """Return which bundle is better, claiming no more than the interval allows."""
    window = comparison["warm"] or comparison["cold"]
    if window is None:
        return (
            "Each bundle was evaluated on its own test window, so the figures cannot be "
            "subtracted. Give --data to evaluate both for the same users."
        )
    gap = window["differences"][HEADLINE]
    if gap["mean"] is None or gap["low"] is None or gap["high"] is None:
        return "The two cannot be compared: there are no figures."
    bounds = f"95\u00a0% interval {gap['low']:+.3f} to {gap['high']:+.3f}"
    difference = f"NDCG@10 {gap['mean']:+.3f} ({bounds})"
    version = comparison["b"]["version"]
    if not is_clear(gap["low"], gap["high"]):
        return f"{version} is not clearly better or worse: {difference}."
    return f"{version} is clearly {'better' if gap['low'] > 0 else 'worse'}: {difference}."


def differing_settings(
    comparison: BundleComparison,
) -> list[tuple[str, SettingValue, SettingValue]]:
    """List the settings that differ, by name. A bundle without the setting has "-"."""
    a, b = comparison["a"]["settings"], comparison["b"]["settings"]
    names = sorted(a.keys() | b.keys())
    pairs = [(name, a.get(name, "-"), b.get(name, "-")) for name in names]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _order(comparison: BundleComparison) -> list[str]:
    """Return the methods in the report's order, channels by their NDCG in ``b``."""
    a, b = comparison["a"]["methods"], comparison["b"]["methods"]
    return glossary.ordered_methods(
        {name: {HEADLINE: figure} for name, figure in (a | b).items()}, HEADLINE
    )


def _draw_plots(comparison: BundleComparison) -> dict[str, str]:
    a, b = comparison["a"]["features"], comparison["b"]["features"]
    largest = sorted(
        a.keys() | b.keys(), key=lambda name: (-a.get(name, 0.0) - b.get(name, 0.0), name)
    )[:SHOWN_FEATURES]
    plots = {"features": gains_chart(a, b, largest)}
    for group, window in (("warm", comparison["warm"]), ("cold", comparison["cold"])):
        if window:
            plots[group] = bundles_chart(window["a"], window["b"], window["popularity"])
    return plots
