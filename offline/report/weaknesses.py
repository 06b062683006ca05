"""Where the funnel is beaten: an honest report names it first."""

from typing import NamedTuple

from offline.evaluate.figures import Interval, SegmentBand
from offline.evaluate.segments import MIN_BAND_USERS, RIVAL
from offline.report.glossary import BASELINES, METHODS, method_label
from offline.report.page import ReportFigures

HEADLINE = "ndcg@10"
MAX_NAMED = 4  # in a sentence; the table has all


class Weakness(NamedTuple):
    """One group of users or items in which something simpler is better on average."""

    where: str
    measure: str
    mine: float
    rival: str
    theirs: float
    gap: Interval  # funnel - rival, on the same users
    events: int = -1  # of a new user, revealed; -1: it is not about these

    @property
    def is_clear(self) -> bool:
        """Say whether it is more than chance, as far as one look can tell."""
        return self.gap["high"] is not None and self.gap["high"] < 0


def find_weaknesses(figures: ReportFigures) -> list[Weakness]:
    """Name where the funnel is beaten; what is clear comes first."""
    found = [*_overall(figures), *_in_bands(figures), *_when_new(figures)]
    return sorted((spot for spot in found if spot.mine < spot.theirs), key=lambda w: not w.is_clear)


def summarise_weaknesses(spots: list[Weakness]) -> str:
    """Say where it clearly loses, for those who read no further."""
    if not spots:
        return "In no group of users or items looked at here was a simpler list better on average."
    clear = [spot for spot in spots if spot.is_clear]
    rest = (
        f"in {len(spots) - len(clear)} of the groups looked at it is behind by what may be chance"
    )
    if not clear:
        return f"It clearly loses nowhere; {rest}."
    said = f"It clearly loses for {_listed(clear)}"
    return f"{said}; {rest}." if len(clear) < len(spots) else f"{said}."


def _listed(spots: list[Weakness]) -> str:
    """Name the groups; new users once, with all numbers of events."""
    where = [spot.where for spot in spots if spot.events < 0]
    events = [str(spot.events) for spot in spots if spot.events >= 0]
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
            found[HEADLINE]["difference"],
        )
        for name, found in figures["differences"].items()
    ]


def _in_bands(figures: ReportFigures) -> list[Weakness]:
    segments = figures["segments"]
    users = [("users known by", band) for band in segments["history"]]
    for one in segments["attributes"]:
        users += [(f"users of {one['name']}", band) for band in one["bands"]]
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
    methods = band["methods"]
    mine, theirs = (methods[name]["mean"] or 0.0 for name in ("funnel", RIVAL))
    return Weakness(
        f"{words} \u201c{band['band']}\u201d", measure, mine, METHODS[RIVAL], theirs, band["lead"]
    )


def _when_new(figures: ReportFigures) -> list[Weakness]:
    found = []
    for point in figures["cold_curve"]:
        means = {name: figure["mean"] or 0.0 for name, figure in point["methods"].items()}
        rival = max((*BASELINES, point["best_channel"]), key=lambda name: means[name])
        events = point["events"]
        where = f"new users after {events} event{'s' * (events != 1)}"
        gap = point["differences"][rival]
        label = method_label(rival)
        found.append(Weakness(where, "NDCG@10", means["funnel"], label, means[rival], gap, events))
    return found
