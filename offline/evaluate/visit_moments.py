"""Evaluate lists that are requested within visits of the test window, by the events so far.

The events of all users arrive in order of time. A user's list is computed before the visit's first
event and after ``VISIT_EVENTS`` of its events, from what was known then: the counters and the
history have moved on as they do in service. Only what the user chooses later is relevant.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import numpy as np

from app.contracts import Request, Rows
from app.recall.registry import CHANNELS
from offline.evaluate.comparison import RANKING, REFERENCE
from offline.evaluate.figures import StageNdcg, VisitMoment
from offline.evaluate.funnel_answers import FunnelAnswers, pad_lists, ranked_lists, user_ids
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, user_ndcg
from offline.evaluate.rowsets import RowSets
from offline.evaluate.time_regimes import popularity_lists, restored
from offline.training.past_requests import (
    ActiveUser,
    advance_counters,
    advance_user,
    label_rows,
    recommend_once,
    split_events_by_user,
)
from offline.training.visits import VISIT_EVENTS, visit_starts

MAX_USERS = 100  # with and without a history each
GROUPS = {"warm": True, "cold": False}


@dataclass(frozen=True, slots=True, eq=False)
class VisitAnswer:
    """The lists for one request within the first visit of a user in the test window."""

    user: ActiveUser  # as of the moment of the request
    events: int  # of the visit, before the request
    is_warm: bool  # the user had a history before the window
    lists: dict[str, Rows] = field(default_factory=dict)  # method -> its list
    stages: dict[str, Rows] = field(default_factory=dict)  # stage -> what it kept, best first


async def evaluate_visits(answers: FunnelAnswers, pause: float) -> list[VisitMoment]:
    """Evaluate the funnel, its channels and popularity at the moments of visits.

    The visits are the first ones in the test window of at most ``MAX_USERS`` users of each group.

    Args:
        answers: the answers as of the cut, of the users to draw from.
        pause: seconds without an event that end a visit; 0: the data have no visits.

    Returns:
        For each group of users a line by number of events, then one of all after the first. A
        line without users is left out.
    """
    if not pause:
        return []
    with restored(answers.funnel.query_builder.counters):
        visits = [one async for one in _answer_each(answers, _list_requests(answers, pause))]
    lines = []
    for group, is_warm in GROUPS.items():
        own = [one for one in visits if one.is_warm == is_warm]
        for events in VISIT_EVENTS:
            chosen = [one for one in own if one.events == events]
            lines += [_summarise(group, events, chosen, answers.seed)] if chosen else []
        later = [one for one in own if one.events]
        lines += [_summarise(group, None, later, answers.seed)] if later else []
    return lines


def _list_requests(answers: FunnelAnswers, pause: float) -> list[VisitAnswer]:
    """List the requests in the first visit of each drawn user, in order of time."""
    cut = answers.funnel.query_builder.models.popularity.at
    window = answers.dataset.log.between(cut, np.inf)
    requests = []
    for is_warm in GROUPS.values():
        sample = answers.take(np.flatnonzero((answers.events > 0) == is_warm)).sample(MAX_USERS)
        events = split_events_by_user(window, sample.users)
        for own, user in zip(events, sample.users, strict=True):
            end = visit_starts(own, pause)[1]
            moments = [(n, advance_user(own, user, n)) for n in VISIT_EVENTS if n < end]
            requests += [VisitAnswer(one, n, is_warm) for n, one in moments if one]
    return sorted(requests, key=lambda request: request.user.at)


async def _answer_each(
    answers: FunnelAnswers, requests: list[VisitAnswer]
) -> AsyncIterator[VisitAnswer]:
    """Compute the lists of each request. The counters move on with the requests."""
    query_builder, counters = answers.funnel.query_builder, answers.funnel.query_builder.counters
    available = query_builder.models.catalogue.available
    counted_until = counters.now
    names = user_ids(answers.dataset, [one.user for one in requests])
    for name, one in zip(names, requests, strict=True):
        advance_counters(query_builder, answers.dataset.log, counted_until, one.user.at)
        counted_until = max(counted_until, one.user.at)
        request = Request(name, K, answers.seed, arrived=0.0, inline=one.user.since)
        run = await recommend_once(answers.funnel, request)
        proposed = zip(CHANNELS, (one.rows for one in run.proposals), strict=False)
        lists = {
            REFERENCE: run.slate.pool.rows,
            RANKING: ranked_lists(answers.funnel, [run], K)[0],
            **popularity_lists(query_builder, run),
            **{name: shown[available[shown]][:K] for name, shown in proposed},
        }
        stages = {"recall": run.merged.rows, "coarse": run.coarse.rows, "fine": run.fine.rows}
        yield replace(one, lists=lists, stages=stages)


def _summarise(group: str, events: int | None, chosen: list[VisitAnswer], seed: int) -> VisitMoment:
    """Compute the figures of these requests, with intervals by users."""
    relevant = RowSets.of([one.user.relevant for one in chosen])
    users = np.array([one.user.user for one in chosen], np.int64)
    methods = list(chosen[0].lists)
    ndcg = [user_ndcg(pad_lists([one.lists[name] for one in chosen]), relevant) for name in methods]
    bootstrap = Bootstrap.of(np.stack(ndcg, axis=1), seed, user_ids=users)
    means = {name: bootstrap.mean(column) for column, name in enumerate(methods)}
    return VisitMoment(
        group=group,
        events=events,
        users=len(np.unique(users)),
        lists=len(chosen),
        methods=means,
        best_channel=max(CHANNELS, key=lambda name: means[name]["mean"] or 0.0),
        differences={
            name: bootstrap.difference(methods.index(RANKING), column)
            for column, name in enumerate(methods)
            if name != RANKING
        },
        stages=[_summarise_stage(stage, chosen, relevant) for stage in chosen[0].stages],
    )


def _summarise_stage(stage: str, chosen: list[VisitAnswer], relevant: RowSets) -> StageNdcg:
    """Return NDCG@10 of a stage's own order, and of the best order of what it kept."""
    pools = [one.stages[stage] for one in chosen]
    best = [
        pool[np.argsort(~label_rows(pool, one.user.relevant), kind="stable")]
        for pool, one in zip(pools, chosen, strict=True)
    ]
    own, oracle = (float(user_ndcg(pad_lists(rows), relevant).mean()) for rows in (pools, best))
    return StageNdcg(stage=stage, ndcg=own, oracle_ndcg=oracle)
