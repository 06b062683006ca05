"""The figures in sentences that claim no more than the intervals allow; weaknesses too."""

from itertools import pairwise
from typing import NamedTuple

from offline.evaluate.baselines import BASELINES
from offline.evaluate.figures import HEADLINE, Difference, Interval, SegmentBand
from offline.evaluate.intervals import is_clear
from offline.evaluate.segments import MIN_BAND_USERS, RIVAL
from offline.report.glossary import METHODS, method_label
from offline.report.report_figures import ReportFigures

LOSS_NAMES = ("recall", "the coarse cut", "the fine cut", "the choice of the list", "its order")
MAX_NAMED = 4  # weaknesses named in a sentence; the table has all


def summarise_quality(figures: ReportFigures) -> str:
    """Return a paragraph on how good the lists are, against the best baseline."""
    funnel = figures["methods"]["funnel"]
    precision, hit_rate = (
        funnel["precision@10"]["mean"] or 0.0,
        funnel["hit_rate@10"]["mean"] or 0.0,
    )
    quality = (
        f"Of the 10 items shown, a user goes on to choose {10 * precision:.1f} on average, and "
        f"{hit_rate:.0%} of users choose at least one."
    )
    rivals = [name for name in BASELINES if name in figures["differences"]]
    best = max(rivals, key=lambda name: figures["methods"][name][HEADLINE]["mean"] or 0.0)
    ratio = figures["differences"][best][HEADLINE]["ratio"]
    if ratio["mean"] is None or ratio["low"] is None or ratio["high"] is None:
        return quality
    gain = ratio["mean"] - 1.0
    return (
        f"{quality} By NDCG@10, which counts what is shown and how near the top, the lists are "
        f"{abs(gain):.0%} {'better' if gain >= 0 else 'worse'} than {METHODS[best].lower()}, the "
        "better of the lists that are the same for everybody (95\u00a0% interval: "
        f"{ratio['low'] - 1.0:+.0%} to {ratio['high'] - 1.0:+.0%})."
    )


def summarise_stages(figures: ReportFigures) -> str:
    """Return the share of what users went on to choose that is left after each step."""
    recall, _, fine, final = (cut["alive"] for cut in figures["attribution"]["cuts"])
    return (
        f"Of all that users went on to choose, recall finds {recall:.0%}, the rankers keep "
        f"{fine:.0%} among the last candidates, and {final:.0%} is shown."
    )


def compare_with_baselines(figures: ReportFigures) -> list[str]:
    """Return for each baseline whether the funnel is better, by how much, and how sure that is."""
    differences = figures["differences"]
    return [
        _comparison(METHODS[name].lower(), differences[name][HEADLINE])
        for name in BASELINES
        if name in differences
    ]


def _comparison(other: str, figure: Difference) -> str:
    gap, ratio = figure["difference"], figure["ratio"]
    if gap["low"] is None or gap["high"] is None or gap["mean"] is None:
        return f"The funnel cannot be compared with {other}: there are no figures."
    bounds = f"95\u00a0% interval {gap['low']:+.3f} to {gap['high']:+.3f}"
    difference = f"NDCG@10 differs by {gap['mean']:+.3f} ({bounds})"
    if not is_clear(gap["low"], gap["high"]):
        return f"The funnel is not clearly better or worse than {other}: {difference}."
    verdict = "better" if gap["low"] > 0 else "worse"
    times = f", {ratio['mean']:.2f} times as high" if ratio["mean"] is not None else ""
    return f"The funnel is clearly {verdict} than {other}: {difference}{times}."


def ndcg_losses(figures: ReportFigures) -> list[float]:
    """Split the distance of NDCG@k to 1 by the step that loses it: each cut, then the order."""
    attribution = figures["attribution"]
    actual = figures["methods"]["funnel"][f"ndcg@{attribution['k']}"]["mean"] or 0.0
    possible = [1.0, *(cut["oracle_ndcg"] for cut in attribution["cuts"]), actual]
    return [before - after for before, after in pairwise(possible)]


