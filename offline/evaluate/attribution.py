"""Where relevant items are lost: which channel found them, and at which cut they went."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.figures import AttributionFigures
from offline.evaluate.metrics import grade_lists, ndcg
from offline.evaluate.rowsets import RowSets


@dataclass(frozen=True, slots=True, eq=False)
class FunnelTrace:
    """Which items were in the funnel after each stage; the same users everywhere."""

    channels: Mapping[str, RowSets]  # what each channel proposed
    merged: RowSets
    coarse: RowSets
    fine: RowSets
    final: RowSets  # the k shown


@dataclass(frozen=True, slots=True)
class ChannelFound:
    """Mean shares of each user's relevant items, and proposals per user."""

    own: float
    unique: float
    size: float


@dataclass(frozen=True, slots=True)
class CutLeft:
    """Mean share of each user's relevant items left after a stage, and pool size per user."""

    stage: str
    alive: float
    oracle_ndcg: float
    size: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where relevant items are lost. Shares are means over users, as recall@k is."""

    k: int
    room: float
    channels: dict[str, ChannelFound]
    cuts: tuple[CutLeft, ...]  # recall, coarse, fine, final

    def figures(self) -> AttributionFigures:
        """Give the same as plain dictionaries, for JSON."""
        plain = asdict(self)
        return cast(AttributionFigures, {**plain, "cuts": list(plain["cuts"])})


def attribute(trace: FunnelTrace, relevant: RowSets, k: int) -> Attribution:
    """Follow the relevant items through the stages; users without any are left out.

    Raises:
        ValueError: the sets are not of the same users, or no user has a relevant item.
    """
    concerned = np.flatnonzero(relevant.sizes)
    if not len(concerned):
        raise ValueError("no user has a relevant item: is the test window empty?")
    wanted = relevant.take(concerned)
    stages = {
        "recall": trace.merged, "coarse": trace.coarse, "fine": trace.fine, "final": trace.final
    }  # fmt: skip
    everything = [*trace.channels.values(), *stages.values()]
    if any(len(sets) != len(relevant) for sets in everything):
        raise ValueError(f"all stages must be traced for the same {len(relevant)} users")
    cuts = [_cut(name, sets.take(concerned), wanted, k) for name, sets in stages.items()]
    proposed = {name: sets.take(concerned) for name, sets in trace.channels.items()}
    room = _room(stages["fine"].take(concerned), wanted, k)
    return Attribution(k, room, _channels(proposed, wanted), tuple(cuts))


def _channels(proposed: Mapping[str, RowSets], wanted: RowSets) -> dict[str, ChannelFound]:
    found = {name: _alive(sets, wanted) for name, sets in proposed.items()}
    finders = np.sum(list(found.values()), axis=0)
    return {
        name: ChannelFound(
            _share(alive, wanted), _share(alive & (finders == 1), wanted), _size(proposed[name])
        )
        for name, alive in found.items()
    }


def _cut(stage: str, left: RowSets, wanted: RowSets, k: int) -> CutLeft:
    alive = _alive(left, wanted)
    perfect = _perfect_lists(wanted, alive, k)
    oracle = float(ndcg(grade_lists(perfect, wanted), k).mean())
    return CutLeft(stage, _share(alive, wanted), oracle, _size(left))


def _alive(sets: RowSets, wanted: RowSets) -> NDArray[np.bool_]:
    """Say for each wanted item (m,) whether its user's set holds it."""
    return np.asarray(sets.grades_of(wanted.owners, wanted.rows) > 0)


def _share(alive: NDArray[np.bool_], wanted: RowSets) -> float:
    found = np.bincount(wanted.owners, weights=alive, minlength=len(wanted))
    return float((found / wanted.sizes).mean())


def _room(left: RowSets, wanted: RowSets, k: int) -> float:
    """Give the mean share of each user's wanted items that k places can hold of what is left."""
    found = np.bincount(wanted.owners, weights=_alive(left, wanted), minlength=len(wanted))
    return float((np.minimum(found, k) / wanted.sizes).mean())


def _perfect_lists(wanted: RowSets, alive: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Put the wanted items that are left first, (u, k), padded with -1."""
    left = RowSets.of_pairs(wanted.owners[alive], wanted.rows[alive], len(wanted))
    place = np.arange(len(left.rows)) - left.indptr[left.owners]
    lists = np.full((len(wanted), k), -1, np.int64)
    lists[left.owners[place < k], place[place < k]] = left.rows[place < k]
    return lists


def _size(sets: RowSets) -> float:
    return float(sets.sizes.mean())
