"""Evaluates every method in the same way: users of all windows pooled, warm and cold apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.bands import by_history, by_popularity
from benchmarks.quality.window_lists import HEADLINE, SEED, WindowLists, compute_headline
from offline.evaluate.comparison import UserMetrics, compute_user_metrics, summarise
from offline.evaluate.figures import Comparison


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
