"""Asks the real funnel for the users of the test window, and judges what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows
from app.features.views import CHANNELS
from app.funnel import Funnel, Slate
from offline.data.dataset import Dataset
from offline.evaluate.attribution import Attribution, Trace, attribute
from offline.evaluate.baselines import ALL_TIME, RECENT, most_popular, popular_lists
from offline.evaluate.calibration import calibrations
from offline.evaluate.compare import Background, evaluate
from offline.evaluate.funnel_answers import LONGEST, Asked, K, ask_everyone, padded, shown
from offline.evaluate.metrics import Lists
from offline.evaluate.new_user_curve import cold_curve
from offline.evaluate.policies import policy_prices, trade_off
from offline.evaluate.recall_ceiling import reach
from offline.evaluate.rowsets import RowSets
from offline.evaluate.segments import by_attribute, by_history, by_popularity
from offline.evaluate.time_regimes import regimes
from offline.report.figures import Comparison, SegmentFigures, Sweeps
from offline.training.replay import ReplayUser

HEADLINE = ("funnel", "popularity", "recency_popularity")
USERS = 1_000  # in the sweeps, at most


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
    asked = await ask_everyone(funnel, dataset, users, seed)
    answers = shown(funnel, asked.slates)
    relevant = asked.relevant
    warm, cold = np.flatnonzero(asked.seen.sizes > 0), np.flatnonzero(asked.seen.sizes == 0)
    lists = _lists(models, asked, answers)
    background = Background(
        models.popularity.counts[-1], models.content.items if models.content.items.any() else None
    )

    def judged(chosen: NDArray[np.intp]) -> Comparison:
        some = {method: rows[chosen] for method, rows in lists.items()}
        return evaluate(some, relevant.take(chosen), background, seed)

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
    models: Models, asked: Asked, base: NDArray[np.intp], background: Background
) -> Sweeps:
    """Ask again under other circumstances."""
    some, everyone = asked.take(base).sample(USERS), asked.sample(USERS)
    return Sweeps(
        reach=await reach(some),
        policies=policy_prices(some, background),
        trade_off=trade_off(some, background),
        calibration=calibrations(everyone),
        cold_curve=await cold_curve(asked, models.popularity),
        regimes=await regimes(everyone),
    )


def _segments(models: Models, asked: Asked, lists: Mapping[str, Lists]) -> SegmentFigures:
    relevant, seed = asked.relevant, asked.seed
    codes = np.array([slate.query.segments for slate in asked.slates])
    return SegmentFigures(
        history=by_history(lists, relevant, asked.events, seed),
        popularity=by_popularity(lists, relevant, models.popularity.counts[-1], seed),
        attributes=by_attribute(lists, relevant, codes, models.segments, seed),
    )


def _lists(models: Models, asked: Asked, answers: list[Rows]) -> dict[str, Lists]:
    popularity, seen = models.popularity, asked.seen
    lists: dict[str, Lists] = {
        "funnel": padded(answers),
        "popularity": popular_lists(most_popular(popularity, ALL_TIME), seen, LONGEST),
        "recency_popularity": popular_lists(most_popular(popularity, RECENT), seen, LONGEST),
    }
    for column, channel in enumerate(CHANNELS):
        lists[channel] = padded([slate.proposals[column].rows for slate in asked.slates])
    return lists


def _trace(slates: list[Slate], final: list[Rows]) -> Trace:
    return Trace(
        channels={
            channel: RowSets.of([slate.proposals[column].rows for slate in slates])
            for column, channel in enumerate(CHANNELS)
        },
        merged=RowSets.of([slate.merged.rows for slate in slates]),
        coarse=RowSets.of([slate.coarse.rows for slate in slates]),
        fine=RowSets.of([slate.fine.rows for slate in slates]),
        final=RowSets.of(final),
    )
