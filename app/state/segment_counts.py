"""What each segment of users (age band, country ...) likes these weeks, as arrays in every worker.

The rows are those of ``Segments.share``: one for each segment and one for everybody. Counts are
held relative to a moment, like those of ``Live``, so that one addition moves them on.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.contracts import Matrix, Rows, Scores, Times

SegmentRows: TypeAlias = NDArray[np.integer]  # (m, a) rows of the segments of m users; -1 unknown

HALF_LIFE = 30 * DAY  # seconds
MAX_CELLS = 5_000_000  # segments times items, 20 MB; of a larger catalogue nothing is counted


def gather_cells(table: Matrix, chosen: Rows, rows: Rows) -> Matrix:
    """Give these rows and columns of a table, (len(chosen), len(rows)), a copy."""
    found = np.empty((len(chosen), len(rows)), np.float32)
    for place, row in enumerate(chosen):
        table[row].take(rows, out=found[place], mode="clip")  # other modes copy once more
    return found


class SegmentCounts:
    """Decayed likes by segment and item. Moved on by one writer, read by any number of readers.

    Whether anything is counted depends on the bundle alone, not on ``spare`` rows: training has
    none, and must see what serving sees.
    """

    def __init__(self, segments: int, items: int, spare: int, reference: float) -> None:
        kept = 0 < segments * items <= MAX_CELLS
        self._liked = np.zeros((segments + 1 if kept else 0, items + spare), np.float32)
        self._totals = np.zeros(len(self._liked), np.float64)  # of each row
        self._reference = reference

    def __len__(self) -> int:
        return len(self._liked)

    def apply(self, segments: SegmentRows | None, rows: Rows, weights: Scores, at: Times) -> None:
        """Add events, (m,) each, of users in these segments; None: all are unknown."""
        if not len(self) or not len(rows):
            return
        everybody = np.full((len(rows), 1), len(self) - 1)
        of = everybody if segments is None else np.hstack([segments, everybody])
        grown = np.maximum(weights, 0.0) * np.exp2((at - self._reference) / HALF_LIFE)
        event, place = (of >= 0).nonzero()
        row, added = of[event, place], grown[event]
        np.add.at(self._liked, (row, rows[event]), added.astype(np.float32))
        np.add.at(self._totals, row, added)

    def reset_row(self, row: int) -> None:
        """Begin with an item anew."""
        self._totals = np.maximum(self._totals - self._liked[:, row], 0.0)
        self._liked[:, row] = 0.0

    def rebase(self, reference: float) -> None:
        """Hold the counts relative to a later moment; what readers see stays the same."""
        faded = self._fade(reference)
        self._liked *= np.float32(faded)
        self._totals *= faded
        self._reference = reference

    def at(self, now: float, chosen: Rows, rows: Rows) -> Matrix:
        """Give the decayed likes of these rows of the table, (len(chosen), len(rows))."""
        liked = gather_cells(self._liked, chosen, rows)
        liked *= np.float32(self._fade(now))
        return liked

    def total_at(self, now: float, chosen: Rows) -> NDArray[np.float64]:
        """Give the decayed likes of all items together, (len(chosen),)."""
        totals: NDArray[np.float64] = self._totals[chosen] * self._fade(now)
        return totals

    def _fade(self, now: float) -> float:
        return float(np.exp2(-(now - self._reference) / HALF_LIFE))
