"""Groups of users that share an attribute, and what each group likes more than others do."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from app.bounds import Positive, Seconds
from offline.data.dataset import Log
from offline.models import segment_bands
from offline.models.interactions import time_decay

MAX_ATTRIBUTES = 4
MIN_VALUES, MAX_VALUES = 2, 50


@dataclass(frozen=True, slots=True)
class SegmentsConfig:
    """How cautious a segment's taste is."""

    prior: Positive = 5_000.0  # likes at which a segment's own share of an item counts half
    half_life: Seconds = np.inf  # seconds after which a like counts half


@dataclass(frozen=True, slots=True, eq=False)
class SegmentEncoding:
    """The chosen attributes, and each user's code in them. Knows nothing of the log."""

    names: tuple[str, ...]  # (a,)
    labels: tuple[tuple[str, ...], ...]  # (a,) the label of each code
    codes: NDArray[np.int32]  # (u, a) -1 unknown


def encode_segments(attributes: Mapping[str, NDArray[np.str_]], users: int) -> SegmentEncoding:
    """Choose at most 4 attributes of 2 to 50 values, those known of most users first.

    Attributes with too few or too many values after banding (``bands``) are left out.
    """
    told = [(name, *segment_bands.encode_attribute(texts)) for name, texts in attributes.items()]
    usable = [one for one in told if MIN_VALUES <= len(one[1]) <= MAX_VALUES]
    chosen = sorted(usable, key=lambda one: int((one[2] < 0).sum()))[:MAX_ATTRIBUTES]
    codes = np.empty((users, len(chosen)), np.int32)
    for column, (_, _, of) in enumerate(chosen):
        codes[:, column] = of
    return SegmentEncoding(tuple(c[0] for c in chosen), tuple(c[1] for c in chosen), codes)


def fit(log: Log, encoding: SegmentEncoding, n: int, config: SegmentsConfig) -> Segments:
    """Estimate P(item | segment) from positive weights, shrunk to P(item), the last row.

    ``share = (likes of the segment + prior · P(item)) / (all likes of the segment + prior)``: the
    mean of a Dirichlet posterior. Without any like, P(item) is the same for all.
    """
    worth = np.maximum(log.weights, 0.0) * time_decay(log, config.half_life)
    total = np.bincount(log.items, weights=worth, minlength=n)
    overall = total / total.sum() if total.any() else np.full(n, 1.0 / max(n, 1))
    sizes = [len(labels) for labels in encoding.labels]
    likes = [_likes(log, worth, (encoding.codes[:, a], size), n) for a, size in enumerate(sizes)]
    masses = [own.sum(axis=1) for own in likes]
    shares = [
        ((own + config.prior * overall) / (mass + config.prior)[:, None]).astype(np.float32)
        for own, mass in zip(likes, masses, strict=True)
    ]
    return Segments(
        names=encoding.names,
        labels=encoding.labels,
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        share=np.concatenate([*shares, overall.astype(np.float32)[None]]),
        mass=np.concatenate([*masses, [max(float(total.sum()), 1.0)]]),
        prior=config.prior,
    )


def _likes(
    log: Log, worth: NDArray[np.float64], attribute: tuple[NDArray[np.int32], int], n: int
) -> NDArray[np.float64]:
    """Sum the likes of each segment of an attribute by item, (size, n)."""
    codes, size = attribute
    code = codes[log.users].astype(np.int64)
    known = np.flatnonzero(code >= 0)
    cells = code[known] * n + log.items[known]
    likes = np.bincount(cells, weights=worth[known], minlength=size * n)
    return likes.astype(np.float64).reshape(size, n)
