"""Item vectors from what is written about items: categories, title and time of release."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from app.artifacts import Content
from app.catalogue import Catalogue
from app.limits import Count, NotNegative
from offline.models.threads import one_thread

YEARS_PER_BUCKET = 10.0


@dataclass(frozen=True, slots=True)
class ContentConfig:
    """What counts how much. A weight is the length of that part of an item's vector."""

    categories: NotNegative = 1.0
    title: NotNegative = 0.5
    decade: NotNegative = 0.5
    title_size: Count = 48  # dimensions of the title part, at most


def fit(catalogue: Catalogue, config: ContentConfig, seed: int) -> Content:
    """Join the parts of each item's vector, unit length; nothing known is all zero.

    With neither titles nor categories in the whole catalogue: (n, 0).
    """
    categories, title = _categories(catalogue), _title(catalogue, config.title_size, seed)
    if not categories.any() and not title.any():
        return Content(np.empty((len(catalogue), 0), np.float32))
    parts = [
        config.categories * _unit(categories),
        config.title * _unit(title),
        config.decade * _decade(catalogue),
    ]
    return Content(_unit(np.concatenate(parts, axis=1)).astype(np.float32))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = vectors / np.where(lengths > 0, lengths, 1.0)
    return unit


def _categories(catalogue: Catalogue) -> NDArray[np.float64]:
    """Mark each item's categories; rare ones say more (inverse document frequency)."""
    table = catalogue.categories.astype(np.float64)
    idf: NDArray[np.float64] = np.log((1 + len(table)) / (1 + table.sum(axis=0))) + 1
    return table * idf


def _title(catalogue: Catalogue, size: int, seed: int) -> NDArray[np.float64]:
    """Reduce TF-IDF of title words to ``size`` dimensions (latent semantic analysis)."""
    titles = [title or "" for title in catalogue.titles.tolist()]
    vectorizer = TfidfVectorizer(strip_accents="unicode", sublinear_tf=True)
    analyse = vectorizer.build_analyzer()
    if not any(analyse(title) for title in titles):
        return np.zeros((len(titles), 0))
    words = vectorizer.fit_transform(titles)
    if words.shape[1] <= size:
        return np.asarray(words.toarray(), np.float64)
    reduce = TruncatedSVD(size, random_state=seed)
    # Titles that are all alike have no variance, and the library divides by it for a figure unused.
    with one_thread(), np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(reduce.fit_transform(words), np.float64)


def _decade(catalogue: Catalogue) -> NDArray[np.float64]:
    """Mark each item's decade of release; one column per decade that occurs."""
    decade = np.floor(catalogue.released / YEARS_PER_BUCKET)
    known = np.unique(decade[np.isfinite(decade)])
    marks: NDArray[np.float64] = (decade[:, None] == known).astype(np.float64)
    return marks
