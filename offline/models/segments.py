"""User segments: users that share an attribute, and how popular each item is among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from app.contracts import Positive, Seconds
from offline.data.dataset import Log
from offline.models.interactions import time_decay

Codes: TypeAlias = NDArray[np.int32]  # (u,) index into the labels; -1 unknown

BANDS = 5
BANDED_ABOVE = 12  # at most so many distinct numbers are codes (age groups), not amounts
MAX_ATTRIBUTES = 4
MIN_VALUES, MAX_VALUES = 2, 50


@dataclass(frozen=True, slots=True)
class SegmentsConfig:
    """The settings of popularity by segment, which is shrunk towards that of all users."""

    prior: Positive = 5_000.0  # likes at which a segment's own share of an item counts half
    half_life: Seconds = np.inf  # seconds after which a like counts half


@dataclass(frozen=True, slots=True, eq=False)
class SegmentEncoding:
    """The chosen attributes, and each user's code in them. It does not depend on the log."""

    names: tuple[str, ...]  # (a,)
    labels: tuple[tuple[str, ...], ...]  # (a,) the label of each code
    codes: NDArray[np.int32]  # (u, a) -1 unknown


def encode_segments(attributes: Mapping[str, NDArray[np.str_]], users: int) -> SegmentEncoding:
    """Choose at most 4 attributes of 2 to 50 values, those with the fewest unknown users first.

    Attributes with too few or too many values after ``encode_attribute`` are left out.
    """
    encoded = [(name, *encode_attribute(texts)) for name, texts in attributes.items()]
    usable = [one for one in encoded if MIN_VALUES <= len(one[1]) <= MAX_VALUES]
    chosen = sorted(usable, key=lambda one: int((one[2] < 0).sum()))[:MAX_ATTRIBUTES]
    codes = np.empty((users, len(chosen)), np.int32)
    for column, (_, _, of) in enumerate(chosen):
        codes[:, column] = of
    return SegmentEncoding(tuple(c[0] for c in chosen), tuple(c[1] for c in chosen), codes)


def fit_segments(log: Log, encoding: SegmentEncoding, n: int, config: SegmentsConfig) -> Segments:
    """Estimate P(item | segment) from positive weights, shrunk to P(item), which is the last row.

    ``share = (likes of the segment + prior · P(item)) / (all likes of the segment + prior)`` is the
    mean of a Dirichlet posterior. Without any like, P(item) is equal for all items. Repeats of a
    user within an hour do not count, as in the service.
    """
    log = log.without_repeats()
    weights = np.maximum(log.weights, 0.0) * time_decay(log, config.half_life)
    total = np.bincount(log.items, weights=weights, minlength=n)
    overall = total / total.sum() if total.any() else np.full(n, 1.0 / max(n, 1))
    sizes = [len(labels) for labels in encoding.labels]
    likes = [_likes(log, weights, (encoding.codes[:, a], size), n) for a, size in enumerate(sizes)]
    masses = [own.sum(axis=1) for own in likes]
    shares = [
        ((own + config.prior * overall) / (mass + config.prior)[:, None]).astype(np.float32)
        for own, mass in zip(likes, masses, strict=True)
    ]
    return Segments(
        names=encoding.names,
        labels=encoding.labels,
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        share=np.asfortranarray(np.concatenate([*shares, overall.astype(np.float32)[None]])),
        mass=np.concatenate([*masses, [max(float(total.sum()), 1.0)]]),
        prior=config.prior,
    )


def _likes(
    log: Log, weights: NDArray[np.float64], attribute: tuple[NDArray[np.int32], int], n: int
) -> NDArray[np.float64]:
    """Return the likes of each segment of an attribute by item, (size, n)."""
    codes, size = attribute
    code = codes[log.users].astype(np.int64)
    has_code = np.flatnonzero(code >= 0)
    cells = code[has_code] * n + log.items[has_code]
    likes = np.bincount(cells, weights=weights[has_code], minlength=size * n)
    return likes.astype(np.float64).reshape(size, n)


def encode_attribute(texts: NDArray[np.str_]) -> tuple[tuple[str, ...], Codes]:
    """Return the labels of an attribute, and each user's code, (u,). The text "" is unknown.

    Numbers with more than ``BANDED_ABOVE`` values are put into ``BANDS`` bands with about equal
    counts, such as "25-34". A text with leading zeros, such as a postcode, is not a number.
    """
    labels, inverse = np.unique(texts[texts != ""], return_inverse=True)
    numbers = _numbers(labels)
    if numbers is not None and len(labels) > BANDED_ABOVE:
        return _spread(texts, *_bands(numbers, inverse))
    if numbers is not None:
        order = np.argsort(numbers, kind="stable")
        return _spread(texts, tuple(map(str, labels[order])), np.argsort(order)[inverse])
    return _spread(texts, tuple(map(str, labels)), inverse)


def _numbers(labels: NDArray[np.str_]) -> NDArray[np.float64] | None:
    try:
        numbers = labels.astype(np.float64)
    except ValueError:
        return None
    padded = [len(text) > 1 and text[0] == "0" and text[1].isdigit() for text in labels.tolist()]
    return numbers if np.isfinite(numbers).all() and not any(padded) else None


def _bands(
    numbers: NDArray[np.float64], inverse: NDArray[np.intp]
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the label of each band, from its smallest to its largest number, and the codes."""
    values = numbers[inverse]
    edges = np.unique(np.quantile(values, np.arange(1, BANDS) / BANDS, method="lower"))
    bands, codes = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    groups = [values[codes == band] for band in range(len(bands))]
    return tuple(_label(float(g.min()), float(g.max())) for g in groups), codes


def _label(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def _spread(
    texts: NDArray[np.str_], labels: tuple[str, ...], codes: NDArray[np.intp]
) -> tuple[tuple[str, ...], Codes]:
    spread = np.full(len(texts), -1, np.int32)
    spread[texts != ""] = codes
    return labels, spread
