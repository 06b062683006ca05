"""Fit the fine ranker: pointwise and listwise trees, each grown from a linear model."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import lightgbm
import numpy as np

from app.features.views import FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.channel_order import ChannelOrder
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from offline.data.errors import DataError
from offline.training.channel_orders import choose_channel_orders
from offline.training.linear import MAX_ROWS, fit_base_models
from offline.training.rank_table import RankTable, concatenate_weighted
from offline.training.rankers import RankConfig

LAMBDARANK, BINARY = "lambdarank", "binary"  # objectives, as LightGBM calls them

Parameters: TypeAlias = dict[str, Any]  # of LightGBM


def fit_pointwise_listwise(
    windows: list[RankTable], config: RankConfig, seed: int
) -> PointwiseListwiseBlend:
    """Fit two linear models on all windows, and grow trees from their scores.

    Pointwise trees lower the log loss, listwise ones are lambdarank (Burges, 2010). Where rows
    have positions both are lambdarank, the only objective that corrects for them.

    Each of the last windows is held out once and predicted from those before it. The number of
    trees is the one at which the mean NDCG@10 of the listwise trees is best. On the newest window,
    the orders of channels are compared with that of the trees.

    Raises:
        DataError: users liked nothing of what recall proposed, in any window.
    """
    windows = [window for window in windows if len(window)]
    if not windows:
        raise DataError(
            "Users liked nothing of what recall proposed in the training windows: rankers learn "
            "from liked and other items. More interactions are needed."
        )
    seeds = range(seed, seed + config.boosters)

    def grow(base: Logistic, objective: str) -> GradientBoosting:
        """Grow as many boosters as configured from one linear model, each with its own seed."""
        parameters = [_parameters(config, one, objective) for one in seeds]
        data = _lightgbm_data(table, base, parameters[0], bins)
        return GradientBoosting.of(base, *(lightgbm.train(one, data, rounds) for one in parameters))

    with ThreadPoolExecutor() as pool:  # each on one thread, so that threads change no bits
        earlier = pool.submit(_learn_from_held_out, windows, config, seed)
        table = concatenate_weighted(windows, config.window_half_life, config.propensity_power)
        bases = fit_base_models(table, config, seed)
        objectives = _pointwise_objective(table), LAMBDARANK
        bins = _bin_features(table, config, seed)
        rounds, orders = earlier.result()
        pointwise, listwise = pool.map(grow, bases, objectives)
    return PointwiseListwiseBlend(pointwise, listwise, orders)


@dataclass(frozen=True, slots=True, eq=False)
class _EarlierFit:
    """Linear models and listwise trees of the windows before a held-out one."""

    table: RankTable
    bins: lightgbm.Dataset
    bases: tuple[Logistic, Logistic]
    listwise: lightgbm.Booster  # of all rounds
    curve: list[float]  # (rounds,) NDCG@10 on the held-out window after each tree


def _learn_from_held_out(
    windows: list[RankTable], config: RankConfig, seed: int
) -> tuple[int, tuple[ChannelOrder, ...]]:
    """Return the number of trees that is best on held-out windows, and the orders of channels.

    All trees are kept, and no order is chosen, where no window is held out.
    """
    curves, newest = [], None
    for one in range(max(1, len(windows) - config.held_out), len(windows)):
        newest = _fit_earlier(windows[:one], windows[one], config, seed)
        curves.append(newest.curve)
    if newest is None:
        return max(config.rounds, config.least_rounds), ()
    rounds = max(int(np.argmax(np.mean(curves, axis=0))) + 1, config.least_rounds)
    if not config.channel_orders:
        return rounds, ()
    return rounds, _compare_orders(newest, windows[-1].without_logged(), rounds, config, seed)


def _fit_earlier(
    windows: list[RankTable], held_out: RankTable, config: RankConfig, seed: int
) -> _EarlierFit:
    """Fit linear models and listwise trees; the trees are evaluated on a later window."""
    results: dict[str, dict[str, list[float]]] = {}
    earlier = concatenate_weighted(windows, config.window_half_life, config.propensity_power)
    bases = fit_base_models(earlier, config, seed, MAX_ROWS // 2)  # which serve nobody
    parameters, bins = _parameters(config, seed, LAMBDARANK), _bin_features(earlier, config, seed)
    listwise = lightgbm.train(
        parameters,
        _lightgbm_data(earlier, bases[1], parameters, bins),
        config.rounds,
        valid_sets=[_later_data(held_out, bases[1], parameters, bins)],
        valid_names=["later"],
        callbacks=[lightgbm.record_evaluation(results)],
    )
    return _EarlierFit(earlier, bins, bases, listwise, results["later"]["ndcg@10"])


def _compare_orders(
    fit: _EarlierFit, held_out: RankTable, rounds: int, config: RankConfig, seed: int
) -> tuple[ChannelOrder, ...]:
    """Return the orders of channels that are clearly better than trees of earlier windows."""
    parameters = _parameters(config, seed, _pointwise_objective(fit.table))
    data = _lightgbm_data(fit.table, fit.bases[0], parameters, fit.bins)
    pointwise = lightgbm.train(parameters, data, rounds)
    pointwise_base, listwise_base = fit.bases
    blend = PointwiseListwiseBlend(
        GradientBoosting.of(pointwise_base, pointwise),
        GradientBoosting.of(listwise_base, fit.listwise),
    )
    return choose_channel_orders(held_out, blend.score(held_out.features, rounds))


def _pointwise_objective(table: RankTable) -> str:
    return BINARY if table.positions is None else LAMBDARANK


def _bin_features(table: RankTable, config: RankConfig, seed: int) -> lightgbm.Dataset:
    """Bin the features once for all boosters that grow from the table."""
    names = list(column_names(FINE_VIEW))
    parameters = _parameters(config, seed, LAMBDARANK)
    return lightgbm.Dataset(table.features, feature_name=names, params=parameters).construct()


def _lightgbm_data(
    table: RankTable, base: Logistic, parameters: Parameters, bins: lightgbm.Dataset
) -> lightgbm.Dataset:
    """Return the table for one booster; ``bins`` are its features."""
    data = bins.subset(range(len(table)), parameters).construct()
    for name, values in _fields(table, base, parameters).items():
        if values is not None:
            data.set_field(name, values)
    return data


def _later_data(
    table: RankTable, base: Logistic, parameters: Parameters, bins: lightgbm.Dataset
) -> lightgbm.Dataset:
    """Return a later table, which trees are evaluated on; its features are binned like others."""
    fields = _fields(table, base, parameters)
    return lightgbm.Dataset(table.features, reference=bins, params=parameters, **fields)


def _fields(table: RankTable, base: Logistic, parameters: Parameters) -> dict[str, Any]:
    """Return what LightGBM knows of the rows beside their features, by its names."""
    is_ranking = parameters["objective"] == LAMBDARANK
    return {
        "label": table.labels if is_ranking else table.labels > 0,
        "weight": table.weights,
        "group": table.groups,
        "init_score": base.score(table.features).astype(np.float64),
        "position": table.positions,
    }


def _parameters(config: RankConfig, seed: int, objective: str) -> Parameters:
    return {
        "objective": objective,
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
        "num_threads": 1,  # threads that wait for a busy core cost more than they save
        "seed": seed,
        "verbosity": -1,
    }
