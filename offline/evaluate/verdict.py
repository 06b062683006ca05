"""What the figures say, in sentences that claim no more than the intervals allow."""

from itertools import pairwise

from offline.evaluate.figures import Difference, Figures
from offline.evaluate.glossary import BASELINES, METHODS

HEADLINE = "ndcg@10"
LOSERS = ("recall", "the coarse cut", "the fine cut", "the choice of the list", "its order")


def against_baselines(figures: Figures) -> list[str]:
    """Say for each baseline whether the funnel is better, by how much, and how sure that is."""
    found = figures["differences"]
    return [
        _against(METHODS[name].lower(), found[name][HEADLINE])
        for name in BASELINES
        if name in found
    ]


def ndcg_losses(figures: Figures) -> list[float]:
    """Split what NDCG@k lacks to 1 by who lost it: each cut in turn, then the order of the list."""
    attribution = figures["attribution"]
    reached = figures["methods"]["funnel"][f"ndcg@{attribution['k']}"]["mean"] or 0.0
    possible = [1.0, *(cut["oracle_ndcg"] for cut in attribution["cuts"]), reached]
    return [before - after for before, after in pairwise(possible)]


def largest_loss(figures: Figures) -> str:
    """Say what recall finds, and who loses most of what a perfect list would have."""
    found, losses = figures["attribution"]["cuts"][0]["alive"], ndcg_losses(figures)
    worst = max(range(len(losses)), key=losses.__getitem__)
    return (
        f"Recall finds {found:.1%} of what users went on to choose. A perfect list has an NDCG of "
        f"1; of what is missing to it, most ({losses[worst]:.3f}) is lost by {LOSERS[worst]}."
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
