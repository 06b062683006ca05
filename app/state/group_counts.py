"""Live counts per item, broken down by scene and by segment of users, as arrays in every worker."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.contracts import Matrix, Rows, Scores, Times

log = logging.getLogger(__name__)

SegmentRows: TypeAlias = NDArray[np.integer]  # (m, a) rows of the segments of m users; -1 unknown

MAX_SCENES = 16  # the latest ones: where none is configured, callers may name any
HALF_LIFE = 30 * DAY  # seconds; of likes by segment
MAX_CELLS = 5_000_000  # segments times items, 20 MB; for a larger catalogue nothing is counted


@dataclass(slots=True, eq=False)
class SceneCounts:
    """Counts of shown and liked items by scene. One writer, any number of readers.

    A click belongs to the scene of the list that it names by ``request_id``.
    """

    n: int  # items
    shown: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # (n,) by scene
    liked: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # (n,) by scene
    replaced: int = 0  # scenes whose counts were dropped for another one

    def count_impressions(self, rows: Rows, scene: str) -> None:
        shown, _ = self._arrays(scene)
        np.add.at(shown, rows, np.float32(1.0))

    def count_successes(self, rows: Rows, scene: str) -> None:
        _, liked = self._arrays(scene)
        np.add.at(liked, rows, np.float32(1.0))

    def reset_row(self, row: int) -> None:
        for counts in (*self.shown.values(), *self.liked.values()):
            counts[row] = 0.0

    def counts_of(self, row: int) -> Mapping[str, tuple[float, float]]:
        """Return how often an item was shown and liked, by scene."""
        return {
            scene: (float(shown[row]), float(liked[row]))
            for scene, shown in tuple(self.shown.items())
            if (liked := self.liked.get(scene)) is not None  # else it is being moved or dropped
        }

    def _arrays(self, scene: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the counts of a scene; a new one takes the place of the longest unused one."""
        shown, liked = self.shown.pop(scene, None), self.liked.pop(scene, None)
        if shown is None or liked is None:
            if len(self.shown) >= MAX_SCENES:
                oldest = next(iter(self.shown))
                self.shown.pop(oldest)
                self.liked.pop(oldest)
                self.replaced += 1
                if self.replaced.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ... time
                    log.warning(
                        "%d scenes were dropped from the counts, at last %r for %r: name the "
                        "scenes that exist in the setting scenes",
                        *(self.replaced, oldest, scene),
                    )
            shown, liked = np.zeros(self.n, np.float32), np.zeros(self.n, np.float32)
        self.liked[scene] = liked
        self.shown[scene] = shown
        return shown, liked


class SegmentCounts:
    """Decayed likes by segment and item. One writer, any number of readers.

    The rows are those of ``Segments.share``: one for each segment, and the last for all users.
    Counts are held relative to a moment, as in ``PopularityCounters``, so that an event is one
    addition. Whether anything is counted depends on the bundle alone, not on spare rows: training
    has no spare rows, and must see what serving sees.
    """

    def __init__(  # noqa: PLR0913 - the last two are for tests alone
        self,
        segments: int,
        items: int,
        spare: int,
        reference: float,
        *,
        max_cells: int = MAX_CELLS,
        half_life: float = HALF_LIFE,
    ) -> None:
        is_counted = 0 < segments * items <= max_cells
        n_rows = segments + 1 if is_counted else 0
        self.liked: Matrix = np.zeros((n_rows, items + spare), np.float32)  # to be decayed
        self._totals = np.zeros(len(self.liked), np.float64)  # sum of each row
        self._reference = reference
        self._half_life = half_life

    def __len__(self) -> int:
        return len(self.liked)

    def apply(self, segments: SegmentRows | None, rows: Rows, weights: Scores, at: Times) -> None:
        """Add events, (m,) each, of users in these segments; None: all segments are unknown."""
        if not len(self) or not len(rows):
            return
        everybody = np.full((len(rows), 1), len(self) - 1)
        of = everybody if segments is None else np.hstack([segments, everybody])
        scaled = np.maximum(weights, 0.0) * np.exp2((at - self._reference) / self._half_life)
        event, column = (of >= 0).nonzero()
        row, added = of[event, column], scaled[event]
        np.add.at(self.liked, (row, rows[event]), added.astype(np.float32))
        np.add.at(self._totals, row, added)

    def reset_row(self, row: int) -> None:
        self._totals = np.maximum(self._totals - self.liked[:, row], 0.0)
        self.liked[:, row] = 0.0

    def rebase(self, reference: float) -> None:
        decay = self.decay_at(reference)
        self.liked *= np.float32(decay)
        self._totals *= decay
        self._reference = reference

    def at(self, now: float, chosen: Rows, rows: Rows) -> Matrix:
        """Return the decayed likes of these rows of the table, (len(chosen), len(rows))."""
        return self.liked[np.ix_(chosen, rows)] * np.float32(self.decay_at(now))

    @property
    def totals(self) -> NDArray[np.float64]:
        """The likes of all items together, by segment, before they decay; (0,) for no segments."""
        return self._totals

    def decay_at(self, now: float) -> float:
        """Return what ``liked`` and the totals are multiplied by at ``now``."""
        return float(np.exp2(-(now - self._reference) / self._half_life))
