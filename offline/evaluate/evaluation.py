"""Asks the real funnel for the users of the test window, and judges what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows
from app.funnel import Funnel, Slate
from app.recall.registry import CHANNELS
from offline.data.dataset import Dataset
from offline.evaluate.attribution import Attribution, FunnelTrace, attribute
from offline.evaluate.baselines import ALL_TIME, RECENT, popular_lists, popularity_order
from offline.evaluate.calibration import compute_calibrations
from offline.evaluate.comparison import ItemBackground, compare_methods
from offline.evaluate.figures import Comparison, SegmentFigures, Sweeps
from offline.evaluate.funnel_answers import (
    MAX_K,
    FunnelAnswers,
    K,
    collect_answers,
    evaluated_lists,
    pad_lists,
)
from offline.evaluate.metrics import Lists
from offline.evaluate.new_user_curve import new_user_curve
from offline.evaluate.policy_prices import diversity_trade_off, policy_prices
from offline.evaluate.recall_ceiling import recall_ceiling
from offline.evaluate.rowsets import RowSets
from offline.evaluate.segments import ndcg_by_attribute, ndcg_by_history, recall_by_popularity
from offline.evaluate.time_regimes import compare_time_regimes
from offline.training.replay import ReplayUser

HEADLINE = ("funnel", "popularity", "recency_popularity")
MAX_SWEEP_USERS = 1_000  # in the sweeps, at most


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What the test window says. Warm users had a history when the models were made."""

    warm: Comparison
    cold: Comparison | None  # None: nobody came without a history
    attribution: Attribution  # of warm users
    segments: SegmentFigures
    sweeps: Sweeps
    users: int


async def evaluate_funnel(
    funnel: Funnel, models: Models, dataset: Dataset, users: list[ReplayUser], seed: int
) -> Evaluation:
    """Judge the funnel, each channel alone and popularity on the same users and items."""
    asked = await collect_answers(funnel, dataset, users, seed)
    answers = evaluated_lists(funnel, asked.slates)
    relevant = asked.relevant
    warm, cold = np.flatnonzero(asked.seen.sizes > 0), np.flatnonzero(asked.seen.sizes == 0)
    lists = _lists(models, asked, answers)
    background = ItemBackground(
        models.popularity.counts[-1], models.content.items if models.content.items.any() else None
    )

    def judged(chosen: NDArray[np.intp]) -> Comparison:
        some = {method: rows[chosen] for method, rows in lists.items()}
        return compare_methods(some, relevant.take(chosen), background, seed)

    base = warm if len(warm) else cold
    return Evaluation(
        warm=judged(base),
        cold=judged(cold) if len(cold) and len(warm) else None,
        attribution=attribute(
            _trace(asked.take(base).slates, [answers[n][:K] for n in base]), relevant.take(base), K
        ),
        segments=_segments(models, asked, {m: lists[m] for m in HEADLINE}),
        sweeps=await _sweeps(models, asked, base, background),
        users=len(users),
    )


async def _sweeps(
    models: Models, asked: FunnelAnswers, base: NDArray[np.intp], background: ItemBackground
) -> Sweeps:
    """Ask again under other circumstances."""
    some, everyone = asked.take(base).sample(MAX_SWEEP_USERS), asked.sample(MAX_SWEEP_USERS)
    return Sweeps(
        reach=await recall_ceiling(some),
        policies=policy_prices(some, background),
        trade_off=diversity_trade_off(some, background),
        calibration=compute_calibrations(everyone),
        cold_curve=await new_user_curve(asked, models.popularity),
        regimes=await compare_time_regimes(everyone),
    )


def _segments(models: Models, asked: FunnelAnswers, lists: Mapping[str, Lists]) -> SegmentFigures:
    relevant, seed = asked.relevant, asked.seed
    codes = np.array([slate.query.segments for slate in asked.slates])
    return SegmentFigures(
        history=ndcg_by_history(lists, relevant, asked.events, seed),
        popularity=recall_by_popularity(lists, relevant, models.popularity.counts[-1], seed),
        attributes=ndcg_by_attribute(lists, relevant, codes, models.segments, seed),
    )


def _lists(models: Models, asked: FunnelAnswers, answers: list[Rows]) -> dict[str, Lists]:
    popularity, seen = models.popularity, asked.seen
    lists: dict[str, Lists] = {
        "funnel": pad_lists(answers),
        "popularity": popular_lists(popularity_order(popularity, ALL_TIME), seen, MAX_K),
        "recency_popularity": popular_lists(popularity_order(popularity, RECENT), seen, MAX_K),
    }
    for column, channel in enumerate(CHANNELS):
        lists[channel] = pad_lists([slate.proposals[column].rows for slate in asked.slates])
    return lists


def _trace(slates: list[Slate], final: list[Rows]) -> FunnelTrace:
    return FunnelTrace(
        channels={
            channel: RowSets.of([slate.proposals[column].rows for slate in slates])
            for column, channel in enumerate(CHANNELS)
        },
        merged=RowSets.of([slate.merged.rows for slate in slates]),
        coarse=RowSets.of([slate.coarse.rows for slate in slates]),
        fine=RowSets.of([slate.fine.rows for slate in slates]),
        final=RowSets.of(final),
    )
