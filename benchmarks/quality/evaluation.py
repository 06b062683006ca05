"""Evaluates every method in the same way: users of all windows pooled, warm and cold apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.windows import HEADLINE, SEED, K, WindowLists, compute_headline
from offline.evaluate.comparison import UserMetrics, compute_user_metrics, summarise
from offline.evaluate.figures import Comparison, MetricFigures
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.segments import HISTORY_BANDS, NEVER_SEEN, POPULARITY_BANDS, popularity_bands


def evaluate(windows: Sequence[WindowLists], reference: str) -> dict[str, Any]:
    """Return all figures of all methods, and ``reference`` compared with each."""
    return {
        "warm": _pooled(windows, reference, warm=True),
        "cold": _pooled(windows, reference, warm=False),
        "windows": {part.window.name: _summarise_window(part) for part in windows},
        "by_history": by_history(windows),
        "by_popularity": by_popularity(windows),
    }


def _pooled(windows: Sequence[WindowLists], reference: str, *, warm: bool) -> Comparison | None:
    """Evaluate the warm or the cold users; cold ones by the methods that list items for them."""
    parts = [
        _compute_part(part, np.flatnonzero((part.window.events > 0) == warm)) for part in windows
    ]
    parts = [part for part in parts if len(part.users)]
    if not parts:
        return None
    covered = {
        name: [part.coverage[name]["coverage@10"] for part in parts] for name in parts[0].coverage
    }
    kept = [name for name, shares in covered.items() if any(shares)]
    pooled = UserMetrics.pool([_keep_methods(part, kept) for part in parts])
    best = max(kept, key=lambda name: float(np.nanmean(pooled.per_user[name, HEADLINE])))
    return summarise(pooled, SEED, reference if reference in kept else best)


def _compute_part(part: WindowLists, chosen: NDArray[np.intp]) -> UserMetrics:
    lists, relevant = part.take(chosen)
    result = compute_user_metrics(lists, relevant, part.background, graded=True)
    return UserMetrics(part.window.users[chosen][result.users], result.per_user, result.coverage)


def _keep_methods(part: UserMetrics, methods: Sequence[str]) -> UserMetrics:
    return UserMetrics(
        part.users,
        {key: values for key, values in part.per_user.items() if key[0] in methods},
        {method: part.coverage[method] for method in methods},
    )


def _summarise_window(part: WindowLists) -> dict[str, Any]:
    """Return the headline of one window's warm users, and the numbers of users."""
    warm = np.flatnonzero(part.window.events > 0)
    lists, relevant = part.take(warm)
    return {
        "interactions": len(part.window.log),
        "warm": len(warm),
        "cold": len(part.window.users) - len(warm),
        HEADLINE: {
            method: float(np.mean(compute_headline(rows, relevant)))
            for method, rows in lists.items()
        }
        if len(warm)
        else {},
    }


@dataclass(frozen=True, slots=True)
class Band:
    """One band of users or items, and each method within it."""

    band: str
    count: int  # users, or relevant items
    methods: MetricFigures


def by_history(windows: Sequence[WindowLists]) -> list[Band]:
    """Return the headline of each method by the length of the user's history."""
    names, minimums = list(HISTORY_BANDS), np.array(list(HISTORY_BANDS.values()))
    events = np.concatenate([part.window.events for part in windows])
    persons = np.concatenate([part.window.users for part in windows])
    methods = list(windows[0].lists)
    columns = np.stack(
        [
            np.concatenate([compute_headline(p.lists[method], p.window.relevant) for p in windows])
            for method in methods
        ],
        axis=1,
    )
    band_of = np.searchsorted(minimums, events, side="right") - 1
    bands = []
    for band in np.unique(band_of):
        members = np.flatnonzero(band_of == band)
        drawn = Bootstrap.of(columns[members], SEED, user_ids=persons[members])
        figures = {method: drawn.mean(at) for at, method in enumerate(methods)}
        bands.append(Band(names[band], len(members), figures))
    return bands


def by_popularity(windows: Sequence[WindowLists]) -> list[Band]:
    """Return the share of relevant items of each popularity band that are among the first 10.

    Bands are those of each window; ``count`` is of relevant items, over all windows.
    """
    names = [*POPULARITY_BANDS, NEVER_SEEN]
    bands_of = [popularity_bands(part.background.counts) for part in windows]
    persons = np.concatenate([part.window.users for part in windows])
    bands = []
    for number, band in enumerate(names):
        parts = [
            _count_hits(part, bands == number)
            for part, bands in zip(windows, bands_of, strict=True)
        ]
        columns = np.concatenate(parts)
        if columns[:, 0].any():
            drawn = Bootstrap.of(columns, SEED, user_ids=persons)
            figures = {
                method: drawn.ratio(at, 0) for at, method in enumerate(windows[0].lists, start=1)
            }
            count = int(columns[:, 0].sum())
            bands.append(Band(band, count, figures))
    return bands


def _count_hits(part: WindowLists, within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Count each user's relevant items in a band, and the hits of each method, (u, 1 + m)."""
    relevant = part.window.relevant
    columns = [np.bincount(relevant.owners, within[relevant.rows], len(relevant))]
    owners = np.repeat(np.arange(len(relevant)), K)
    for rows in part.lists.values():
        first = rows[:, :K]
        hits = (relevant.grades_of(owners.reshape(first.shape), first) > 0) & within[first]
        columns.append(hits.sum(axis=1))
    return np.stack(columns, axis=1).astype(np.float64)
