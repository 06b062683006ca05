"""Measure how soon a new user gets good lists: reveal the first events to fixed models.

The events come with the request, as the events of a session do. The counters stay as of the cut,
and the "now" of a request is the time of the newest event revealed.
"""

from collections.abc import Sequence

import numpy as np

from app.artifacts import Models
from app.contracts import Request
from app.recall.registry import CHANNELS
from offline.evaluate.comparison import compare_ndcg
from offline.evaluate.figures import NewUserPoint
from offline.evaluate.funnel_answers import FunnelAnswers, method_lists, user_ids
from offline.evaluate.metrics import K
from offline.evaluate.rowsets import RowSets
from offline.training.past_requests import (
    ActiveUser,
    advance_user,
    recommend_once,
    split_events_by_user,
)

EVENTS_REVEALED = (0, 1, 3, 5, 10, 20)
MAX_USERS = 150  # at each point
MIN_WHOLE_CURVES = 20  # users; when fewer have a whole curve, each point has its own users


async def new_user_curve(
    answers: FunnelAnswers,
    models: Models,
    revealed: Sequence[int] = EVENTS_REVEALED,
    min_whole_curves: int = MIN_WHOLE_CURVES,
) -> list[NewUserPoint]:
    """Evaluate users without a history, with ever more of their first events.

    All points are of the same users: those with more events than the last point reveals, and
    something relevant left after them. Without new users there are no points.
    """
    cold = answers.take(np.flatnonzero((answers.events == 0) & (answers.relevant.sizes > 0)))
    window = answers.dataset.log.between(models.popularity.at, np.inf)
    events = split_events_by_user(window, cold.users)
    curves = [
        [advance_user(own, user, n) for n in revealed]
        for own, user in zip(events, cold.users, strict=True)
    ]
    whole = [curve for curve in curves if curve[-1]]
    if len(whole) >= min_whole_curves:
        curves = whole
    drawn = np.random.default_rng(answers.seed).permutation(len(curves))
    sample = [curves[i] for i in np.sort(drawn[:MAX_USERS])]
    columns = [[user for user in column if user] for column in zip(*sample, strict=True)]
    return [
        await _point(answers, models, n, users)
        for n, users in zip(revealed, columns, strict=False)
        if users
    ]


async def _point(
    answers: FunnelAnswers, models: Models, events: int, users: list[ActiveUser]
) -> NewUserPoint:
    """Evaluate all methods for these users, on what they chose after the revealed events."""
    runs = [
        await recommend_once(
            answers.funnel, Request(user_id, K, answers.seed, arrived=0.0, inline=user.since)
        )
        for user_id, user in zip(user_ids(answers.dataset, users), users, strict=True)
    ]
    relevant = RowSets.of([user.relevant for user in users])
    shown = [run.slate.pool.rows for run in runs]
    methods, differences = compare_ndcg(
        method_lists(runs, shown, models, K), relevant, answers.seed
    )
    return NewUserPoint(
        events=events,
        users=len(users),
        methods=methods,
        best_channel=max(CHANNELS, key=lambda name: methods[name]["mean"] or 0.0),
        differences=differences,
    )
