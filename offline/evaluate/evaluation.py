"""Asks the real funnel for the users of the test window, and judges what it answers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models
from app.contracts import Rows
from app.features import CHANNELS
from app.funnel import Funnel, Slate
from offline.data.dataset import Dataset
from offline.evaluate.attribution import Attribution, Trace, attribute
from offline.evaluate.baselines import ALL_TIME, RECENT, most_popular, popular_lists
from offline.evaluate.compare import Background, evaluate
from offline.evaluate.figures import Comparison, SegmentFigures
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets
from offline.evaluate.segments import by_history, by_popularity
from offline.replay import Asker, ask

LONGEST = 20  # the longest list that is judged


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What the test window says. Warm users had a history when the models were made."""

    warm: Comparison
    cold: Comparison | None  # None: nobody came without a history
    attribution: Attribution  # of warm users
    segments: SegmentFigures
    users: int


async def evaluate_funnel(
    funnel: Funnel, models: Models, dataset: Dataset, users: list[Asker], seed: int
) -> Evaluation:
    """Judge the funnel, each channel alone and popularity on the same users and items."""
    names = dataset.users.names(np.array([user.user for user in users], np.int64))
    slates = [slate async for slate in ask(funnel, names, LONGEST, seed, explore=True)]
    relevant = RowSets.of([user.relevant for user in users])
    seen = RowSets.of([np.flatnonzero(slate.query.excluded) for slate in slates])
    warm, cold = np.flatnonzero(seen.sizes > 0), np.flatnonzero(seen.sizes == 0)
    shown = [_shown(funnel, slate) for slate in slates]
    lists = _lists(models, slates, shown, seen)
    background = Background(
        models.popularity.counts[-1], models.content.items if models.content.items.any() else None
    )

    def judged(chosen: NDArray[np.intp]) -> Comparison:
        some = {method: rows[chosen] for method, rows in lists.items()}
        return evaluate(some, relevant.take(chosen), background, seed)

    headline = {m: lists[m] for m in ("funnel", "popularity", "recency_popularity")}
    base = warm if len(warm) else cold
    return Evaluation(
        warm=judged(base),
        cold=judged(cold) if len(cold) and len(warm) else None,
        attribution=attribute(
            _trace([slates[n] for n in base], [shown[n][:10] for n in base]),
            relevant.take(base),
            10,
        ),
        segments=SegmentFigures(
            history=by_history(headline, relevant, _events(slates), seed),
            popularity=by_popularity(headline, relevant, background.counts, seed),
        ),
        users=len(users),
    )


def _shown(funnel: Funnel, slate: Slate) -> Rows:
    """Give the list of 10 that would be shown, then what a list of 20 would add to it.

    The last place of a list is for exploration, so the first 10 of 20 are not the list of 10.
    """
    first = funnel.reranker.rerank(replace(slate.query, k=10), slate.fine).pool.rows
    more = slate.chosen.pool.rows
    return np.concatenate([first, more[~np.isin(more, first)]])


def _lists(
    models: Models, slates: list[Slate], shown: list[Rows], seen: RowSets
) -> dict[str, Lists]:
    popularity = models.popularity
    lists: dict[str, Lists] = {
        "funnel": _padded(shown),
        "popularity": popular_lists(most_popular(popularity, ALL_TIME), seen, LONGEST),
        "recency_popularity": popular_lists(most_popular(popularity, RECENT), seen, LONGEST),
    }
    for column, channel in enumerate(CHANNELS):
        lists[channel] = _padded([slate.proposals[column].rows for slate in slates])
    return lists


def _padded(answers: list[NDArray[np.int64]]) -> Lists:
    lists = np.full((len(answers), LONGEST), -1, np.int64)
    for user, rows in enumerate(answers):
        lists[user, : min(LONGEST, len(rows))] = rows[:LONGEST]
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


def _events(slates: list[Slate]) -> NDArray[np.int64]:
    return np.array([len(slate.query.history) for slate in slates], np.int64)
