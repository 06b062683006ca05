"""Write the report of a training: ``report.json`` for programs, ``report.html`` for people.

Neither holds more than the figures, so the same figures give the same bytes.
"""

from pathlib import Path

from offline.evaluate.baselines import BASELINES
from offline.evaluate.figures import HEADLINE
from offline.evaluate.segments import MIN_BAND_USERS
from offline.report import glossary, verdict
from offline.report.page import render_page, write_json
from offline.report.report_figures import FeatureFigure, ReportFigures

SHOWN_FEATURES = 25


def prepare_report(*, with_plots: bool) -> None:
    """Import what draws the plots, so that a training fails at once if it is not installed.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    if with_plots:
        import offline.report.plots  # noqa: F401, PLC0415 - half a second


def write_report(figures: ReportFigures, folder: Path, *, with_plots: bool = True) -> None:
    """Write ``report.json`` and one self-contained ``report.html`` into ``folder``.

    Raises:
        OSError: the folder cannot be created or written.
        jinja2.UndefinedError: a part of the figures is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(figures, folder / "report.json")
    page = render(figures, with_plots=with_plots)
    (folder / "report.html").write_text(page, encoding="utf-8")


def render(figures: ReportFigures, *, with_plots: bool = True) -> str:
    """Return the whole page as HTML."""
    plots: dict[str, str] = {}
    if with_plots:
        from offline.report.plots import draw_plots  # noqa: PLC0415 - matplotlib takes half a second

        plots = draw_plots(figures)
    weaknesses = verdict.find_weaknesses(figures)
    features = sorted(figures["features"], key=lambda feature: (-feature["gain"], feature["name"]))
    return render_page(
        "report.html",
        plots,
        figures=figures,
        summary=verdict.summarise_quality(figures),
        weaknesses=weaknesses,
        weakness_summary=verdict.summarise_weaknesses(weaknesses),
        stage_summary=verdict.summarise_stages(figures),
        verdicts=verdict.compare_with_baselines(figures),
        largest_loss=verdict.describe_largest_loss(figures),
        losses=verdict.ndcg_losses(figures),
        order=glossary.ordered_methods(figures["methods"], HEADLINE),
        features=features[:SHOWN_FEATURES],
        groups=_gain_by_group(figures["features"]),
        total_gain=sum(feature["gain"] for feature in features) or 1.0,
        total_seconds=sum(timing["seconds"] for timing in figures["timings"]),
        baselines=list(BASELINES),
        constants=figures.get("constants", []),
        hybrids=figures.get("hybrids", []),
        objectives=figures.get("objectives", []),
        min_band_users=MIN_BAND_USERS,
        best=_best_means(figures),
    )


def _gain_by_group(features: list[FeatureFigure]) -> list[tuple[str, int, float]]:
    """Return the name, size and total gain of each group of features, the largest gain first."""
    gains: dict[str, list[float]] = {}
    for feature in features:
        gains.setdefault(feature["group"], []).append(feature["gain"])
    groups = [(group, len(gain), sum(gain)) for group, gain in gains.items()]
    return sorted(groups, key=lambda group: (-group[2], group[0]))


def _best_means(figures: ReportFigures) -> dict[str, float]:
    """Return the highest mean of each accuracy metric, which the page shows in bold."""
    methods = list(figures["methods"].values())
    names = [name for name in methods[0] if name.split("@")[0] in glossary.ACCURACY]
    return {name: max(metrics[name]["mean"] or 0.0 for metrics in methods) for name in names}
