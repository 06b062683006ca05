"""Loops of the features of similarity: products and cosines of vectors.

The meaning of each column stands in ``app.features.similarity``.
"""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read
from app.kernels.features import standardise_row
from app.kernels.products import add_products, row_product, side_by_side


@inline
def products(
    items: NDArray[np.float32], vector: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the products of the rows' vectors with a vector, (n,)."""
    result = np.empty(len(rows), np.float32)
    for i in range(len(rows)):
        result[i] = row_product(items, rows[i], vector)
    return result


@kernel((read("f4", 2), read("f4"), read("i8")))
def inner_products(
    items: NDArray[np.float32], vector: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the products of the rows' vectors with a vector, (n,).

    Args:
        items: (catalogue, d)
        vector: (d,)
        rows: (n,)
    """
    return products(items, vector, rows)


@kernel((read("f4", 2), read("f4"), read("f4", 2), read("f4"), read("i8")))
def product_features(
    items: NDArray[np.float32],
    vector: NDArray[np.float32],
    contents: NDArray[np.float32],
    profile: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the z-scores of the products with two vectors of the user, (2, n).

    Args:
        items: (catalogue, d)
        vector: (d,)
        contents: (catalogue, e)
        profile: (e,)
        rows: (n,)
    """
    columns = np.empty((2, len(rows)), np.float32)
    columns[0] = products(items, vector, rows)
    columns[1] = products(contents, profile, rows)
    standardise_row(columns[0])
    standardise_row(columns[1])
    return columns


@inline
def write_mean_cosines(
    column: NDArray[np.float32],
    items: NDArray[np.float32],
    lengths: NDArray[np.float32],
    rows: NDArray[np.int64],
    events: NDArray[np.int64],
) -> None:
    """Write the mean cosine of each row to the items of the events; NaN without dimensions."""
    size = items.shape[1]
    if size == 0:
        column[:] = np.nan
        return
    mean = np.zeros(size, np.float32)
    for j in range(len(events)):
        length = lengths[events[j]] if len(lengths) else np.float32(1.0)
        for d in range(size):
            mean[d] += items[events[j], d] / length
    mean /= np.float32(len(events))
    for i in range(len(rows)):
        length = lengths[rows[i]] if len(lengths) else np.float32(1.0)
        column[i] = row_product(items, rows[i], mean) / length


@kernel((read("f4", 2), read("f4"), read("f4", 2), read("i8"), read("i8")))
def mean_cosines(
    items: NDArray[np.float32],
    lengths: NDArray[np.float32],
    contents: NDArray[np.float32],
    rows: NDArray[np.int64],
    events: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the mean cosines of each row to the items of the events in two spaces, (2, n).

    Args:
        items: (catalogue, d)
        lengths: (catalogue,) of the items' vectors.
        contents: (catalogue, e) of length 1; without dimensions there is no cosine, as for items.
        rows: (n,)
        events: (h,) rows, 1 or more.
    """
    columns = np.empty((2, len(rows)), np.float32)
    write_mean_cosines(columns[0], items, lengths, rows, events)
    write_mean_cosines(columns[1], contents, lengths[:0], rows, events)
    return columns


@inline
def write_nearness(
    columns: NDArray[np.float32],
    items: NDArray[np.float32],
    lengths: NDArray[np.float32],
    rows: NDArray[np.int64],
    events: NDArray[np.int64],
) -> None:
    """Write the columns of one space, (4, n); NaN without dimensions."""
    size, n, n_events = items.shape[1], len(rows), len(events)
    if size == 0:
        columns[:] = np.nan
        return
    pool = side_by_side(items, rows)
    near, cosines = np.empty(size, np.float32), np.empty(pool.shape[1], np.float32)
    of_each = np.ones(pool.shape[1], np.float32)
    if len(lengths):
        for i in range(n):
            of_each[i] = lengths[rows[i]]
    columns[1:3] = np.float32(-2.0)
    columns[3] = np.float32(0.0)
    for j in range(n_events):
        length = lengths[events[j]] if len(lengths) else np.float32(1.0)
        for d in range(size):
            near[d] = items[events[j], d] / length
        cosines[:] = np.float32(0.0)
        add_products(cosines, pool, near)
        for i in range(n):
            cosine = cosines[i] / of_each[i]
            columns[2, i] = max(columns[2, i], cosine)
            columns[3, i] += cosine
            cosines[i] = cosine
        if j == 0:
            columns[0] = cosines[:n]
        if j < 5:  # noqa: PLR2004 - the columns say "last 5"
            columns[1] = columns[2]
    columns[3] /= np.float32(n_events)


@kernel((read("f4", 2), read("f4"), read("f4", 2), read("i8"), read("i8")))
def nearness_features(
    items: NDArray[np.float32],
    lengths: NDArray[np.float32],
    contents: NDArray[np.float32],
    rows: NDArray[np.int64],
    events: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the cosines to the events in two spaces, (8, n).

    For each space: the cosine to the first event, the largest of five and of all, and the mean.

    Args:
        items: (catalogue, d)
        lengths: (catalogue,) of the items' vectors.
        contents: (catalogue, e) of length 1; without dimensions there is no cosine, as for items.
        rows: (n,)
        events: (h,) rows, newest first, 1 or more.
    """
    columns = np.empty((8, len(rows)), np.float32)
    write_nearness(columns[:4], items, lengths, rows, events)
    write_nearness(columns[4:], contents, lengths[:0], rows, events)
    return columns
