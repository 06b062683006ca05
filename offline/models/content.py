"""Item vectors from what is written about items: categories, title and time of release."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from app.artifacts import Content
from app.bounds import Count, NotNegative
from app.catalogue.catalogue import Catalogue
from app.catalogue.cold_items import YEARS_PER_BUCKET, ContentEncoder
from app.cpu import one_thread


@dataclass(frozen=True, slots=True)
class ContentConfig:
    """What counts how much. A weight is the length of that part of an item's vector."""

    categories: NotNegative = 1.0
    title: NotNegative = 0.5
    decade: NotNegative = 0.5
    title_size: Count = 48  # dimensions of the title part, at most


def fit_content(catalogue: Catalogue, config: ContentConfig, seed: int) -> Content:
    """Join the parts of each item's vector, unit length; nothing known is all zero.

    With neither titles nor categories in the whole catalogue: (n, 0).
    """
    return fit_content_and_encoder(catalogue, config, seed)[0]


def fit_content_and_encoder(
    catalogue: Catalogue, config: ContentConfig, seed: int
) -> tuple[Content, ContentEncoder | None]:
    """Fit, and give what makes such a vector for another item; None: nothing is known of any."""
    idf, words = _category_idf(catalogue), _words(catalogue, config.title_size, seed)
    categories = catalogue.categories * idf
    if not categories.any() and not words.titles.any():
        return Content(np.empty((len(catalogue), 0), np.float32)), None
    decades = _decades(catalogue)
    weights = np.array([config.categories, config.title, config.decade])
    parts = [_unit(categories), _unit(words.titles), _marks(catalogue, decades)]
    joined = [weight * part for weight, part in zip(weights.tolist(), parts, strict=True)]
    content = Content(_unit(np.concatenate(joined, axis=1)).astype(np.float32))
    return content, ContentEncoder(words.known, words.idf, words.axes, idf, decades, weights)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = vectors / np.where(lengths > 0, lengths, 1.0)
    return unit


def _category_idf(catalogue: Catalogue) -> NDArray[np.float64]:
    """Give what a category says: rare ones say more (inverse document frequency), (c,)."""
    table = catalogue.categories.astype(np.float64)
    idf: NDArray[np.float64] = np.log((1 + len(table)) / (1 + table.sum(axis=0))) + 1
    return idf


@dataclass(frozen=True, slots=True, eq=False)
class TitleVectors:
    """The title part of all items, and what it was made with; see ``Reader``."""

    titles: NDArray[np.float64]  # (n, t)
    known: NDArray[np.bytes_] = field(default_factory=lambda: np.empty(0, "S1"))
    idf: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    axes: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))


def _words(catalogue: Catalogue, size: int, seed: int) -> TitleVectors:
    """Reduce TF-IDF of title words to ``size`` dimensions (latent semantic analysis)."""
    titles = [title or "" for title in catalogue.titles.tolist()]
    vectorizer = TfidfVectorizer(strip_accents="unicode", sublinear_tf=True)
    analyse = vectorizer.build_analyzer()
    if not any(analyse(title) for title in titles):
        return TitleVectors(np.zeros((len(titles), 0)))
    counts = vectorizer.fit_transform(titles)
    known = np.array([word.encode() for word in vectorizer.get_feature_names_out()])
    if counts.shape[1] <= size:
        dense = np.asarray(counts.toarray(), np.float64)
        return TitleVectors(dense, known, vectorizer.idf_, np.eye(counts.shape[1]))
    reduce = TruncatedSVD(size, random_state=seed)
    # Titles that are all alike have no variance, and the library divides by it for a figure unused.
    with one_thread(), np.errstate(divide="ignore", invalid="ignore"):
        reduced = np.asarray(reduce.fit_transform(counts), np.float64)
    return TitleVectors(reduced, known, vectorizer.idf_, np.ascontiguousarray(reduce.components_.T))


def _decades(catalogue: Catalogue) -> NDArray[np.float64]:
    """Give the decades of release that occur, ascending."""
    decade = np.floor(catalogue.released / YEARS_PER_BUCKET)
    return np.unique(decade[np.isfinite(decade)]).astype(np.float64)


def _marks(catalogue: Catalogue, decades: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mark each item's decade of release; one column per decade."""
    decade = np.floor(catalogue.released / YEARS_PER_BUCKET)
    marks: NDArray[np.float64] = (decade[:, None] == decades).astype(np.float64)
    return marks
