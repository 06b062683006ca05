"""Loops over the vectors of a user: fold-in, what each event adds to a score, and mean content."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar

# Indexes without a sign are not checked for counting from the end.
ZERO, ONE, TWO, THREE = map(np.uint64, range(4))
LANES = np.uint64(16)  # entries that a loop handles at once: rows begin at a multiple of it
STEP = np.uint64(4)  # rows that are added to another one at once


@inline
def factorise(matrix: NDArray[np.float64]) -> None:
    """Replace a positive definite matrix by ``U`` of ``UᵀU = matrix`` and, below it, ``Uᵀ``.

    Only the upper triangle is read. All inner loops run along rows.
    """
    n = np.uint64(len(matrix))
    for i in range(ZERO, n):
        start, whole = i - i % LANES, i - i % STEP
        for k in range(ZERO, whole, STEP):
            subtract_rows(matrix, i, k, start)
        for k in range(whole, i):
            factor = matrix[k, i]
            for j in range(start, n):
                matrix[i, j] -= factor * matrix[k, j]
        scale = 1.0 / np.sqrt(matrix[i, i])
        for j in range(start, n):
            matrix[i, j] *= scale
    for i in range(ZERO, n):
        for j in range(ZERO, i):
            matrix[i, j] = matrix[j, i]


@inline
def subtract_rows(matrix: NDArray[np.float64], i: int, k: int, start: int) -> None:
    """Subtract four earlier rows of ``U``, from row k, from row i."""
    k1, k2, k3 = k + ONE, k + TWO, k + THREE
    f0, f1, f2, f3 = matrix[k, i], matrix[k1, i], matrix[k2, i], matrix[k3, i]
    for j in range(start, np.uint64(len(matrix))):
        total = matrix[i, j] - f0 * matrix[k, j]
        total -= f1 * matrix[k1, j]
        total -= f2 * matrix[k2, j]
        matrix[i, j] = total - f3 * matrix[k3, j]


@inline
def solve(factor: NDArray[np.float64], solution: NDArray[np.float64]) -> None:
    """Replace ``b`` by the solution of ``UᵀU x = b``, (d,)."""
    n = np.uint64(len(factor))
    for k in range(ZERO, n):
        solution[k] /= factor[k, k]
        for j in range(k + ONE, n):
            solution[j] -= factor[k, j] * solution[k]
    for done in range(ZERO, n):
        k = n - ONE - done
        solution[k] /= factor[k, k]
        for j in range(ZERO, k):
            solution[j] -= factor[k, j] * solution[k]


@inline
def add_outer_products(
    matrix: NDArray[np.float64], vectors: NDArray[np.float64], factors: NDArray[np.float64]
) -> None:
    """Add ``Σ factor · v vᵀ`` of four vectors to the upper triangle."""
    n = np.uint64(len(matrix))
    for a in range(ZERO, n):
        f0, f1 = factors[0] * vectors[0, a], factors[1] * vectors[1, a]
        f2, f3 = factors[2] * vectors[2, a], factors[3] * vectors[3, a]
        for b in range(a - a % LANES, n):
            total = matrix[a, b] + f0 * vectors[0, b]
            total += f1 * vectors[1, b]
            total += f2 * vectors[2, b]
            matrix[a, b] = total + f3 * vectors[3, b]


@kernel((read("f4", 2), read("f4", 2), read("i8"), read("f8"), scalar("f8")))
def solve_fold_in(
    items: NDArray[np.float32],
    gram: NDArray[np.float32],
    rows: NDArray[np.int64],
    extra: NDArray[np.float64],
    reg: float,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Solve ``(gram + reg·I + Σ extra_e y_e y_eᵀ) x = Σ (1 + extra_e) y_e``.

    Args:
        items: (catalogue, d)
        gram: (d, d)
        rows: (l,) items of the events.
        extra: (l,) 0 or larger.
        reg: above 0.

    Returns:
        The vector, (d,), and ``factorise`` of the matrix, (d, d).
    """
    size = items.shape[1]
    matrix, right = np.empty((size, size), np.float64), np.zeros(size)
    for a in range(size):
        for b in range(size):
            matrix[a, b] = np.float64(gram[a, b])
        matrix[a, a] += reg
    step = np.int64(STEP)
    vectors, factors = np.zeros((step, size), np.float64), np.zeros(step)
    for first in range(0, len(rows), step):
        for at in range(step):
            e = first + at
            factors[at] = extra[e] if e < len(rows) else 0.0
            if e < len(rows):
                row = np.uint64(rows[e])
                for a in range(size):
                    vectors[at, a] = np.float64(items[row, a])
                    right[a] += (1.0 + extra[e]) * vectors[at, a]
        add_outer_products(matrix, vectors, factors)
    factorise(matrix)
    solve(matrix, right)
    return right.astype(np.float32), matrix


@kernel((read("f4", 2), read("f8", 2), read("f8"), read("i8"), read("i8")))
def fold_in_amounts(
    items: NDArray[np.float32],
    factor: NDArray[np.float64],
    confidences: NDArray[np.float64],
    events: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return what each event adds to the product of the folded-in vector with items, (n, l).

    The sum over the events is the product itself.

    Args:
        items: (catalogue, d)
        factor: (d, d) the Cholesky factor that ``solve_fold_in`` returns.
        confidences: (l,) ``1 + extra`` of ``solve_fold_in``.
        events: (l,) items of the events.
        rows: (n,) the items.
    """
    size = items.shape[1]
    amounts, solution = np.zeros((len(rows), len(events)), np.float64), np.empty(size)
    near = np.empty((size, len(events)), np.float64)
    for e in range(len(events)):
        for d in range(size):
            near[d, e] = np.float64(items[events[e], d])
    for i in range(len(rows)):
        for d in range(size):
            solution[d] = np.float64(items[rows[i], d])
        solve(factor, solution)
        for d in range(size):
            for e in range(len(events)):
                amounts[i, e] += solution[d] * near[d, e]
        for e in range(len(events)):
            amounts[i, e] *= confidences[e]
    return amounts


@kernel((read("f4", 2), read("i8"), read("f4")))
def mean_vector(
    items: NDArray[np.float32], rows: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the weighted sum of the rows' vectors, scaled to unit length; zeros stay, (d,).

    Args:
        items: (catalogue, d)
        rows: (l,)
        weights: (l,)
    """
    total = np.zeros(items.shape[1])
    for e in range(len(rows)):
        row, weight = np.uint64(rows[e]), np.float64(weights[e])
        for d in range(len(total)):
            total[d] += weight * items[row, d]
    squares = 0.0
    for d in range(len(total)):
        squares += total[d] ** 2
    length = np.sqrt(squares)
    return (total / length if length > 0 else total).astype(np.float32)
