"""What was shown and what was liked in each scene: counts per item, as arrays in every worker.

A click belongs to the scene of the list that it names by ``request_id``.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.contracts import Rows

MAX_SCENES = 16  # scenes, the first ones met: callers may name any where none is configured
REMEMBERED = 100_000  # lists whose scene is known when a click names them


@dataclass(slots=True, eq=False)
class SceneCounts:
    """Counts by scene and item. Moved on by one writer, read by any number of readers."""

    n: int  # items
    shown: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # (n,) by scene
    liked: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # (n,) by scene

    def count_impressions(self, rows: Rows, scene: str) -> None:
        """Count one more impression for each of these items."""
        if self._knows(scene):
            np.add.at(self.shown[scene], rows, np.float32(1.0))

    def count_successes(self, rows: Rows, scene: str) -> None:
        """Count one more positive event for each of these items, on a list of this scene."""
        if self._knows(scene):
            np.add.at(self.liked[scene], rows, np.float32(1.0))

    def reset_row(self, row: int) -> None:
        """Begin with an item anew."""
        for counts in (*self.shown.values(), *self.liked.values()):
            counts[row] = 0.0

    def counts_of(self, row: int) -> Mapping[str, tuple[float, float]]:
        """Give how often an item was shown and liked in each scene."""
        return {
            scene: (float(shown[row]), float(self.liked[scene][row]))
            for scene, shown in tuple(self.shown.items())
        }

    def _knows(self, scene: str) -> bool:
        if scene not in self.shown and len(self.shown) < MAX_SCENES:
            self.liked[scene] = np.zeros(self.n, np.float32)
            self.shown[scene] = np.zeros(self.n, np.float32)
        return scene in self.shown


class RecentLists:
    """The scenes of at least the newest ``limit`` lists, at most twice as many."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._newer: dict[int, str] = {}
        self._older: dict[int, str] = {}

    def add(self, request: Hashable, scene: str) -> None:
        """Remember the scene of a list."""
        self._newer[hash(request)] = scene
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, {}

    def scene_of(self, request: Hashable) -> str | None:
        """Give the scene of a list; None when it is not known, or no more."""
        mark = hash(request)
        return self._newer.get(mark) or self._older.get(mark)
