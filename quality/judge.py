"""One evaluation for every method: users of all windows pooled, warm and cold apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.data.dataset import Dataset
from offline.evaluate import metrics
from offline.evaluate.baselines import popular_lists
from offline.evaluate.compare import EXPECTED, Background, Measured, measure, summarise
from offline.evaluate.figures import Band, Comparison, Interval
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rolling import Window
from offline.evaluate.rowsets import RowSets
from offline.evaluate.segments import HISTORY_BANDS, NEVER_SEEN, POPULARITY_BANDS, popularity_bands
from offline.models import content
from offline.models.content import ContentConfig

HEADLINE = "graded_ndcg@10"
SEED = 7
K, LONGEST = 10, 20


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A window, and what every method answered to its users, (u, 20 or more) each."""

    window: Window
    lists: dict[str, Lists]
    background: Background

    @classmethod
    def of(cls, dataset: Dataset, window: Window, lists: dict[str, Lists]) -> "Answered":
        """Add what was known of the items at the cut, and the lists by popularity."""
        counts = np.bincount(window.known.items, minlength=len(dataset.catalogue))
        vectors = content.fit(dataset.catalogue, ContentConfig(), SEED).items
        background = Background(counts.astype(np.float64), vectors if vectors.any() else None)
        if EXPECTED not in lists:  # serendipity needs them
            order = np.argsort(-counts, kind="stable").astype(np.int64)
            lists = lists | {EXPECTED: popular_lists(order, window.seen(), LONGEST)}
        return cls(window, lists, background)

    def take(self, chosen: NDArray[np.intp]) -> tuple[dict[str, Lists], RowSets]:
        """Keep these users: their lists and what they took."""
        lists = {method: rows[chosen] for method, rows in self.lists.items()}
        return lists, self.window.relevant.take(chosen)


def judge(answered: Sequence[Answered], reference: str) -> dict[str, Any]:
    """Give all figures of all methods, and ``reference`` against each."""
    return {
        "warm": _pooled(answered, reference, warm=True),
        "cold": _pooled(answered, reference, warm=False),
        "windows": {part.window.name: _of_window(part) for part in answered},
        "by_history": _by_history(answered),
        "by_popularity": _by_popularity(answered),
    }


def headline(lists: Lists, relevant: RowSets) -> PerUser:
    """Give graded NDCG@10 of each user."""
    return metrics.ndcg(metrics.judge(lists, relevant), K, graded=True)


def _pooled(answered: Sequence[Answered], reference: str, *, warm: bool) -> Comparison | None:
    """Judge the warm or the cold users; cold ones by the methods that answer them."""
    parts = [_measured(part, np.flatnonzero((part.window.events > 0) == warm)) for part in answered]
    parts = [part for part in parts if len(part.persons)]
    if not parts:
        return None
    covered = {
        name: [part.coverage[name]["coverage@10"] for part in parts] for name in parts[0].coverage
    }
    kept = [name for name, shares in covered.items() if any(shares)]
    pooled = Measured.pool([_only(part, kept) for part in parts])
    best = max(kept, key=lambda name: float(np.nanmean(pooled.per_user[name, HEADLINE])))
    return summarise(pooled, SEED, reference if reference in kept else best)


def _measured(part: Answered, chosen: NDArray[np.intp]) -> Measured:
    lists, relevant = part.take(chosen)
    found = measure(lists, relevant, part.background, graded=True)
    return Measured(part.window.users[chosen][found.persons], found.per_user, found.coverage)


def _only(part: Measured, methods: Sequence[str]) -> Measured:
    return Measured(
        part.persons,
        {key: values for key, values in part.per_user.items() if key[0] in methods},
        {method: part.coverage[method] for method in methods},
    )


def _of_window(part: Answered) -> dict[str, Any]:
    """Give the headline of one window's warm users, and how many there are."""
    warm = np.flatnonzero(part.window.events > 0)
    lists, relevant = part.take(warm)
    return {
        "interactions": len(part.window.known),
        "warm": len(warm),
        "cold": len(part.window.users) - len(warm),
        HEADLINE: {
            method: float(np.mean(headline(rows, relevant))) for method, rows in lists.items()
        }
        if len(warm)
        else {},
    }


def _by_history(answered: Sequence[Answered]) -> list[Band]:
    """Give the headline of each method by the number of events known of the user."""
    names, least = list(HISTORY_BANDS), np.array(list(HISTORY_BANDS.values()))
    events = np.concatenate([part.window.events for part in answered])
    persons = np.concatenate([part.window.users for part in answered])
    methods = list(answered[0].lists)
    columns = np.stack(
        [
            np.concatenate([headline(p.lists[method], p.window.relevant) for p in answered])
            for method in methods
        ],
        axis=1,
    )
    band_of = np.searchsorted(least, events, side="right") - 1
    bands = []
    for band in np.unique(band_of):
        members = np.flatnonzero(band_of == band)
        drawn = Bootstrap.of(columns[members], SEED, persons=persons[members])
        figures = {method: drawn.mean(at) for at, method in enumerate(methods)}
        bands.append(Band(band=names[band], count=len(members), methods=figures))
    return bands


def _by_popularity(answered: Sequence[Answered]) -> list[Band]:
    """Give the share of relevant items of each popularity band that are among the first 10.

    Bands are those of each window; ``count`` is of relevant items, over all windows.
    """
    names = [*POPULARITY_BANDS, NEVER_SEEN]
    bands_of = [popularity_bands(part.background.counts) for part in answered]
    persons = np.concatenate([part.window.users for part in answered])
    bands = []
    for number, band in enumerate(names):
        parts = [
            _found_in(part, bands == number) for part, bands in zip(answered, bands_of, strict=True)
        ]
        columns = np.concatenate(parts)
        if columns[:, 0].any():
            drawn = Bootstrap.of(columns, SEED, persons=persons)
            figures: Mapping[str, Interval] = {
                method: drawn.ratio(at, 0) for at, method in enumerate(answered[0].lists, start=1)
            }
            count = int(columns[:, 0].sum())
            bands.append(Band(band=band, count=count, methods=dict(figures)))
    return bands


def _found_in(part: Answered, within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Count each user's relevant items within a band, and those each method lists, (u, 1 + m)."""
    relevant = part.window.relevant
    columns = [np.bincount(relevant.owners, within[relevant.rows], len(relevant))]
    owners = np.repeat(np.arange(len(relevant)), K)
    for rows in part.lists.values():
        first = rows[:, :K]
        hits = (relevant.grades_of(owners.reshape(first.shape), first) > 0) & within[first]
        columns.append(hits.sum(axis=1))
    return np.stack(columns, axis=1).astype(np.float64)
