"""Vectors of an item without interactions, computed from its attributes and text.

Training learns both steps: from attributes and text to the content vector, and from there into the
space of the factorisation. This module does them for one item at a time.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import Scores

EncoderArray: TypeAlias = NDArray[np.float64]

WORD = re.compile(r"\b\w\w+\b")  # as in scikit-learn's vectorizer
YEARS_PER_BUCKET = 10.0
HASHED_WEIGHTS = (1.0, 0.5, 0.5)  # of categories, text and decade, as in ``ContentConfig``


@dataclass(frozen=True, slots=True, eq=False)
class ContentEncoder:
    """Turns an item's description into its content vector. Learned from the catalogue."""

    words: NDArray[np.bytes_]  # (v,) ascending, UTF-8
    idf: EncoderArray  # (v,) inverse document frequencies of the words
    axes: EncoderArray  # (v, t) from words to the title part
    category_idf: EncoderArray  # (c,)
    decades: EncoderArray  # (b,) those in the catalogue
    weights: EncoderArray  # (3,) length of each part: categories, title, decade

    def vector(self, categories: NDArray[np.uint8], text: str, year: float) -> Scores:
        """Return the content vector of one item, unit length; zeros when nothing is known.

        Args:
            categories: (c,) 1 where the item is of the category.
            text: title and description.
            year: of release; NaN unknown.
        """
        decade = (np.floor(year / YEARS_PER_BUCKET) == self.decades).astype(np.float64)
        parts = [categories * self.category_idf, self._title(text), decade]
        whole = np.concatenate(
            [
                weight * (_unit(part) if n < 2 else part)  # noqa: PLR2004 - a mark has length 1
                for n, (weight, part) in enumerate(zip(self.weights, parts, strict=True))
            ]
        )
        return _unit(whole).astype(np.float32)

    def _title(self, text: str) -> EncoderArray:
        """Weigh the words by TF-IDF, the frequency on a logarithmic scale, and project them."""
        words, frequencies = np.unique(split_words(text), return_counts=True)
        rows = IdIndex(self.words).rows(words.tolist())
        is_known = rows >= 0
        counts = (1.0 + np.log(frequencies[is_known])) * self.idf[rows[is_known]]
        return np.asarray(_unit(counts) @ self.axes[rows[is_known]])


@dataclass(frozen=True, slots=True)
class HashedEncoder:
    """Turns an item's description into a vector without a vocabulary, by feature hashing.

    For a catalogue that begins empty, from which nothing can be learned. Each word and category
    adds 1 or -1 to one of ``size`` places (Weinberger et al.: Feature hashing for large scale
    multitask learning, 2009).
    """

    size: int  # places

    def vector(self, names: Sequence[str], text: str, year: float) -> Scores:
        """Return the content vector of one item, unit length; zeros when nothing is known.

        Args:
            names: of the categories.
            text: title and description.
            year: of release; NaN unknown.
        """
        decade = [] if np.isnan(year) else [f"{year // YEARS_PER_BUCKET:.0f}"]
        parts = (("category", names), ("word", split_words(text)), ("decade", decade))
        whole = np.zeros(self.size)
        for weight, (kind, values) in zip(HASHED_WEIGHTS, parts, strict=True):
            part = np.zeros(self.size)
            for value in values:
                code = crc32(f"{kind} {value}".encode())
                part[(code >> 1) % self.size] += 1.0 if code & 1 else -1.0
            whole += weight * _unit(part)
        return _unit(whole).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ColdItemModel:
    """Maps content to factors: ``(content - centre) · slope + mean``, a ridge regression."""

    encoder: ContentEncoder | HashedEncoder
    centre: EncoderArray  # (e,) mean content of the items that the map was learned from
    slope: EncoderArray  # (e, d)
    mean: EncoderArray  # (d,)

    @classmethod
    def without_factors(cls, encoder: ContentEncoder | HashedEncoder, size: int) -> "ColdItemModel":
        """Return a model of content vectors, (``size``,), where there is no factorisation."""
        return cls(encoder, np.zeros(size), np.zeros((size, 0)), np.zeros(0))

    def vectors(
        self, categories: NDArray[np.uint8], text: str, year: float, names: Sequence[str] = ()
    ) -> tuple[Scores, Scores]:
        """Return the item's content vector, (e,), and its factors, (d,).

        ``categories`` marks the frequent ones, ``names`` are those of all; a hashed encoder reads
        the names. The other arguments are those of ``ContentEncoder.vector``.
        """
        if isinstance(self.encoder, HashedEncoder):
            content = self.encoder.vector(names, text, year)
        else:
            content = self.encoder.vector(categories, text, year)
        if not content.any():
            return content, np.zeros(len(self.mean), np.float32)
        factors = (content - self.centre) @ self.slope + self.mean
        return content, factors.astype(np.float32)


def split_words(text: str) -> list[str]:
    """Return the words of a text, in lower case and without accents."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))


def _unit(vector: EncoderArray) -> EncoderArray:
    length = float(np.sqrt((vector**2).sum()))
    return vector / length if length else vector
