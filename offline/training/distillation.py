"""Fit the coarse ranker: it keeps what users liked and what the fine ranker would choose."""

import numpy as np
from numpy.typing import NDArray

from app.rank.kinds import STAGE_COLUMNS
from app.rank.logistic import Logistic
from offline.data.errors import DataError
from offline.training.linear import fit_logistic
from offline.training.rank_table import RankTable
from offline.training.rankers import RankConfig

COARSE_WIDTH = len(STAGE_COLUMNS["coarse"])


def fit_coarse(
    table: RankTable,
    config: RankConfig,
    teacher: NDArray[np.floating] | None = None,
    width: int = COARSE_WIDTH,
) -> Logistic:
    """Fit a logistic regression on the first ``width`` columns of a table.

    ``teacher`` holds the fine ranker's scores, (m,). The best ``coarse_share`` of each group by
    them count as positive (distillation: Tang, Wang: Ranking distillation, 2018). Without them the
    model learns from the positive rows alone.

    Raises:
        DataError: users liked none of the proposed items, or all of them.
    """
    if table.labels.all() or not table.labels.any():
        raise DataError(
            f"Of {len(table)} items that recall proposed in the training windows, users liked "
            f"{int(table.labels.sum())}: rankers learn from liked and other ones. "
            "More interactions are needed."
        )
    is_wanted = table.labels > 0 if teacher is None else _distill(table, config, teacher)
    return fit_logistic(table.features[:, :width], is_wanted, config.coarse_strength, balanced=True)


def _distill(
    table: RankTable, config: RankConfig, teacher: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Return which rows the coarse ranker learns to keep, (m,).

    These are the positive items and the teacher's best of each group. If that would be every row,
    as in a small table, only the positive items are returned.
    """
    is_positive = table.labels > 0
    is_wanted = is_positive | (compute_relative_ranks(table.groups, teacher) < config.coarse_share)
    return is_positive if is_wanted.all() else is_wanted


def compute_relative_ranks(
    groups: NDArray[np.int64], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the rank of each row by score, as a share of its group, (m,): 0 is best."""
    owner = np.repeat(np.arange(len(groups)), groups)
    starts = np.repeat(np.cumsum(groups) - groups, groups)
    ranks = np.empty(len(scores))
    ranks[np.lexsort((-scores, owner))] = np.arange(len(scores)) - starts
    return ranks / groups[owner]
