"""Fits the coarse and the fine ranker on replayed rows."""

from dataclasses import dataclass
from math import inf

import lightgbm
import numpy as np
from numpy.typing import NDArray

from app.bounds import AtLeastTwo, Count, NotNegative, Positive, Seconds, Share
from app.contracts import Scores
from app.features.views import COARSE_VIEW, FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.data.errors import DataError
from offline.training.blend_share import Predicted, fit_growth, predicted
from offline.training.linear import fit_base_models, fit_logistic
from offline.training.rank_table import RankTable
from offline.training.sample_weights import join_with_weights

LAMBDARANK, BINARY = "lambdarank", "binary"  # objectives, as LightGBM calls them


@dataclass(frozen=True, slots=True)
class RankConfig:
    """How the rankers are fitted.

    Fading of windows and inverse propensities are off, as they did not help: NDCG@10 on the last
    three of seven windows before the middle of ML-100K (364 groups, two seeds, 150 trees) was 0.295
    without; with half-lives of 4, 2 and 1 windows +0.001, +0.000 and +0.002 (95 % +-0.005), with
    propensity powers of 0.1, 0.25 and 0.5 -0.002, -0.004 and -0.012 (+-0.004 to 0.008).
    """

    coarse_share: Share = 0.15  # best of each group by the fine ranker that coarse shall keep
    coarse_strength: Positive = 1.0  # inverse of L2 regularisation
    start_strength: Positive = 0.01  # the same, of the regression that pointwise trees begin from
    start_penalty: Positive = 100.0  # L2 on the weights of what listwise trees begin from
    boosters: Count = 2  # of each model, grown by different seeds: their mean is less noisy
    rounds: Count = 120
    least_rounds: Count = 80  # a few windows are noisy: their best round may come by chance
    held_out: Count = 1  # later windows that say when to stop
    learning_rate: Positive = 0.1
    leaves: AtLeastTwo = 7
    leaf_rows: Count = 40
    truncation: Count = 50
    monotone: bool = True  # no tree lowers a score for more of what can only speak for an item
    extra_trees: bool = True  # groups are few and noisy: split points at random fit less of it
    window_half_life: Seconds = inf  # in windows: groups of older ones count less
    propensity_power: NotNegative = 0.0  # what is popular and was taken counts less


def count_coarse_columns() -> int:
    """Give the number of columns of the coarse view."""
    return len(column_names(COARSE_VIEW))


def fit_coarse(
    table: RankTable, config: RankConfig, teacher: NDArray[np.floating] | None = None
) -> Logistic:
    """Fit a logistic regression that keeps what users took and what the fine ranker would choose.

    ``teacher`` are the fine ranker's scores, (m,): the best ``coarse_share`` of each group by them
    count as taken (distillation: Tang, Wang: Ranking distillation, 2018). None: what users took.

    Raises:
        DataError: nothing that was proposed was taken, or all of it.
    """
    if table.labels.all() or not table.labels.any():
        raise DataError(
            f"Of {len(table)} items that recall proposed in the training windows, users took "
            f"{int(table.labels.sum())}: rankers learn from taken and left ones. "
            "More interactions are needed."
        )
    wanted = table.labels > 0 if teacher is None else _distilled(table, config, teacher)
    features = table.features[:, : count_coarse_columns()]
    return fit_logistic(features, wanted, config.coarse_strength, balanced=True)


