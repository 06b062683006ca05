"""Measure how far the served lists have moved from those at the time of the bundle.

The measure is the population stability index (Lewis: An introduction to credit scoring, 1994;
Siddiqi: Credit risk scorecards, 2006) of some features and of the fine score, over the ranked items
of lists: ``Σ (p - q)·ln(p / q)`` with q the bundle's share of a bin and p that of lately served
items. By convention less than 0.1 is no shift, and more than 0.25 a large one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import ORGANIC, Candidates, Matrix, Scores, Slate
from app.features.views import FINE_VIEW, column_names

DRIFT_FILE = "drift.json"  # in a bundle
SCORE = "score"  # name of the fine ranker's score among the monitored columns
MONITORED = (  # the first in all lists, the others in lists of users with a history
    *("user_events", "user_liked", "user_gap", "habit_popularity"),
    *("channels", "fused", "share_7d", "share_90d", "liked_share", "age"),
    *("taste_factors", "taste_content", "category_lift", "factors_last20"),
)
EVENTS_COLUMN = column_names(FINE_VIEW).index(MONITORED[0])
BINS = 10  # each holds as many of the bundle's items; items without a value have one more
MIN_SHARE = 1e-3  # share that an empty bin counts as, so that one item is no shift
MIN_LISTS = 300.0  # weight of the lists below which there is no index
HALF_LIFE = 6 * 3_600.0  # seconds after which a list counts half
MAX_WAITING = 200  # newest lists that wait to be counted; older ones are dropped

BinValues: TypeAlias = NDArray[np.float64]
ShownList: TypeAlias = tuple[Candidates, NDArray[np.int8]]  # a list, and its slots


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """One column's distribution when the bundle was made."""

    edges: BinValues  # (b - 1,) ascending
    shares: BinValues  # (b + 1,) of the items in each bin; the last is of those without a value

    @classmethod
    def of(cls, values: Scores) -> "Bins":
        """Build bins that hold equally many of these values, as far as the values differ.

        Edges lie half-way between two values: a value that many items share must not cross an edge
        because of a tiny change.
        """
        finite = values[np.isfinite(values)].astype(np.float64)
        distinct, counts = np.unique(finite, return_counts=True)
        below = np.cumsum(counts) - counts  # (u,) items with smaller values
        wanted = np.arange(1, BINS) * len(finite) / BINS
        at = np.unique(np.searchsorted(below, wanted, side="left"))
        at = at[(at > 0) & (at < len(distinct))]
        edges = (distinct[at - 1] + distinct[at]) / 2.0
        return cls(edges, count_bins(edges, values) / max(len(values), 1))


def count_bins(edges: BinValues, values: Scores) -> BinValues:
    """Count the values in each bin, (b + 1,); the last count is of values that are not finite."""
    is_finite = np.isfinite(values)
    bins = np.where(is_finite, np.searchsorted(edges, values, side="right"), len(edges) + 1)
    return np.bincount(bins, minlength=len(edges) + 2).astype(np.float64)


def population_stability_index(expected: BinValues, counts: BinValues) -> float:
    """Compute the population stability index of counts against expected shares, (b,) each."""
    q = np.maximum(expected, MIN_SHARE)
    p = np.maximum(counts / max(float(counts.sum()), 1e-9), MIN_SHARE)
    return float(((p - q) * np.log(p / q)).sum())


@dataclass(frozen=True, slots=True, eq=False)
class DriftReference:
    """The lists that the published funnel gives to the users of the test window."""

    columns: Mapping[str, Bins]  # by name of the feature, or ``SCORE``

    @classmethod
    def of(cls, features: Matrix, scores: Scores) -> "DriftReference":
        """Describe the items of many lists: the fine view's columns (n, f), and scores (n,)."""
        columns = _monitored_columns(features, scores)
        return cls({name: Bins.of(values) for name, values in columns.items()})


