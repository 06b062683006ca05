"""What each segment of users (age band, country ...) likes these weeks, as arrays in every worker.

Counts the positive events of users whose segments the bundle knows. Like those of ``Live`` they are
held relative to a moment, so that one addition moves them on.
"""

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.contracts import Rows, Scores, Times

HALF_LIFE = 30 * DAY  # seconds
MOST_CELLS = 5_000_000  # segments times items, 20 MB; in a larger catalogue none are counted


class SegmentCounts:
    """Decayed likes by segment and item. Moved on by one writer, read by any number of readers."""

    def __init__(self, segments: int, n: int, reference: float) -> None:
        self._is_kept = 0 < segments * n <= MOST_CELLS
        self._liked = np.zeros((segments if self._is_kept else 0, n), np.float32)
        self._reference = reference

    def __len__(self) -> int:
        return len(self._liked)

    def apply(self, segments: NDArray[np.integer], rows: Rows, weights: Scores, at: Times) -> None:
        """Add events, (m,) each, of users in ``segments``, (m, a) rows of the table; -1 unknown."""
        if not self._is_kept or not len(rows):
            return
        grown = np.maximum(weights, 0.0) * np.exp2((at - self._reference) / HALF_LIFE)
        event, attribute = (segments >= 0).nonzero()
        np.add.at(
            self._liked,
            (segments[event, attribute], rows[event]),
            grown[event].astype(np.float32),
        )

    def open(self, row: int) -> None:
        """Begin with an item anew."""
        self._liked[:, row] = 0.0

    def rebase(self, reference: float) -> None:
        """Hold the counts relative to a later moment; what readers see stays the same."""
        self._liked *= np.float32(self._fade(reference))
        self._reference = reference

    def at(self, now: float, rows: Rows) -> NDArray[np.float64]:
        """Give the decayed likes of every segment at ``now``, (s, len(rows))."""
        return self._liked.take(rows, axis=1).astype(np.float64) * self._fade(now)

    def _fade(self, now: float) -> float:
        return float(np.exp2(-(now - self._reference) / HALF_LIFE))