def _distilled(
    table: RankTable, config: RankConfig, teacher: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Say what coarse shall keep; where that is all of so small a table, what users took."""
    taken = table.labels > 0
    wanted = taken | (compute_relative_ranks(table.groups, teacher) < config.coarse_share)
    return taken if wanted.all() else wanted


def compute_relative_ranks(
    groups: NDArray[np.int64], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Give each row's place in its group by ``scores``, as a share of it: 0 is the best, (m,)."""
    owner = np.repeat(np.arange(len(groups)), groups)
    starts = np.repeat(np.cumsum(groups) - groups, groups)
    place = np.empty(len(scores))
    place[np.lexsort((-scores, owner))] = np.arange(len(scores)) - starts
    shares: NDArray[np.float64] = place / groups[owner]
    return shares


def fit_fine(windows: list[RankTable], config: RankConfig, seed: int) -> PointwiseListwiseBlend:
    """Fit two linear models on all windows, and from their scores trees.

    Pointwise trees lower the log loss, listwise ones are lambdarank (Burges, 2010). Where rows
    have positions both are lambdarank, the only objective that corrects for them.

    Each of the last windows is held out once and predicted from those before it; the number of
    trees is the one at which the mean NDCG@10 of the listwise ones is best, and how fast the
    listwise model takes over as a history grows is learned from the same predictions.

    Raises:
        DataError: users took nothing of what recall proposed, in any window.
    """
    windows = [window for window in windows if len(window)]
    if not windows:
        raise DataError(
            "Users took nothing of what recall proposed in the training windows: rankers learn "
            "from taken and left items. More interactions are needed."
        )
    rehearsals = [
        _rehearse(windows[:held_out], windows[held_out], config, seed)
        for held_out in range(max(1, len(windows) - config.held_out), len(windows))
    ]
    curves = [rehearsal.curve for rehearsal in rehearsals]
    best = int(np.argmax(np.mean(curves, axis=0))) + 1 if curves else config.rounds
    whole = join_with_weights(windows, config.window_half_life, config.propensity_power)
    rounds = max(best, config.least_rounds)
    starts = fit_base_models(whole, config.start_strength, config.start_penalty, seed)
    seeds = range(seed, seed + config.boosters)

    def grown(start: Logistic, objective: str) -> GradientBoosting:
        """Grow as many boosters as configured from one linear model, each by another seed."""
        data = _lightgbm(whole, start, objective)
        each = (_parameters(config, one) | {"objective": objective} for one in seeds)
        return GradientBoosting(start, tuple(lightgbm.train(told, data, rounds) for told in each))

    growth = fit_growth([rehearsal.predicted(config, seed, rounds) for rehearsal in rehearsals])
    return PointwiseListwiseBlend(
        grown(starts[0], _pointwise(whole)), grown(starts[1], LAMBDARANK), growth
    )


def _pointwise(table: RankTable) -> str:
    """Name the objective of pointwise trees; only lambdarank corrects for positions."""
    return BINARY if table.positions is None else LAMBDARANK


@dataclass(frozen=True, slots=True, eq=False)
class _Rehearsal:
    """A later window held out, and what was fitted on those before it to predict it."""

    before: RankTable
    held_out: RankTable
    starts: tuple[Logistic, Logistic]  # of pointwise and of listwise trees
    listwise: lightgbm.Booster
    curve: list[float]  # NDCG@10 on the later window after each listwise tree, (rounds,)

    def predicted(self, config: RankConfig, seed: int, rounds: int) -> Predicted:
        """Grow pointwise trees as well, and score the later window by both."""
        start, objective = self.starts[0], _pointwise(self.before)
        told = _parameters(config, seed) | {"objective": objective}
        booster = lightgbm.train(told, _lightgbm(self.before, start, objective), rounds)
        listwise = GradientBoosting(self.starts[1], (self.listwise,))
        return predicted(self.held_out, GradientBoosting(start, (booster,)), listwise, rounds)


def _rehearse(
    windows: list[RankTable], held_out: RankTable, config: RankConfig, seed: int
) -> _Rehearsal:
    """Grow listwise trees on windows, and judge them on a later one after each tree."""
    seen: dict[str, dict[str, list[float]]] = {}
    before = join_with_weights(windows, config.window_half_life, config.propensity_power)
    starts = fit_base_models(before, config.start_strength, config.start_penalty, seed)
    booster = lightgbm.train(
        _parameters(config, seed),
        _lightgbm(before, starts[1], LAMBDARANK),
        config.rounds,
        valid_sets=[_lightgbm(held_out, starts[1], LAMBDARANK)],
        valid_names=["later"],
        callbacks=[lightgbm.record_evaluation(seen)],
    )
    return _Rehearsal(before, held_out, starts, booster, seen["later"]["ndcg@10"])


def _lightgbm(table: RankTable, start: Logistic, objective: str) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        table.features,
        table.labels if objective == LAMBDARANK else table.labels > 0,
        weight=table.weights,
        group=table.groups,
        init_score=start.score(table.features).astype(np.float64),
        position=table.positions,
        feature_name=list(column_names(FINE_VIEW)),
        free_raw_data=False,
    )


def _parameters(config: RankConfig, seed: int) -> dict[str, object]:
    return {
        "objective": LAMBDARANK,
        "metric": "ndcg",
        "eval_at": [10],
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.leaf_rows,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "extra_trees": config.extra_trees,
        "lambdarank_truncation_level": config.truncation,
        "monotone_constraints": [
            int(config.monotone and name in RISING_COLUMNS) for name in column_names(FINE_VIEW)
        ],
        "deterministic": True,
        "force_row_wise": True,
        "max_bin": 127,
        "num_threads": 1,  # threads that wait for a busy core cost more than they bring
        "seed": seed,
        "verbosity": -1,
    }


def compute_column_shares(fine: PointwiseListwiseBlend) -> Scores:
    """Give how much each fine column counts, (f,): half by the weights, half by the trees' gain."""
    parts = [np.abs(member.base.weights.astype(np.float64)) for member in fine.members]
    for member in fine.members:
        parts += [booster.feature_importance("gain") for booster in member.boosters]
    shares = [_share(parts[:2]), _share(parts[2:])]
    told = [share for share in shares if share.any()]
    share: Scores = np.mean(told or shares, axis=0).astype(np.float32)
    return share


def _share(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Give the mean of shares of the whole, (f,), of those parts that have any."""
    told = [part / part.sum() for part in parts if part.sum() > 0]
    return np.asarray(np.mean(told or [parts[0] * 0.0], axis=0))
