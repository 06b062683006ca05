"""Collect training rows from the real recall as of earlier moments, and from logged lists.

Negatives of a recalled pool are a random sample of the items that the funnel really proposed and
that are not relevant. Choosing the hardest ones instead (the best by another model) teaches a
ranker that good-looking items are bad: on windows before the middle of ML-100K it cost a third of
NDCG@10.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.contracts import Matrix, Request
from app.features.views import FINE_VIEW, column_names
from app.funnel import Funnel
from offline.data.dataset import Dataset
from offline.training.objectives import OBJECTIVE_COLUMNS, compute_outcomes
from offline.training.past_requests import (
    ActiveUser,
    advance_counters,
    label_rows,
    recommend_once,
    without_ranking,
)
from offline.training.rank_table import NO_POSITION, RankTable

# Negatives of each group. All of them (about 700) rank no better and take four times as long.
NEGATIVES_PER_GROUP = 100


async def collect_rows(
    funnel: Funnel,
    dataset: Dataset,
    users: list[ActiveUser],
    seed: int,
    negatives: int = NEGATIVES_PER_GROUP,
) -> RankTable:
    """Run recall for each user and compute the features of everything it proposed.

    The rows kept are the relevant ones, those that the user's ``later`` events clicked, and about
    ``negatives`` others of each group, drawn by ``seed``. Users must be in order of time:
    the counters advance with them. Groups without a relevant candidate teach nothing and are left
    out.
    """
    random = np.random.default_rng(seed)
    recall = without_ranking(funnel)  # the pool before the first cut does not depend on rankers
    tables = []
    conversion = dataset.traits.positive_weights[-1] if dataset.traits.positive_weights else np.inf
    counted = dataset.log.without_repeats()
    counted_until = funnel.query_builder.counters.now
    names = dataset.users.names(np.array([user.user for user in users], np.int64))
    for name, user in zip(names, users, strict=True):
        advance_counters(funnel.query_builder, counted, counted_until, user.at)
        counted_until = max(counted_until, user.at)
        request = Request(name, 10, seed, arrived=0.0, inline=user.since, explore=False)
        run = await recommend_once(recall, request)
        is_relevant = label_rows(run.merged.rows, user.relevant)
        if not is_relevant.any():
            continue
        outcomes = compute_outcomes(run.merged.rows, user.later, conversion)
        is_sampled = random.random(len(is_relevant)) < negatives / len(is_relevant)
        kept = np.flatnonzero(is_relevant | (outcomes[:, 0] > 0) | is_sampled)
        tables.append(
            (
                funnel.fine.features.build(run.query, run.merged)[kept],
                is_relevant[kept].astype(np.int32),
                outcomes[kept],
            )
        )
    return _stack_groups(tables)


def _stack_groups(groups: list[tuple[Matrix, NDArray[np.int32], Matrix]]) -> RankTable:
    """Build a table of groups of features, labels and outcomes; it may have none."""
    if not groups:
        return RankTable(
            np.empty((0, len(column_names(FINE_VIEW))), np.float32),
            np.empty(0, np.int32),
            np.empty(0, np.int64),
            outcomes=np.empty((0, len(OBJECTIVE_COLUMNS)), np.float32),
        )
    features, labels, outcomes = zip(*groups, strict=True)
    sizes = np.array([len(group) for group in labels])
    return RankTable(
        np.concatenate(features), np.concatenate(labels), sizes, outcomes=np.concatenate(outcomes)
    )


def build_logged_table(
    features: Matrix,
    grades: NDArray[np.integer],
    slates: NDArray[np.integer],
    positions: NDArray[np.integer],
) -> RankTable:
    """Build a table of logged lists, for ``offline.training.gbdt.fit_pointwise_listwise``.

    People look most at the top of a list, so an item there is clicked more often than it is liked.
    With the positions LightGBM splits a score into the effect of the item (the trees) and the
    effect of the position, which is not kept (its documentation: Position bias; a generalised
    additive model). This works only where positions and features do not always go together;
    exploration and lists by several bundles ensure that. Lists without a positive item are left
    out.

    Args:
        features: (m, f) columns of the fine view as served, one row an item shown.
        grades: (m,) how relevant, a small whole number; 0 is not relevant.
        slates: (m,) a number that the items of one list share, and no other list has.
        positions: (m,) position in the list, 0 is the first.

    Raises:
        ValueError: the columns are not those of the fine view, or the arrays' lengths differ.
    """
    width = len(column_names(FINE_VIEW))
    if features.ndim != 2 or features.shape[1] != width:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"features of shape {features.shape}: the fine view has {width} columns")
    if not len(features) == len(grades) == len(slates) == len(positions):
        raise ValueError(
            f"{len(features)} rows of features, {len(grades)} grades, {len(slates)} slates, "
            f"{len(positions)} positions: pass one of each for every item shown"
        )
    order = np.lexsort((positions, slates))
    _, owner = np.unique(slates[order], return_inverse=True)
    has_positive = np.bincount(owner, grades[order] > 0) > 0
    rows, sizes = order[has_positive[owner]], np.bincount(owner)[has_positive]
    return RankTable(
        features[rows], grades[rows].astype(np.int32), sizes, positions[rows].astype(np.int32)
    )


def insert_logged_lists(windows: list[RankTable], logged: RankTable) -> list[RankTable]:
    """Insert logged lists before the last window, which is held out.

    Recalled rows were shown at no position. All of them have one position of their own, so that
    only logged lists teach the effect of positions.
    """
    positioned = [
        replace(window, positions=np.full(len(window), NO_POSITION, np.int32), outcomes=None)
        for window in windows
    ]
    return [*positioned[:-1], logged, *positioned[-1:]]
