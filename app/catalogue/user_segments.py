"""From what is told of a user, as text, to the segments that a bundle knows."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments, Users

BAND = re.compile(r"(-?[\d.]+(?:e[+-]?\d+)?)-(-?[\d.]+(?:e[+-]?\d+)?)")  # "25-34"


def segment_codes(segments: Segments, attributes: Mapping[str, str]) -> NDArray[np.int32]:
    """Give the user's code in each segment attribute, (a,); -1 where it is not told, or not known.

    A number falls into the first band that ends at or above it, beyond the last into that.
    """
    found = [
        _code(labels, attributes[name]) if name in attributes else -1
        for name, labels in zip(segments.names, segments.labels, strict=True)
    ]
    return np.array(found, np.int32)


def segment_rows_of_users(
    users: Users,
    segments: Segments,
    user_ids: Sequence[str],
    attributes: Sequence[Mapping[str, str]],
) -> NDArray[np.int64]:
    """Give the rows of ``Segments.share`` that users belong to, (m, a); -1 where it is unknown.

    Args:
        users: whom the bundle knows.
        segments: those it knows.
        user_ids: ids of the users, (m,).
        attributes: their attributes, (m,), which win over what the bundle knows.
    """
    members = users.ids.rows(user_ids)
    codes = np.where((members >= 0)[:, None], users.segments[members], -1).astype(np.int32)
    for place, of_user in enumerate(attributes):
        if of_user:
            codes[place] = override_segment_codes(segments, codes[place], of_user)
    return segment_rows(segments, codes)


def override_segment_codes(
    segments: Segments, codes: NDArray[np.int32], attributes: Mapping[str, str]
) -> NDArray[np.int32]:
    """Give a user's codes, (a,), with those that are told in place of the others."""
    live = segment_codes(segments, attributes)
    return np.where(live >= 0, live, codes).astype(np.int32)


def segment_rows(segments: Segments, codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give the rows of ``Segments.share`` of codes (m, a); -1 stays."""
    return np.where(codes >= 0, codes + segments.offsets[:-1], -1).astype(np.int64)


def segment_labels(segments: Segments, codes: NDArray[np.int32]) -> dict[str, str | None]:
    """Name the segments of these codes; None where there is none."""
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
    highest, number = _bands(labels), _number(text)
    if highest is None or number is None:
        return -1
    return min(int(np.searchsorted(highest, number, side="left")), len(highest) - 1)


@lru_cache(maxsize=64)
def _bands(labels: tuple[str, ...]) -> Sequence[float] | None:
    """Give where each band ends, ascending; None when the labels are no bands."""
    bands = [BAND.fullmatch(label) for label in labels]
    ends = [
        float(band[2]) if band else _number(label)
        for band, label in zip(bands, labels, strict=True)
    ]
    known = [end for end in ends if end is not None]
    return known if any(bands) and len(known) == len(ends) and known == sorted(known) else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
