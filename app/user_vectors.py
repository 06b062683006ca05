"""Solve the vectors of a user from the history, for live users and in training alike."""

import numpy as np

from app.artifacts import Content, Factors
from app.contracts import FoldInSystem, History, Scores
from app.kernels.user_vectors import mean_vector, solve_fold_in

MAX_QUERY_EVENTS = 500  # events; more add nothing to the vectors and cost time in every stage


def fold_in(factors: Factors, liked: History, now: float) -> Scores:
    """Solve the user vector of an implicit factorisation from liked items, (d,) float32.

    Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets, 2008, eq. 4, with
    the regularisation of ``Factors`` and its decay, as of ``now``, unix seconds.
    """
    return fold_in_with_system(factors, liked, now)[0]


def fold_in_with_system(
    factors: Factors, liked: History, now: float
) -> tuple[Scores, FoldInSystem | None]:
    """Return the vector of ``fold_in`` and its linear system; None: there is nothing to solve."""
    size = factors.items.shape[1]
    if not len(liked) or not size:
        return np.zeros(size, np.float32), None
    age = np.maximum(now - liked.times, 0.0)
    extra = factors.alpha * np.maximum(liked.weights, 0.0) * np.exp2(-age / factors.half_life)
    reg = factors.reg * (1.0 + float(extra.sum()) / factors.n_liked) ** factors.power
    vector, matrix = solve_fold_in(factors.items, factors.gram, liked.rows, extra, reg)
    return vector, (matrix, 1.0 + extra)


def ridge_profile(content: Content, history: History, reg: float, *, centred: bool) -> Scores:
    """Solve the ridge regression of a user's opinions on the content of the items, (e,) float32.

    ``x = (CᵀC + reg·I)⁻¹ Cᵀ y``, where C holds the content vectors of the items, (h, e), and y the
    ratings less their mean if ``centred``, else the weights of the events.
    """
    size = content.items.shape[1]
    if not len(history) or not size:
        return np.zeros(size, np.float32)
    vectors = content.items[history.rows].astype(np.float64)
    opinions = (history.values if centred else history.weights).astype(np.float64)
    if centred:
        opinions -= opinions.mean()
    # By the smaller of the two equal systems: of the events, or of the content.
    if len(history) < size:
        dual = np.linalg.solve(vectors @ vectors.T + reg * np.eye(len(history)), opinions)
        return (vectors.T @ dual).astype(np.float32)
    gram = vectors.T @ vectors + reg * np.eye(size)
    return np.linalg.solve(gram, vectors.T @ opinions).astype(np.float32)


def content_profile(content: Content, liked: History) -> Scores:
    """Compute the mean content vector of liked items, unit length, (e,) float32."""
    if not len(liked) or not content.items.shape[1]:
        return np.zeros(content.items.shape[1], np.float32)
    return mean_vector(content.items, liked.rows, np.maximum(liked.weights, np.float32(0.1)))