def describe_largest_loss(figures: ReportFigures) -> str:
    """Return what recall finds, and which stage loses most of a perfect list's NDCG."""
    recall, losses = figures["attribution"]["cuts"][0]["alive"], ndcg_losses(figures)
    worst = max(range(len(losses)), key=losses.__getitem__)
    return (
        f"Recall finds {recall:.1%} of what users went on to choose. A perfect list has an NDCG of "
        f"1. Of the distance to it, most ({losses[worst]:.3f}) is lost by {LOSS_NAMES[worst]}."
    )


class Weakness(NamedTuple):
    """One group of users or items in which a simpler list is better on average."""

    where: str
    measure: str
    funnel: float
    rival: str
    rival_figure: float
    gap: Interval  # funnel - rival, on the same users
    events: int = -1  # revealed of a new user; -1: the weakness is not about new users

    @property
    def is_clear(self) -> bool:
        """True if all of the printed interval is below 0; the number of groups is not corrected."""
        return is_clear(self.gap["low"], self.gap["high"]) and (self.gap["mean"] or 0.0) < 0


def find_weaknesses(figures: ReportFigures) -> list[Weakness]:
    """Return where the funnel has the lower mean; clear weaknesses come first."""
    groups = [*_overall(figures), *_in_bands(figures), *_for_new_users(figures)]
    return sorted(
        (group for group in groups if group.funnel < group.rival_figure),
        key=lambda group: not group.is_clear,
    )


def summarise_weaknesses(weaknesses: list[Weakness]) -> str:
    """Return a sentence that names where the funnel clearly loses."""
    if not weaknesses:
        return "A simpler list was better on average in none of the groups of users and items."
    clear = [weakness for weakness in weaknesses if weakness.is_clear]
    unclear = len(weaknesses) - len(clear)
    rest = f"in {unclear} of the groups it is behind by what may be chance"
    if not clear:
        return f"It clearly loses nowhere; {rest}."
    losses = f"It clearly loses for {_groups(clear)}"
    return f"{losses}; {rest}." if unclear else f"{losses}."


def _groups(weaknesses: list[Weakness]) -> str:
    """Name the groups; new users are named once, with all numbers of events."""
    where = [weakness.where for weakness in weaknesses if weakness.events < 0]
    events = [str(weakness.events) for weakness in weaknesses if weakness.events >= 0]
    if events:
        where.append(f"new users after {', '.join(events)} events")
    more = f" and {len(where) - MAX_NAMED} more" if len(where) > MAX_NAMED else ""
    return "; ".join(where[:MAX_NAMED]) + more


def _overall(figures: ReportFigures) -> list[Weakness]:
    methods = figures["methods"]
    return [
        Weakness(
            "all users of the headline",
            "NDCG@10",
            methods["funnel"][HEADLINE]["mean"] or 0.0,
            method_label(name),
            methods[name][HEADLINE]["mean"] or 0.0,
            differences[HEADLINE]["difference"],
        )
        for name, differences in figures["differences"].items()
    ]


def _in_bands(figures: ReportFigures) -> list[Weakness]:
    segments = figures["segments"]
    users = [("users with a history of", band) for band in segments["history"]]
    for attribute in segments["attributes"]:
        users += [(f"users of {attribute['name']}", band) for band in attribute["bands"]]
    items = [("items of popularity", band) for band in segments["popularity"]]
    return [
        *(
            _band(words, band, "NDCG@10")
            for words, band in users
            if band["count"] >= MIN_BAND_USERS
        ),
        *(_band(words, band, "recall@10") for words, band in items),
    ]


def _band(words: str, band: SegmentBand, measure: str) -> Weakness:
    where = f"{words} \u201c{band['band']}\u201d"
    funnel, rival = (band["methods"][name]["mean"] or 0.0 for name in ("funnel", RIVAL))
    return Weakness(where, measure, funnel, METHODS[RIVAL], rival, band["lead"])


def _for_new_users(figures: ReportFigures) -> list[Weakness]:
    weaknesses = []
    for point in figures["cold_curve"]:
        means = {name: figure["mean"] or 0.0 for name, figure in point["methods"].items()}
        rival = max((*BASELINES, point["best_channel"]), key=lambda name: means[name])
        events = point["events"]
        weaknesses.append(
            Weakness(
                f"new users after {events} event{'s' * (events != 1)}",
                "NDCG@10",
                means["funnel"],
                method_label(rival),
                means[rival],
                point["differences"][rival],
                events,
            )
        )
    return weaknesses
