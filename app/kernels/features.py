"""Loops of the features: each fills the columns of one group for all candidates of a pool.

Sums run in a fixed order, whatever the size of the pool and the machine: training and serving
compute the same bits. The meaning of each column stands in ``app.features``.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar

DAY = 86_400.0  # seconds
MIN_SHARE = 1e-9  # P(item) of an item without an event when the bundle was made
EXPONENT_BITS, EXPONENT_BIAS = 52, 1023
MANTISSA = np.int64((1 << EXPONENT_BITS) - 1)
ONE = np.int64(EXPONENT_BIAS << EXPONENT_BITS)  # the bits of 1.0
SQRT2, LN2 = 1.4142135623730951, 0.6931471805599453
MIN_SPREAD = 1e-9  # avoids division by 0 where all values are equal


@inline
def log(x: float) -> float:
    """Return the natural logarithm of a normal positive number, to about 10 digits.

    The same bits on every machine, unlike the C library's. ``x = m·2^e`` with m near 1, and
    ``log m = 2·(s + s³/3 + s⁵/5 + …)`` with ``s = (m - 1) / (m + 1)``.
    """
    bits = np.float64(x).view(np.int64)
    exponent = (bits >> EXPONENT_BITS) - EXPONENT_BIAS
    m = np.int64((bits & MANTISSA) | ONE).view(np.float64)
    is_large = m > SQRT2
    m = 0.5 * m if is_large else m
    e = np.float64(exponent + 1 if is_large else exponent)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    series = q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13))))))
    return e * LN2 + 2.0 * s + 2.0 * s * series


@inline
def write_logs(
    result: NDArray[np.float32], values: NDArray[np.float64], added: float, subtracted: float
) -> None:
    """Write ``log(value + added) - subtracted`` of each value, (n,)."""
    for i in range(len(values)):
        result[i] = log(values[i] + added) - subtracted


@inline
def standardise_row(row: NDArray[np.float32]) -> None:
    """Replace values by their z-scores; equal values become 0."""
    n = len(row)
    if n == 0:
        return
    total = 0.0
    for i in range(n):
        total += np.float64(row[i])
    mean = total / n
    squares = 0.0
    for i in range(n):
        squares += (np.float64(row[i]) - mean) ** 2
    spread = max(np.sqrt(squares / n), MIN_SPREAD)
    for i in range(n):
        row[i] = np.float32((row[i] - mean) / spread)


@kernel((read("i4", 2), read("f4", 2), scalar("f4"), scalar("f4"), scalar("f4")))
def channel_features(
    ranks: NDArray[np.int32],
    signals: NDArray[np.float32],
    rank_offset: float,
    least: float,
    most: float,
) -> NDArray[np.float32]:
    """Return reciprocal ranks and z-scores within each list but the last, (2 (c - 1), n).

    Args:
        ranks: (n, c) rank in each list; -1: not in the list.
        signals: (n, c) score in each list.
        rank_offset: added to a rank.
        least: smallest z-score; also that of an item that is not in the list.
        most: largest z-score.
    """
    n, n_lists = ranks.shape[0], ranks.shape[1] - 1
    columns = np.empty((2 * n_lists, n), np.float32)
    means, spreads, counts = np.zeros(n_lists), np.zeros(n_lists), np.zeros(n_lists)
    for i in range(n):  # all lists at once: the sum of a single one would wait for each addition
        for c in range(n_lists):
            is_listed = ranks[i, c] >= 0
            means[c] += np.float64(signals[i, c]) if is_listed else 0.0
            counts[c] += is_listed
    for c in range(n_lists):
        counts[c] = max(counts[c], 1.0)
        means[c] /= counts[c]
    for i in range(n):
        for c in range(n_lists):
            deviation = np.float64(signals[i, c]) - means[c]
            spreads[c] += deviation**2 if ranks[i, c] >= 0 else 0.0
    places, scores = np.empty(n, np.int32), np.empty(n)  # of one list, side by side
    for c in range(n_lists):
        for i in range(n):
            places[i], scores[i] = ranks[i, c], np.float64(signals[i, c])
        mean, spread = means[c], np.sqrt(spreads[c] / counts[c]) + MIN_SPREAD
        reciprocals, z_scores = columns[c], columns[n_lists + c]
        for i in range(n):
            reciprocal = np.float32(1.0) / (np.float32(places[i]) + rank_offset)
            reciprocals[i] = reciprocal if places[i] >= 0 else np.float32(0.0)
        for i in range(n):
            z = min(max(np.float32((scores[i] - mean) / spread), least), most)
            z_scores[i] = z if places[i] >= 0 else least
    return columns


@kernel((read("i4", 2), scalar("f4")))
def agreement_features(ranks: NDArray[np.int32], rrf_offset: float) -> NDArray[np.float32]:
    """Return the number of lists but the last that hold an item, and its fused rank, (2, n)."""
    n, n_lists = ranks.shape
    columns = np.zeros((2, n), np.float32)
    for i in range(n):
        for c in range(n_lists):
            is_listed = ranks[i, c] >= 0
            reciprocal = np.float32(1.0) / (np.float32(ranks[i, c]) + rrf_offset)
            columns[0, i] += np.float32(is_listed and c < n_lists - 1)
            columns[1, i] += reciprocal if is_listed else np.float32(0.0)
    return columns


@kernel(
    (
        *(read("f8", 2), read("f8", 2), read("f8"), read("f8")),
        *(read("f8"), read("f4"), scalar("f8"), scalar("i8"), read("i8")),
    )
)
def popularity_features(
    liked: NDArray[np.float64],
    counts: NDArray[np.float64],
    decay: NDArray[np.float64],
    totals: NDArray[np.float64],
    first_seen: NDArray[np.float64],
    mean_value: NDArray[np.float32],
    now: float,
    month: int,
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return likes, shares and trends by half-life, and four more columns, (3 h + 3, n).

    Args:
        liked: (catalogue, h) decayed likes by half-life, the last without decay.
        counts: (catalogue, h) the same of all events.
        decay: (h,) what the counts are multiplied by.
        totals: (h,) decayed likes of all items.
        first_seen: (catalogue,) unix seconds.
        mean_value: (catalogue,)
        now: unix seconds.
        month: the row of the half-life of a month.
        rows: (n,)
    """
    n, n_windows = len(rows), len(decay)
    last = n_windows - 1
    columns = np.empty((3 * n_windows + 3, n), np.float32)
    current, previous = np.empty(n), np.empty(n)
    for h in range(last, -1, -1):
        for i in range(n):
            current[i] = liked[rows[i], h] * decay[h]
        write_logs(columns[h], current, 1.0, 0.0)
        write_logs(columns[n_windows + h], current, 0.1, log(totals[h] + 1.0))
        if h < last:
            for i in range(n):
                previous[i] = (current[i] + 0.5) / (previous[i] + 0.5)
            write_logs(columns[2 * n_windows + h], previous, 0.0, 0.0)
        previous[:] = current
    at = 3 * n_windows - 1
    for i in range(n):
        row = rows[i]
        events = counts[row, last] * decay[last]
        month_events = counts[row, month] * decay[month]
        columns[at, i] = (liked[row, last] * decay[last] + 2.0) / (events + 4.0)
        columns[at + 1, i] = (liked[row, month] * decay[month] + 1.0) / (month_events + 2.0)
        age = (now - first_seen[row]) / DAY
        columns[at + 2, i] = log(max(age, 0.0) + 1.0) if np.isfinite(age) else np.nan
        columns[at + 3, i] = mean_value[row]
    return columns


