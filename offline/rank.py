"""Fits the coarse and the fine ranker on replayed rows."""

from dataclasses import dataclass
from math import inf

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from app.contracts import Matrix, Scores
from app.features import CHANNELS, COARSE_VIEW, FINE_VIEW, names
from app.limits import Count, NotNegative, Positive, Seconds, Several, Share
from app.rank.fine import Fine
from app.rank.logistic import Logistic
from offline.data.errors import DataError
from offline.emphasis import emphasised
from offline.table import RankTable

RISING = frozenset(
    [f"{c}_{s}" for c in CHANNELS if c != "fresh" for s in ("place", "z")]
    + ["channels", "fused", "taste_factors"]
)  # columns in which more can only speak for an item
START_ROWS = 200_000  # more bring nothing to so few weights


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
    start_strength: Positive = 0.01  # the same, of the regression that the trees begin from
    rounds: Count = 120
    least_rounds: Count = 80  # a few windows are noisy: their best round may come by chance
    held_out: Count = 1  # later windows that say when to stop
    learning_rate: Positive = 0.1
    leaves: Several = 7
    leaf_rows: Count = 40
    truncation: Count = 50
    monotone: bool = True  # no tree lowers a score for more of what can only speak for an item
    extra_trees: bool = True  # groups are few and noisy: split points at random fit less of it
    window_half_life: Seconds = inf  # in windows: groups of older ones count less
    propensity_power: NotNegative = 0.0  # what is popular and was taken counts less


def coarse_width() -> int:
    """Give the number of columns of the coarse view."""
    return len(names(COARSE_VIEW))


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
    features = table.features[:, : coarse_width()]
    return _logistic(features, wanted, config.coarse_strength, balanced=True)


def _logistic(
    features: Matrix,
    wanted: NDArray[np.bool_],
    strength: float,
    *,
    counts: Scores | None = None,
    balanced: bool = False,
) -> Logistic:
    """Fit log odds on standardised columns; ``counts`` weighs the rows, (m,)."""
    exact = features.astype(np.float64)
    mean = _column(np.nanmean, exact)
    scale = np.maximum(_column(np.nanstd, exact), 1e-6)
    standard = np.nan_to_num((exact - mean) / scale)
    model = LogisticRegression(
        C=strength, solver="newton-cholesky", class_weight="balanced" if balanced else None
    )
    model.fit(standard, wanted, counts)
    return Logistic(
        mean.astype(np.float32),
        scale.astype(np.float32),
        model.coef_[0].astype(np.float32),
        float(model.intercept_[0]),
    )


def _distilled(
    table: RankTable, config: RankConfig, teacher: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Say what coarse shall keep; where that is all of so small a table, what users took."""
    taken = table.labels > 0
    wanted = taken | (places(table.groups, teacher) < config.coarse_share)
    return taken if wanted.all() else wanted


def places(groups: NDArray[np.int64], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give each row's place in its group by ``scores``, as a share of it: 0 is the best, (m,)."""
    owner = np.repeat(np.arange(len(groups)), groups)
    starts = np.repeat(np.cumsum(groups) - groups, groups)
    place = np.empty(len(scores))
    place[np.lexsort((-scores, owner))] = np.arange(len(scores)) - starts
    shares: NDArray[np.float64] = place / groups[owner]
    return shares


def fit_fine(windows: list[RankTable], config: RankConfig, seed: int) -> Fine:
    """Fit a logistic regression on all windows, and from its scores lambdarank (Burges, 2010).

    Each of the last windows is held out once and predicted from those before it; the number of
    trees is the one at which their mean NDCG@10 is best.

    Raises:
        DataError: users took nothing of what recall proposed, in any window.
    """
    windows = [window for window in windows if len(window)]
    if not windows:
        raise DataError(
            "Users took nothing of what recall proposed in the training windows: rankers learn "
            "from taken and left items. More interactions are needed."
        )
    curves = [
        _curve(windows[:held_out], windows[held_out], config, seed)
        for held_out in range(max(1, len(windows) - config.held_out), len(windows))
    ]
    best = int(np.argmax(np.mean(curves, axis=0))) + 1 if curves else config.rounds
    whole = emphasised(windows, config.window_half_life, config.propensity_power)
    start = fit_start(whole, config, seed)
    parameters = _parameters(config, seed)
    rounds = max(best, config.least_rounds)
    return Fine(start, lightgbm.train(parameters, _lightgbm(whole, start), rounds))


def fit_start(table: RankTable, config: RankConfig, seed: int) -> Logistic:
    """Fit the regression that the trees begin from, on a sample of the rows where they are many."""
    rows = np.arange(len(table))
    if len(rows) > START_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:START_ROWS])
    taken = table.labels[rows] > 0
    if taken.all() or not taken.any():
        return flat_start()
    counts = None if table.weights is None else table.weights[rows]
    return _logistic(table.features[rows], taken, config.start_strength, counts=counts)


def flat_start() -> Logistic:
    """Give a regression that says nothing: trees that begin from it begin from 0."""
    width = len(names(FINE_VIEW))
    nothing = np.zeros(width, np.float32)
    return Logistic(nothing, np.ones(width, np.float32), nothing, 0.0)


def _curve(
    windows: list[RankTable], held_out: RankTable, config: RankConfig, seed: int
) -> list[float]:
    """Give NDCG@10 on a later window after each tree, (rounds,)."""
    seen: dict[str, dict[str, list[float]]] = {}
    before = emphasised(windows, config.window_half_life, config.propensity_power)
    start = fit_start(before, config, seed)
    lightgbm.train(
        _parameters(config, seed),
        _lightgbm(before, start),
        config.rounds,
        valid_sets=[_lightgbm(held_out, start)],
        valid_names=["later"],
        callbacks=[lightgbm.record_evaluation(seen)],
    )
    return seen["later"]["ndcg@10"]


def _lightgbm(table: RankTable, start: Logistic) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        table.features,
        table.labels,
        weight=table.weights,
        group=table.groups,
        init_score=start.score(table.features).astype(np.float64),
        position=table.positions,
        feature_name=list(names(FINE_VIEW)),
        free_raw_data=False,
    )


def _parameters(config: RankConfig, seed: int) -> dict[str, object]:
    return {
        "objective": "lambdarank",
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
            int(config.monotone and name in RISING) for name in names(FINE_VIEW)
        ],
        "deterministic": True,
        "force_row_wise": True,
        "max_bin": 127,
        "num_threads": 1,  # threads that wait for a busy core cost more than they bring
        "seed": seed,
        "verbosity": -1,
    }


def _column(statistic: object, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a NaN-aware statistic to each column; a column of nothing but NaN gives 0."""
    empty = np.isnan(features).all(axis=0)
    filled = np.where(empty, 0.0, features)
    return np.asarray(statistic(filled, axis=0))  # type: ignore[operator]


def gains(fine: Fine) -> Scores:
    """Give how much each fine column counts, (f,): half by the weights, half by the trees' gain."""
    weights = np.abs(fine.start.weights.astype(np.float64))
    gain = fine.booster.feature_importance("gain")
    parts = [part / part.sum() for part in (weights, gain) if part.sum() > 0]
    share: Scores = np.mean(parts or [weights], axis=0).astype(np.float32)
    return share
