"""Compute the real funnel's lists for the users of the test window, and evaluate them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows
from app.funnel import Funnel, FunnelRun
from app.recall.registry import CHANNELS
from offline.data.dataset import Dataset
from offline.evaluate.attribution import FunnelTrace, attribute, recall_ceiling
from offline.evaluate.baselines import BASELINES
from offline.evaluate.calibration import compute_calibrations
from offline.evaluate.comparison import RANKING, ItemBackground, compare_methods
from offline.evaluate.figures import Attribution, Comparison, SegmentFigures, Sweeps
from offline.evaluate.funnel_answers import (
    FunnelAnswers,
    collect_answers,
    evaluated_lists,
    method_lists,
    pad_lists,
    ranked_lists,
)
from offline.evaluate.metrics import MAX_K, K, Lists
from offline.evaluate.new_user_curve import new_user_curve
from offline.evaluate.policy_prices import diversity_trade_off, policy_prices
from offline.evaluate.rowsets import RowSets
from offline.evaluate.segments import ndcg_by_attribute, ndcg_by_history, recall_by_popularity
from offline.evaluate.time_regimes import compare_time_regimes
from offline.evaluate.visit_moments import evaluate_visits
from offline.training.past_requests import ActiveUser

SEGMENTED = ("funnel", *BASELINES)  # the methods that are shown by segment
MAX_SWEEP_USERS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The results of the test window. Warm users had a history at the cut."""

    warm: Comparison
    cold: Comparison | None  # None: nobody came without a history
    attribution: Attribution  # for warm users
    segments: SegmentFigures
    sweeps: Sweeps
    users: int


async def evaluate_funnel(  # noqa: PLR0913, PLR0917 - the funnel, its data and how to evaluate
    funnel: Funnel,
    models: Models,
    dataset: Dataset,
    users: list[ActiveUser],
    seed: int,
    pause: float = 0.0,
) -> Evaluation:
    """Evaluate the funnel, each channel alone and popularity on the same users and items.

    ``pause`` is the number of seconds without an event that end a visit; 0: there are no visits.
    """
    answers = await collect_answers(funnel, dataset, users, seed)
    shown = evaluated_lists(funnel, answers.runs)
    relevant = answers.relevant
    has_seen = answers.seen.sizes > 0
    warm, cold = np.flatnonzero(has_seen), np.flatnonzero(~has_seen)
    lists = method_lists(answers.runs, shown, models, MAX_K)
    lists[RANKING] = pad_lists(ranked_lists(funnel, answers.runs, MAX_K))
    background = ItemBackground(
        models.popularity.counts[-1], models.content.items if models.content.items.any() else None
    )

    def compare(members: NDArray[np.intp]) -> Comparison:
        theirs = {method: rows[members] for method, rows in lists.items()}
        return compare_methods(theirs, relevant.take(members), background, seed)

    base = warm if len(warm) else cold
    trace = _trace(answers.take(base).runs, [shown[user][:K] for user in base])
    return Evaluation(
        warm=compare(base),
        cold=compare(cold) if len(cold) and len(warm) else None,
        attribution=attribute(trace, relevant.take(base), K),
        segments=_segments(models, answers, {method: lists[method] for method in SEGMENTED}),
        sweeps=await _sweeps(models, answers, base, background, pause),
        users=len(users),
    )


async def _sweeps(
    models: Models,
    answers: FunnelAnswers,
    base: NDArray[np.intp],
    background: ItemBackground,
    pause: float,
) -> Sweeps:
    """Evaluate the funnel again under other conditions."""
    sample, everyone = answers.take(base).sample(MAX_SWEEP_USERS), answers.sample(MAX_SWEEP_USERS)
    return Sweeps(
        reach=await recall_ceiling(sample),
        policies=policy_prices(sample, background),
        trade_off=diversity_trade_off(sample, background),
        calibration=compute_calibrations(everyone),
        cold_curve=await new_user_curve(answers, models),
        regimes=await compare_time_regimes(everyone),
        visits=await evaluate_visits(answers, pause),
    )


def _segments(models: Models, answers: FunnelAnswers, lists: Mapping[str, Lists]) -> SegmentFigures:
    relevant, seed = answers.relevant, answers.seed
    codes = np.array([run.query.segments for run in answers.runs])
    return SegmentFigures(
        history=ndcg_by_history(lists, relevant, answers.events, seed),
        popularity=recall_by_popularity(lists, relevant, models.popularity.counts[-1], seed),
        attributes=ndcg_by_attribute(lists, relevant, codes, models.segments, seed),
    )


def _trace(runs: list[FunnelRun], final: list[Rows]) -> FunnelTrace:
    return FunnelTrace(
        channels={
            channel: RowSets.of([run.proposals[column].rows for run in runs])
            for column, channel in enumerate(CHANNELS)
        },
        merged=RowSets.of([run.merged.rows for run in runs]),
        coarse=RowSets.of([run.coarse.rows for run in runs]),
        fine=RowSets.of([run.fine.rows for run in runs]),
        final=RowSets.of(final),
    )
