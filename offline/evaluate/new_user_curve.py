"""How soon a new user is served well: the models frozen, their first events revealed.

The events come with the request, as a session's do. The crowd's state stays as of the cut, and
the request's own "now" is the time of the newest event revealed.
"""

import numpy as np

from app.artifacts import Popularity
from app.contracts import Request
from app.funnel import Slate
from app.recall.registry import CHANNELS
from offline.evaluate.baselines import ALL_TIME, RECENT, popular_lists, popularity_order
from offline.evaluate.figures import NewUserPoint
from offline.evaluate.funnel_answers import FunnelAnswers, K, pad_lists, user_ids, user_ndcg
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets
from offline.training.replay import ReplayUser, advance_user, recommend_once, split_events_by_user

REVEALED = (0, 1, 3, 5, 10, 20)  # events
MAX_USERS = 150  # asked at each point, at most
MIN_WHOLE_CURVES = 20  # users; when fewer have a whole curve, each point has its own


async def new_user_curve(asked: FunnelAnswers, popularity: Popularity) -> list[NewUserPoint]:
    """Ask for users without history, with ever more of their first events; nothing without any.

    All points are of the same users: those with more events than the last point reveals, and
    something relevant left after them.
    """
    cold = asked.take(np.flatnonzero((asked.events == 0) & (asked.relevant.sizes > 0)))
    window = asked.dataset.log.between(popularity.at, np.inf)
    owned = split_events_by_user(window, cold.users)
    told = [
        [advance_user(own, user, n) for n in REVEALED]
        for own, user in zip(owned, cold.users, strict=True)
    ]
    whole = [user for user in told if user[-1]]
    if len(whole) >= MIN_WHOLE_CURVES:
        told = whole
    drawn = np.random.default_rng(asked.seed).permutation(len(told))
    chosen = [told[at] for at in np.sort(drawn[:MAX_USERS])]
    columns = [[user for user in column if user] for column in zip(*chosen, strict=True)]
    return [
        await _point(asked, popularity, n, users)
        for n, users in zip(REVEALED, columns, strict=False)
        if users
    ]


async def _point(
    asked: FunnelAnswers, popularity: Popularity, events: int, users: list[ReplayUser]
) -> NewUserPoint:
    """Ask for these users, and judge all methods on what is left of what they chose."""
    slates = [
        await recommend_once(
            asked.funnel, Request(name, K, asked.seed, arrived=0.0, inline=user.since)
        )
        for name, user in zip(user_ids(asked.dataset, users), users, strict=True)
    ]
    relevant = RowSets.of([user.relevant for user in users])
    lists = _lists(slates, popularity)
    columns = np.stack([user_ndcg(rows, relevant) for rows in lists.values()], axis=1)
    sure, place = Bootstrap.of(columns, asked.seed), {name: at for at, name in enumerate(lists)}
    return NewUserPoint(
        events=events,
        users=len(users),
        methods={name: sure.mean(at) for name, at in place.items()},
        best_channel=max(CHANNELS, key=lambda name: sure.means[place[name]]),
        differences={
            name: sure.difference(0, at) for name, at in place.items() if name != "funnel"
        },
    )


def _lists(slates: list[Slate], popularity: Popularity) -> dict[str, Lists]:
    seen = RowSets.of([np.flatnonzero(slate.query.excluded) for slate in slates])
    lists: dict[str, Lists] = {
        "funnel": pad_lists([slate.selection.pool.rows for slate in slates], K),
        "popularity": popular_lists(popularity_order(popularity, ALL_TIME), seen, K),
        "recency_popularity": popular_lists(popularity_order(popularity, RECENT), seen, K),
    }
    for column, channel in enumerate(CHANNELS):
        lists[channel] = pad_lists([slate.proposals[column].rows for slate in slates], K)
    return lists
