"""What the figures say, in sentences that claim no more than the intervals allow."""

from itertools import pairwise

from offline.evaluate.figures import Difference
from offline.report.glossary import BASELINES, METHODS
from offline.report.page import ReportFigures

HEADLINE = "ndcg@10"
LOSS_NAMES = ("recall", "the coarse cut", "the fine cut", "the choice of the list", "its order")


def summarise_quality(figures: ReportFigures) -> str:
    """Say in a paragraph how good the lists are, against the stronger of the simple ones."""
    funnel = figures["methods"]["funnel"]
    found, hit = funnel["precision@10"]["mean"] or 0.0, funnel["hit_rate@10"]["mean"] or 0.0
    said = (
        f"Of the 10 items shown, a user goes on to choose {10 * found:.1f} on average, and "
        f"{hit:.0%} of users choose at least one."
    )
    rivals = [name for name in BASELINES if name in figures["differences"]]
    name = max(rivals, key=lambda name: figures["methods"][name][HEADLINE]["mean"] or 0.0)
    ratio = figures["differences"][name][HEADLINE]["ratio"]
    if ratio["mean"] is None or ratio["low"] is None or ratio["high"] is None:
        return said
    other, better = METHODS[name].lower(), ratio["mean"] - 1.0
    word = "better" if better >= 0 else "worse"
    return (
        f"{said} Judged by what is shown and how near the top it is (NDCG@10), the lists are "
        f"{abs(better):.0%} {word} than {other}, the stronger of the lists that are the same for "
        f"everybody (95\u00a0% interval: {ratio['low'] - 1.0:+.0%} to {ratio['high'] - 1.0:+.0%})."
    )


def summarise_stages(figures: ReportFigures) -> str:
    """Say how much of what users went on to choose gets how far."""
    recall, _, fine, final = (cut["alive"] for cut in figures["attribution"]["cuts"])
    return (
        f"Of all that users went on to choose, recall finds {recall:.0%}, the rankers keep "
        f"{fine:.0%} among the last candidates, and {final:.0%} is shown."
    )


def compare_with_baselines(figures: ReportFigures) -> list[str]:
    """Say for each baseline whether the funnel is better, by how much, and how sure that is."""
    found = figures["differences"]
    return [
        _against(METHODS[name].lower(), found[name][HEADLINE])
        for name in BASELINES
        if name in found
    ]


def ndcg_losses(figures: ReportFigures) -> list[float]:
    """Split what NDCG@k lacks to 1 by who lost it: each cut in turn, then the order of the list."""
    attribution = figures["attribution"]
    reached = figures["methods"]["funnel"][f"ndcg@{attribution['k']}"]["mean"] or 0.0
    possible = [1.0, *(cut["oracle_ndcg"] for cut in attribution["cuts"]), reached]
    return [before - after for before, after in pairwise(possible)]


def describe_largest_loss(figures: ReportFigures) -> str:
    """Say what recall finds, and who loses most of what a perfect list would have."""
    found, losses = figures["attribution"]["cuts"][0]["alive"], ndcg_losses(figures)
    worst = max(range(len(losses)), key=losses.__getitem__)
    return (
        f"Recall finds {found:.1%} of what users went on to choose. A perfect list has an NDCG of "
        f"1; of what is missing to it, most ({losses[worst]:.3f}) is lost by {LOSS_NAMES[worst]}."
    )


def _against(other: str, figure: Difference) -> str:
    gap, ratio = figure["difference"], figure["ratio"]
    if gap["low"] is None or gap["high"] is None or gap["mean"] is None:
        return f"The funnel cannot be compared with {other}: there are no figures."
    bounds = f"95\u00a0% interval {gap['low']:+.3f} to {gap['high']:+.3f}"
    sure = f"NDCG@10 differs by {gap['mean']:+.3f} ({bounds})"
    if gap["low"] <= 0 <= gap["high"]:
        return f"The funnel is not clearly better or worse than {other}: {sure}."
    verdict = "better" if gap["low"] > 0 else "worse"
    times = f", {ratio['mean']:.2f} times as high" if ratio["mean"] is not None else ""
    return f"The funnel is clearly {verdict} than {other}: {sure}{times}."
