"""How far what is served has moved from what was when the bundle was made.

The population stability index (Lewis: An introduction to credit scoring, 1994; Siddiqi: Credit
risk scorecards, 2006) of chosen features and of the fine score, over the ranked items of lists:
``Σ (p - q)·ln(p / q)`` with q the bundle's share of a bin and p that of lately served items. By
custom less than 0.1 is no shift, and more than 0.25 a large one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import ORGANIC, Candidates, Matrix, Scores, Selection
from app.features.views import FINE_VIEW, column_names

DRIFT_FILE = "drift.json"  # in a bundle
SCORE = "score"  # of the fine ranker, beside the features
MONITORED = (  # the first in all lists, the others in those of users of whom something is known
    *("user_events", "user_liked", "user_gap", "habit_popularity"),
    *("channels", "fused", "share_7d", "share_90d", "liked_share", "age"),
    *("taste_factors", "taste_content", "category_lift", "factors_last20"),
)
EVENTS_COLUMN = column_names(FINE_VIEW).index(MONITORED[0])
BINS = 10  # with as many items of the bundle's each; what is missing is one more
MIN_SHARE = 1e-3  # share that an empty bin counts as: one item is no shift
MIN_LISTS = 300.0  # lists, by their weight, below which nothing is concluded
HALF_LIFE = 6 * 3_600.0  # seconds at which a list counts half
MAX_WAITING = 200  # newest lists that wait to be counted; those before them are not

Floats: TypeAlias = NDArray[np.float64]
ShownList: TypeAlias = tuple[Candidates, NDArray[np.int8]]  # a list, and its slots


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """One column's distribution when the bundle was made."""

    edges: Floats  # (b - 1,) ascending
    shares: Floats  # (b + 1,) of the items in each bin; the last is of those without a value

    @classmethod
    def of(cls, values: Scores) -> "Bins":
        """Make bins that hold as many of these values each, as far as values are distinct.

        Edges lie half-way between two values: one that many share must not cross one by a hair.
        """
        known = values[np.isfinite(values)].astype(np.float64)
        distinct, counts = np.unique(known, return_counts=True)
        below = np.cumsum(counts) - counts  # (u,) items of lesser values
        wanted = np.arange(1, BINS) * len(known) / BINS
        at = np.unique(np.searchsorted(below, wanted, side="left"))
        at = at[(at > 0) & (at < len(distinct))]
        edges = (distinct[at - 1] + distinct[at]) / 2.0
        return cls(edges, count_bins(edges, values) / max(len(values), 1))


def count_bins(edges: Floats, values: Scores) -> Floats:
    """Count the values in each bin, (b + 1,); the last count is of what is not finite."""
    known = np.isfinite(values)
    places = np.where(known, np.searchsorted(edges, values, side="right"), len(edges) + 1)
    return np.bincount(places, minlength=len(edges) + 2).astype(np.float64)


def population_stability_index(expected: Floats, counts: Floats) -> float:
    """Give the population stability index of counts against expected shares, (b,) each."""
    q = np.maximum(expected, MIN_SHARE)
    p = np.maximum(counts / max(float(counts.sum()), 1e-9), MIN_SHARE)
    return float(((p - q) * np.log(p / q)).sum())


@dataclass(frozen=True, slots=True, eq=False)
class DriftReference:
    """What the published funnel shows the users of the test window."""

    columns: Mapping[str, Bins]

    @classmethod
    def of(cls, features: Matrix, scores: Scores) -> "DriftReference":
        """Describe the items of many lists: the fine view's columns (n, f), and scores (n,)."""
        return cls({name: Bins.of(values) for name, values in _columns(features, scores).items()})


def _columns(features: Matrix, scores: Scores) -> dict[str, Scores]:
    """Give the values of each column: of what strangers get, which is one list, only that."""
    view, known = column_names(FINE_VIEW), features[:, EVENTS_COLUMN] > 0
    found = {name: features[known, view.index(name)] for name in MONITORED}
    return found | {SCORE: scores[known], MONITORED[0]: features[:, EVENTS_COLUMN]}


@dataclass(slots=True, eq=False)
class DriftCounter:
    """Counts what one worker serves with one bundle. ``note`` is all that an answer pays for."""

    reference: DriftReference | None  # None: the bundle has none, and nothing is counted
    weight: float = field(default=0.0, init=False)  # of the lists counted
    history_weight: float = field(default=0.0, init=False)  # of them, those of users with a history
    _waiting: deque[ShownList] = field(
        default_factory=lambda: deque(maxlen=MAX_WAITING), init=False
    )
    _counts: dict[str, Floats] = field(default_factory=dict, init=False)
    _counted_at: float = field(default=0.0, init=False)

    def add(self, chosen: Selection) -> None:
        """Take note of a list."""
        self._waiting.append((chosen.pool, chosen.slots))

    def count(self, now: float) -> dict[str, float]:
        """Count what was noted, and give the index of each column; too few lists give none."""
        if self.reference is None:
            return {}
        fade = float(np.exp2(-max(now - self._counted_at, 0.0) / HALF_LIFE))
        self._counted_at = now
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        ranked = [one for one in taken if one[0].features.shape[1] == len(column_names(FINE_VIEW))]
        known = sum(bool((pool.features[:1, EVENTS_COLUMN] > 0).any()) for pool, _ in ranked)
        self.weight, self.history_weight = (
            self.weight * fade + len(ranked),
            self.history_weight * fade + known,
        )
        found = {}
        for name, values in _columns(*_ranked(ranked)).items():
            bins = self.reference.columns[name]
            before = self._counts.get(name, np.zeros(len(bins.shares)))
            self._counts[name] = before * fade + count_bins(bins.edges, values)
            enough = self.weight if name == MONITORED[0] else self.history_weight
            if enough >= MIN_LISTS:
                found[name] = population_stability_index(bins.shares, self._counts[name])
        return found


def _ranked(lists: Sequence[ShownList]) -> tuple[Matrix, Scores]:
    """Give features and scores of what the ranking, not chance or the house, put into lists."""
    nothing = np.empty((0, len(column_names(FINE_VIEW))), np.float32)
    features = [pool.features[slots == ORGANIC] for pool, slots in lists]
    scores = [pool.scores[slots == ORGANIC] for pool, slots in lists]
    return np.concatenate([nothing, *features]), np.concatenate([nothing[:, 0], *scores])


def describe_lists(lists: Sequence[Selection]) -> DriftReference:
    """Describe what lists show, as it is counted later."""
    return DriftReference.of(*_ranked([(chosen.pool, chosen.slots) for chosen in lists]))


def write_reference(reference: DriftReference, path: Path) -> None:
    """Write it as JSON."""
    stored = {
        name: {"edges": bins.edges.tolist(), "shares": bins.shares.tolist()}
        for name, bins in reference.columns.items()
    }
    path.write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))


def read_reference(path: Path) -> DriftReference:
    """Read what ``write_reference`` wrote.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged.
        KeyError: a column that is watched is absent.
    """
    stored = orjson.loads(path.read_bytes())
    return DriftReference(
        {
            name: Bins(np.array(stored[name]["edges"]), np.array(stored[name]["shares"]))
            for name in (*MONITORED, SCORE)
        }
    )
