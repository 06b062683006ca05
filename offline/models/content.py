"""Item vectors from categories, title, description and decade of release."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from app.artifacts import Content
from app.catalogue.catalogue import Catalogue
from app.catalogue.cold_items import YEARS_PER_BUCKET, ContentEncoder
from app.contracts import Count, NotNegative
from app.cpu import one_thread

MAX_WORDS = 20_000  # of titles and descriptions: the frequent ones, which the bundle stores
LEARNED_LENGTH = 2_000  # characters of a description that are read; the rest repeats its words


@dataclass(frozen=True, slots=True)
class ContentConfig:
    """The weight of each part: the length of that part of an item's vector."""

    categories: NotNegative = 1.0
    title: NotNegative = 0.5
    decade: NotNegative = 0.5
    title_size: Count = 48  # dimensions of the title part, at most


def fit_content(catalogue: Catalogue, config: ContentConfig, seed: int) -> Content:
    """Return the content vectors, of unit length; all zero for an item without content.

    The shape is (n, 0) when no item of the catalogue has a title or a category.
    """
    return fit_content_and_encoder(catalogue, config, seed)[0]


@lru_cache(maxsize=1)  # it does not depend on the log, and a job fits on the log up to many moments
def fit_content_and_encoder(
    catalogue: Catalogue, config: ContentConfig, seed: int
) -> tuple[Content, ContentEncoder | None]:
    """Return the content vectors and the encoder of other items; None when no item has content."""
    idf, title_part = _category_idf(catalogue), _title_part(catalogue, config.title_size, seed)
    categories = catalogue.categories * idf
    if not categories.any() and not title_part.vectors.any():
        return Content(np.empty((len(catalogue), 0), np.float32)), None
    decades = _decades(catalogue)
    weights = np.array([config.categories, config.title, config.decade])
    parts = [
        _normalise(categories),
        _normalise(title_part.vectors),
        _decade_marks(catalogue, decades),
    ]
    joined = [weight * part for weight, part in zip(weights.tolist(), parts, strict=True)]
    content = Content(_normalise(np.concatenate(joined, axis=1)).astype(np.float32))
    return content, ContentEncoder(
        title_part.words, title_part.idf, title_part.axes, idf, decades, weights
    )


def _normalise(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _category_idf(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return the inverse document frequency of each category, (c,)."""
    table = catalogue.categories.astype(np.float64)
    idf: NDArray[np.float64] = np.log((1 + len(table)) / (1 + table.sum(axis=0))) + 1
    return idf


@dataclass(frozen=True, slots=True, eq=False)
class TitlePart:
    """The part of all items' titles and descriptions, and what encodes another text.

    See ``ContentEncoder``.
    """

    vectors: NDArray[np.float64]  # (n, t)
    words: NDArray[np.bytes_] = field(default_factory=lambda: np.empty(0, "S1"))
    idf: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    axes: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))


def _title_part(catalogue: Catalogue, size: int, seed: int) -> TitlePart:
    """Reduce TF-IDF of words to ``size`` dimensions (latent semantic analysis).

    The words are those of titles and descriptions. At most ``MAX_WORDS`` are learned from.
    """
    titles = _texts(catalogue)
    bound = None if catalogue.descriptions is None else MAX_WORDS
    vectorizer = TfidfVectorizer(strip_accents="unicode", sublinear_tf=True, max_features=bound)
    analyse = vectorizer.build_analyzer()
    if not any(analyse(title) for title in titles):
        return TitlePart(np.zeros((len(titles), 0)))
    counts = vectorizer.fit_transform(titles)
    words = np.array([word.encode() for word in vectorizer.get_feature_names_out()])
    if counts.shape[1] <= size:
        dense = np.asarray(counts.toarray(), np.float64)
        return TitlePart(dense, words, vectorizer.idf_, np.eye(counts.shape[1]))
    reduce = TruncatedSVD(size, random_state=seed)
    # Equal titles have no variance; the library divides by it for a figure that is not used here.
    with one_thread(), np.errstate(divide="ignore", invalid="ignore"):
        reduced = np.asarray(reduce.fit_transform(counts), np.float64)
    return TitlePart(reduced, words, vectorizer.idf_, np.ascontiguousarray(reduce.components_.T))


def _texts(catalogue: Catalogue) -> list[str]:
    """Return the title and the beginning of the description of each item, (n,)."""
    titles = [title or "" for title in catalogue.titles.tolist()]
    if catalogue.descriptions is None:
        return titles
    prose = [(text or "")[:LEARNED_LENGTH] for text in catalogue.descriptions.tolist()]
    return [f"{title} {text}".strip() for title, text in zip(titles, prose, strict=True)]


def _decades(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return the decades of release that occur, ascending."""
    decade = np.floor(catalogue.released / YEARS_PER_BUCKET)
    return np.unique(decade[np.isfinite(decade)]).astype(np.float64)


def _decade_marks(catalogue: Catalogue, decades: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 in the column of each item's decade of release, (n, decades)."""
    decade = np.floor(catalogue.released / YEARS_PER_BUCKET)
    marks: NDArray[np.float64] = (decade[:, None] == decades).astype(np.float64)
    return marks
