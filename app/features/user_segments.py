"""Convert the attributes of users, as text, to the segments of a bundle."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments, Users

BAND = re.compile(r"(-?[\d.]+(?:e[+-]?\d+)?)-(-?[\d.]+(?:e[+-]?\d+)?)")  # "25-34"


def segment_codes(segments: Segments, attributes: Mapping[str, str]) -> NDArray[np.int32]:
    """Return the user's code in each segment attribute, (a,); -1 where it is unknown.

    A number belongs to the first band that ends at or above it. A number beyond the last band
    belongs to the last one.
    """
    codes = [
        _code(labels, attributes[name]) if name in attributes else -1
        for name, labels in zip(segments.names, segments.labels, strict=True)
    ]
    return np.array(codes, np.int32)


def segment_rows_of_users(
    users: Users,
    segments: Segments,
    user_ids: Sequence[str],
    attributes: Sequence[Mapping[str, str]],
) -> NDArray[np.int64]:
    """Return the rows of ``Segments.share`` that users belong to, (m, a); -1 where unknown.

    Args:
        users: the users of the bundle.
        segments: the segments of the bundle.
        user_ids: (m,).
        attributes: live attributes of these users, (m,); they win over those of the bundle.
    """
    members = users.ids.rows(user_ids)
    codes = np.where((members >= 0)[:, None], users.segments[members], -1).astype(np.int32)
    for position, of_user in enumerate(attributes):
        if of_user:
            codes[position] = override_segment_codes(segments, codes[position], of_user)
    return segment_rows(segments, codes)


def override_segment_codes(
    segments: Segments, codes: NDArray[np.int32], attributes: Mapping[str, str]
) -> NDArray[np.int32]:
    """Return a user's codes, (a,), with those of live attributes in place of the others."""
    live = segment_codes(segments, attributes)
    return np.where(live >= 0, live, codes).astype(np.int32)


def segment_rows(segments: Segments, codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Convert codes to rows of ``Segments.share``, (m, a); -1 stays."""
    return np.where(codes >= 0, codes + segments.offsets[:-1], -1).astype(np.int64)


def segment_labels(segments: Segments, codes: NDArray[np.int32]) -> dict[str, str | None]:
    """Return the label of each code by attribute; None where it is unknown."""
    return {
        name: labels[code] if code >= 0 else None
        for name, labels, code in zip(segments.names, segments.labels, codes.tolist(), strict=True)
    }


@lru_cache(maxsize=4_096)
def _code(labels: tuple[str, ...], text: str) -> int:
    text = text.strip()
    if text in labels:
        return labels.index(text)
    folded = [label.casefold() for label in labels]
    if text.casefold() in folded:
        return folded.index(text.casefold())
    ends, number = _band_ends(labels), _number(text)
    if ends is None or number is None:
        return -1
    return min(int(np.searchsorted(ends, number, side="left")), len(ends) - 1)


@lru_cache(maxsize=64)
def _band_ends(labels: tuple[str, ...]) -> Sequence[float] | None:
    """Return where each band ends, ascending; None if the labels are not bands."""
    bands = [BAND.fullmatch(label) for label in labels]
    ends = [
        float(band[2]) if band else _number(label)
        for band, label in zip(bands, labels, strict=True)
    ]
    numbers = [end for end in ends if end is not None]
    is_ascending = len(numbers) == len(ends) and numbers == sorted(numbers)
    return numbers if any(bands) and is_ascending else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
