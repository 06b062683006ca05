"""Turns one user attribute, as text, into a few codes with readable labels."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int32]  # (u,) index into the labels; -1 unknown

BANDS = 5
BANDED_ABOVE = 12  # distinct numbers that are still codes (age groups, months), not amounts


def encode_attribute(texts: NDArray[np.str_]) -> tuple[tuple[str, ...], Codes]:
    """Give the labels of an attribute, and each user's code, (u,); "" is unknown.

    Numbers of more than ``BANDED_ABOVE`` values fall into ``BANDS`` equally full bands, such as
    "25-34". A text with leading zeros, such as a postcode, is not a number.
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
    """Cut at the quantiles, and call each band by the least and the greatest number in it."""
    told = numbers[inverse]
    edges = np.unique(np.quantile(told, np.arange(1, BANDS) / BANDS, method="lower"))
    bands, codes = np.unique(np.searchsorted(edges, told, side="left"), return_inverse=True)
    groups = [told[codes == band] for band in range(len(bands))]
    return tuple(_label(float(g.min()), float(g.max())) for g in groups), codes


def _label(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def _spread(
    texts: NDArray[np.str_], labels: tuple[str, ...], codes: NDArray[np.intp]
) -> tuple[tuple[str, ...], Codes]:
    spread = np.full(len(texts), -1, np.int32)
    spread[texts != ""] = codes
    return labels, spread
