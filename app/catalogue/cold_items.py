"""Vectors of an item without interactions, computed from its attributes and text.

Training learns both steps: from attributes and text to the content vector, and from there into the
space of the factorisation. This module does them for one item at a time.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from app.contracts import Scores

EncoderArray: TypeAlias = NDArray[np.float64]

WORD = re.compile(r"\b\w\w+\b")  # as in scikit-learn's vectorizer
YEARS_PER_BUCKET = 10.0


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


@dataclass(frozen=True, slots=True, eq=False)
class ColdItemModel:
    """Maps content to factors: ``(content - centre) · slope + mean``, a ridge regression."""

    encoder: ContentEncoder
    centre: EncoderArray  # (e,) mean content of the items that the map was learned from
    slope: EncoderArray  # (e, d)
    mean: EncoderArray  # (d,)

    def vectors(
        self, categories: NDArray[np.uint8], text: str, year: float
    ) -> tuple[Scores, Scores]:
        """Return the item's content vector, (e,), and its factors, (d,).

        The arguments are those of ``ContentEncoder.vector``.
        """
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