def _monitored_columns(features: Matrix, scores: Scores) -> dict[str, Scores]:
    """Return the values of each monitored column.

    All users without a history get the same list. It counts in the first column only.
    """
    view, has_history = column_names(FINE_VIEW), features[:, EVENTS_COLUMN] > 0
    columns = {name: features[has_history, view.index(name)] for name in MONITORED}
    return columns | {SCORE: scores[has_history], MONITORED[0]: features[:, EVENTS_COLUMN]}


@dataclass(slots=True, eq=False)
class DriftCounter:
    """Counts the lists that one worker serves with one bundle. ``add`` is all that a request pays.

    If the bundle has no reference, because it is of an earlier version, nothing is counted.
    """

    reference: DriftReference | None
    min_lists: float = MIN_LISTS
    weight: float = field(default=0.0, init=False)  # decayed number of counted lists
    history_weight: float = field(default=0.0, init=False)  # the same, for users with a history
    _waiting: deque[ShownList] = field(
        default_factory=lambda: deque(maxlen=MAX_WAITING), init=False
    )
    _counts: dict[str, BinValues] = field(default_factory=dict, init=False)
    _counted_at: float = field(default=0.0, init=False)

    def add(self, slate: Slate) -> None:
        self._waiting.append((slate.pool, slate.slots))

    def count(self, now: float) -> dict[str, float]:
        """Count the queued lists, and return the index of each column; none for too few lists."""
        if self.reference is None:
            return {}
        fade = float(np.exp2(-max(now - self._counted_at, 0.0) / HALF_LIFE))
        self._counted_at = now
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        width = len(column_names(FINE_VIEW))
        ranked = [shown for shown in waiting if shown[0].features.shape[1] == width]
        personal = sum(bool((pool.features[:1, EVENTS_COLUMN] > 0).any()) for pool, _ in ranked)
        self.weight = self.weight * fade + len(ranked)
        self.history_weight = self.history_weight * fade + personal
        indexes = {}
        for name, values in _monitored_columns(*_ranked_items(ranked)).items():
            bins = self.reference.columns[name]
            before = self._counts.get(name, np.zeros(len(bins.shares)))
            self._counts[name] = before * fade + count_bins(bins.edges, values)
            weight = self.weight if name == MONITORED[0] else self.history_weight
            if weight >= self.min_lists:
                indexes[name] = population_stability_index(bins.shares, self._counts[name])
        return indexes


def _ranked_items(lists: Sequence[ShownList]) -> tuple[Matrix, Scores]:
    """Return features and scores of the items that the ranking put into lists.

    Items that exploration or a fixed position put there do not count.
    """
    empty = np.empty((0, len(column_names(FINE_VIEW))), np.float32)
    features = [pool.features[slots == ORGANIC] for pool, slots in lists]
    scores = [pool.scores[slots == ORGANIC] for pool, slots in lists]
    return np.concatenate([empty, *features]), np.concatenate([empty[:, 0], *scores])


def describe_lists(slates: Sequence[Slate]) -> DriftReference:
    """Build the reference from lists; ``DriftCounter`` counts served lists in the same way."""
    shown = [(slate.pool, slate.slots) for slate in slates]
    return DriftReference.of(*_ranked_items(shown))


def write_reference(reference: DriftReference, path: Path) -> None:
    """Write a reference as JSON."""
    content = {
        name: {"edges": bins.edges.tolist(), "shares": bins.shares.tolist()}
        for name, bins in reference.columns.items()
    }
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def read_reference(path: Path) -> DriftReference:
    """Read a reference.

    Raises:
        OSError: there is no such file.
        ValueError: the file is damaged.
        KeyError: a monitored column is missing.
    """
    content = orjson.loads(path.read_bytes())
    columns = {name: content[name] for name in (*MONITORED, SCORE)}
    return DriftReference(
        {name: Bins(np.array(c["edges"]), np.array(c["shares"])) for name, c in columns.items()}
    )
