"""The parts of the funnel that an ablation removes, and rankers without them.

Recall runs once. Without a channel, its columns are empty and the items that only it
proposes are gone, in training and in evaluation. The limits of the other channels stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers, Sizes
from app.contracts import Candidates, Matrix, Query
from app.features.channels import RANK_OFFSET
from app.features.views import FINE_VIEW, column_names
from app.rank.scorer import MatrixScorer
from app.recall.merge import RRF_OFFSET
from app.recall.registry import CHANNELS
from offline.evaluate.compare_rankers import PoolRanker, cascade_ranker
from offline.training.gbdt import fit_pointwise_listwise
from offline.training.linear import fit_coarse
from offline.training.rank_table import RankTable, concatenate
from offline.training.rankers import RankConfig


@dataclass(frozen=True, slots=True)
class Ablation:
    """The funnel without one part."""

    name: str
    columns: tuple[str, ...] = ()  # that are set to NaN
    channel: str | None = None  # that proposes nothing, and has no columns
    windows: int | None = None  # the number of last windows to learn from; None: all
    distilled: bool = True  # whether the coarse ranker learns from the fine one
    changed: dict[str, Any] = field(default_factory=dict)  # fields of ``RankConfig``


WHOLE_FUNNEL = Ablation("the whole funnel")


def ablations() -> Iterator[Ablation]:
    """Yield an ablation for each part of the funnel."""
    for channel in CHANNELS:
        yield Ablation(f"without channel {channel}", channel=channel)
    for group in FINE_VIEW:
        yield Ablation(f"without columns {group.name}", group.names)
    yield Ablation("one window instead of several", windows=1)
    yield Ablation("without distillation", distilled=False)
    yield Ablation("without monotone constraints", changed={"monotone": False})
    yield Ablation("without random split points", changed={"extra_trees": False})


def fit_rankers(
    tables: list[RankTable], ablation: Ablation, config: RankConfig, seed: int
) -> Rankers:
    """Fit both rankers without the part. The fine one has fewer trees at a higher rate.

    On windows of ML-100K before the test, 100 trees at three times the rate rank as 300 trees.
    """
    chosen = concatenate(tables[-(ablation.windows or len(tables)) :])
    kept, features = remove_part(chosen.features, ablation)
    table = replace(chosen, features=features).take(kept)
    fine = fit_pointwise_listwise([table], replace(_quick(config), **ablation.changed), seed)
    teacher = fine.score(table.features) if ablation.distilled else None
    return Rankers(MatrixScorer(fit_coarse(table, config, teacher)), MatrixScorer(fine))


def _quick(config: RankConfig) -> RankConfig:
    fewer = min(config.least_rounds, config.rounds)
    rate = config.learning_rate * config.rounds / fewer
    return replace(config, rounds=fewer, least_rounds=fewer, learning_rate=rate)


def build_ranking(rankers: Rankers, ablation: Ablation, sizes: Sizes) -> PoolRanker:
    """Return a ranking as the funnel does it, on pools without the part."""
    ranked = cascade_ranker(rankers, sizes.coarse, sizes.fine)

    def ablated(query: Query, pool: Candidates) -> Candidates:
        kept, features = remove_part(pool.features, ablation)
        return ranked(query, replace(pool, features=features).take(kept))

    return ablated


def remove_part(features: Matrix, ablation: Ablation) -> tuple[NDArray[np.intp], Matrix]:
    """Return the rows that stay, and the features (n, f) of all rows without the part."""
    reduced = features.copy()
    reduced[:, [_position(name) for name in ablation.columns]] = np.nan
    if ablation.channel is None:
        return np.arange(len(reduced)), reduced
    rank_column, z = (_position(f"{ablation.channel}_{column}") for column in ("rank", "z"))
    channels, fused = _position("channels"), _position("fused")
    proposed = features[:, rank_column] > 0
    rank = 1.0 / np.where(proposed, features[:, rank_column], 1.0) - RANK_OFFSET
    reduced[:, channels] -= proposed
    reduced[:, fused] -= np.where(proposed, 1.0 / (RRF_OFFSET + rank), 0.0)
    reduced[:, [rank_column, z]] = np.nan
    return np.flatnonzero(~proposed | (reduced[:, channels] > 0)), reduced


def _position(column: str) -> int:
    return column_names(FINE_VIEW).index(column)