@kernel(
    (
        *(read("f4", 2), read("f4", 2), scalar("f8"), read("i8")),
        *(read("f8"), read("f8"), scalar("f8"), read("i8")),
    )
)
def segment_lift(
    share: NDArray[np.float32],
    liked: NDArray[np.float32],
    decay: float,
    segments: NDArray[np.int64],
    mass: NDArray[np.float64],
    live_mass: NDArray[np.float64],
    prior: float,
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the mean of log(P(item | segment) / P(item)) over segments, (n,).

    Args:
        share: (catalogue, all segments + 1) P(item | segment); the last one is for all users.
        liked: (all segments + 1, catalogue) likes since the bundle; no rows: none are counted.
        decay: what ``liked`` and ``live_mass`` are multiplied by.
        segments: (s,) rows of ``liked``, 1 or more.
        mass: (all segments + 1,) likes in the bundle, without the prior.
        live_mass: (all segments + 1,) likes since; (0,) where none are counted.
        prior: likes that the share of all users counts as.
        rows: (n,)
    """
    n, everybody = len(rows), share.shape[1] - 1
    before, of_all, products = np.empty(n), np.empty(n), np.ones(n)
    for i in range(n):
        before[i] = of_all[i] = np.float64(share[rows[i], everybody])
    if len(liked):
        whole = mass[everybody] + live_mass[everybody] * decay
        for i in range(n):
            new = liked[everybody, rows[i]] * decay
            of_all[i] = (before[i] * mass[everybody] + new) / whole
    new_likes, values = np.zeros(n), np.empty(n)
    for segment in segments:
        for i in range(n):
            values[i] = np.float64(share[rows[i], segment])
        if len(liked):
            for i in range(n):
                new_likes[i] = liked[segment, rows[i]] * decay
            own = mass[segment] + prior
            whole = own + live_mass[segment] * decay
            for i in range(n):
                value = (values[i] * own + new_likes[i]) / whole
                values[i] = value + prior / whole * (of_all[i] - before[i])
        for i in range(n):
            products[i] *= (values[i] + MIN_SHARE) / (of_all[i] + MIN_SHARE)
    lift = np.empty(n, np.float32)
    for i in range(n):
        lift[i] = log(products[i]) / len(segments)
    return lift


@inline
def add_linear(
    scores: NDArray[np.float32],
    column: NDArray[np.float32],
    low: float,
    high: float,
    mean: float,
    weight: float,
) -> None:
    """Add ``weight · (value - mean)`` of one column to the scores; nothing where it is missing."""
    for i in range(len(scores)):
        value = low if column[i] < low else column[i]
        value = high if value > high else value
        deviation = value - mean
        is_missing = deviation != deviation  # noqa: PLR0124
        scores[i] += np.float32(0.0) if is_missing else deviation * weight


@kernel((read("f4", 2), read("f4"), read("f4"), read("f4", 2), scalar("f4")))
def linear_scores(
    columns: NDArray[np.float32],
    mean: NDArray[np.float32],
    weights: NDArray[np.float32],
    limits: NDArray[np.float32],
    bias: float,
) -> NDArray[np.float32]:
    """Return ``bias + Σ weight · (value - mean)``, (n,); a missing value counts as the mean.

    Args:
        columns: (f, n)
        mean: (f,)
        weights: (f,)
        limits: (2, f) lowest and highest value; one beyond them counts as the nearest of them.
        bias: added to each sum.
    """
    scores = np.zeros(columns.shape[1], np.float32)
    for f in range(len(weights)):
        add_linear(scores, columns[f], limits[0, f], limits[1, f], mean[f], weights[f])
    return scores + bias
