"""Loops of the features that compare an item with the user's history.

The meaning of each column stands in ``app.features``.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.features import DAY, log


@inline
def count_categories(
    categories: NDArray[np.uint8], events: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how many of the events' items are of each category, (c,)."""
    counts = np.zeros(categories.shape[1])
    for e in range(len(events)):
        row = np.uint64(events[e])
        for c in range(len(counts)):
            counts[c] += categories[row, c]
    return counts


@inline
def mean_over_categories(
    categories: NDArray[np.uint8], values: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the mean value of each row's categories, (k, n); 0 for a row without any."""
    n, (n_values, n_categories) = len(rows), values.shape
    columns = np.empty((n_values, n), np.float32)
    marks, counts, totals = np.empty((n_categories, n), np.uint8), np.zeros(n), np.empty(n)
    for i in range(n):
        row = np.uint64(rows[i])
        for c in range(n_categories):
            marks[c, i] = categories[row, c]
    for c in range(n_categories):
        for i in range(n):
            counts[i] += marks[c, i]
    for k in range(n_values):
        totals[:] = 0.0
        for c in range(n_categories):
            value = values[k, c]
            for i in range(n):
                totals[i] += value if marks[c, i] else 0.0
        for i in range(n):
            columns[k, i] = totals[i] / max(counts[i], 1.0)
    return columns


@kernel((read("u1", 2), read("f8"), read("i8"), read("i8")))
def category_lift(
    categories: NDArray[np.uint8],
    shares: NDArray[np.float64],
    events: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the mean lift of each row's categories, (1, n); NaN if no event has a category.

    Args:
        categories: (catalogue, c) 1 where the item has the category.
        shares: (c,) share of each category in all likes.
        events: (h,) the user's liked items.
        rows: (n,)
    """
    counts = count_categories(categories, events)
    total = counts.sum()
    if total == 0.0:
        return np.full((1, len(rows)), np.float32(np.nan), np.float32)
    lift = np.empty((1, len(counts)))
    for c in range(len(counts)):
        lift[0, c] = log((counts[c] / total + 0.01) / (shares[c] + 0.01))
    return mean_over_categories(categories, lift, rows)


@kernel((read("u1", 2), read("i8"), read("f4"), scalar("f8"), read("i8"), read("i8")))
def category_affinity(
    categories: NDArray[np.uint8],
    events: NDArray[np.int64],
    event_values: NDArray[np.float32],
    shrink: float,
    recent: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the value of each row's categories to the user, and their recent share, (2, n).

    Args:
        categories: (catalogue, c) 1 where the item has the category.
        events: (h,) items of all events, 1 or more.
        event_values: (h,)
        shrink: events at which the mean value of a category counts half.
        recent: (r,) items of the last likes, 1 or more.
        rows: (n,)
    """
    mean = 0.0
    for e in range(len(events)):
        mean += np.float64(event_values[e])
    mean /= len(events)
    counts, values = count_categories(categories, events), np.zeros((2, categories.shape[1]))
    for e in range(len(events)):
        row, deviation = np.uint64(events[e]), np.float64(event_values[e]) - mean
        for c in range(len(counts)):
            values[0, c] += deviation * categories[row, c]
    values[0] /= counts + shrink
    values[1] = count_categories(categories, recent) / len(recent)
    return mean_over_categories(categories, values, rows)


@kernel(
    (
        *(read("f8", 2), read("f8"), read("u1", 2), read("i8")),
        *(read("f8"), scalar("f8"), read("i8")),
    )
)
def habit_features(
    liked: NDArray[np.float64],
    first_seen: NDArray[np.float64],
    categories: NDArray[np.uint8],
    events: NDArray[np.int64],
    times: NDArray[np.float64],
    now: float,
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the columns of the user's habits, (4, n).

    Args:
        liked: (catalogue, h) likes by half-life, the last without decay.
        first_seen: (catalogue,) unix seconds.
        categories: (catalogue, c) 1 where the item has the category.
        events: (l,) the user's liked items, 1 or more.
        times: (l,) unix seconds.
        now: unix seconds.
        rows: (n,)
    """
    last, n_events = liked.shape[1] - 1, len(events)
    usual, usual_age = 0.0, 0.0
    for e in range(n_events):
        usual += log(liked[events[e], last] + 1.0)
        usual_age += log(max(times[e] - first_seen[events[e]], 0.0) / DAY + 1.0)
    usual, usual_age = usual / n_events, usual_age / n_events
    counts = count_categories(categories, events)
    total, entropy = counts.sum(), 0.0
    for c in range(len(counts)):
        if counts[c] > 0:
            entropy -= counts[c] / total * log(counts[c] / total)
    columns = np.empty((4, len(rows)), np.float32)
    columns[0] = np.float32(usual)
    columns[3] = np.float32(np.exp(entropy)) if total > 0 else np.float32(np.nan)
    for i in range(len(rows)):
        row = rows[i]
        columns[1, i] = abs(log(liked[row, last] + 1.0) - usual)
        age = (now - first_seen[row]) / DAY
        distance = abs(log(max(age, 0.0) + 1.0) - usual_age)
        columns[2, i] = distance if np.isfinite(age) else np.nan
    return columns


@kernel((read("f4"), read("i8"), scalar("f8"), read("i8")))
def release_features(
    released: NDArray[np.float32], events: NDArray[np.int64], year: float, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the years since release, and the distance from the liked items' mean year, (2, n).

    Args:
        released: (catalogue,) year of release; NaN: not known.
        events: (l,) the user's liked items.
        year: the year now.
        rows: (n,)
    """
    total, count = 0.0, 0
    for e in range(len(events)):
        one = np.float64(released[events[e]])
        if np.isfinite(one):
            total += one
            count += 1
    mean = total / count if count else np.nan
    columns = np.empty((2, len(rows)), np.float32)
    for i in range(len(rows)):
        one = np.float64(released[rows[i]])
        columns[0, i] = year - one
        columns[1, i] = abs(one - mean)
    return columns


@kernel((read("f4"), read("f4"), read("f8"), scalar("f8")))
def user_features(
    values: NDArray[np.float32],
    weights: NDArray[np.float32],
    times: NDArray[np.float64],
    now: float,
) -> NDArray[np.float64]:
    """Return the columns of the user, (6,), which are the same for every item.

    Args:
        values: (h,) of the events, newest first, 1 or more.
        weights: (h,)
        times: (h,) unix seconds.
        now: unix seconds.
    """
    n, total, n_liked, n_day = len(times), 0.0, 0, 0
    for e in range(n):
        total += np.float64(values[e])
        n_liked += weights[e] > 0
        n_day += times[e] >= times[0] - DAY
    return np.array(
        [
            np.log1p(n),
            n_liked / n,
            total / n,
            np.log1p((times[0] - times[n - 1]) / DAY),
            np.log1p(max(now - times[0], 0.0) / DAY),
            np.log1p(n_day),
        ]
    )
