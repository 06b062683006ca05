"""Items of the same title and year, such as two editions of one film."""

import numpy as np
from numpy.typing import NDArray

from app.catalogue.catalogue import Catalogue
from app.contracts import Rows

NO_GROUP = -1
NO_DUPLICATES = np.empty(0, np.int32)


def duplicate_groups(catalogue: Catalogue) -> NDArray[np.int32]:
    """Return the group of each item that shares title and year with others, (n,); -1: none.

    Titles are compared without case and repeated spaces. Two unknown years are the same; items
    without a title are in no group.
    """
    years = np.nan_to_num(np.asarray(catalogue.released), nan=-np.inf).tolist()
    groups: dict[tuple[str, float], int] = {}
    codes = np.full(len(years), NO_GROUP, np.int32)
    for row, (title, year) in enumerate(zip(catalogue.titles.tolist(), years, strict=False)):
        words = " ".join((title or "").casefold().split())
        if words:
            codes[row] = groups.setdefault((words, year), len(groups))
    counts = np.bincount(codes[codes >= 0], minlength=len(groups))
    is_shared = (codes >= 0) & (counts[np.maximum(codes, 0)] > 1) if groups else codes >= 0
    return np.where(is_shared, codes, NO_GROUP).astype(np.int32)


def groups_of(groups: NDArray[np.int32], rows: Rows) -> NDArray[np.int32]:
    """Return the groups of rows, (n,); items that came after the training are in none."""
    if not len(groups):
        return np.full(len(rows), NO_GROUP, np.int32)
    is_trained = rows < len(groups)
    return np.where(is_trained, groups.take(np.where(is_trained, rows, 0)), NO_GROUP)
