"""The channel of friends, compared with a slow, obvious reference."""

from collections import defaultdict
from dataclasses import astuple, replace

import numpy as np
import pytest

from app.artifacts import NO_FRIENDS, Friends
from app.contracts import NO_HISTORY, NO_PROPOSAL, UserRecord
from app.query_builder import QueryBuilder
from app.recall.social import NoFriendEvents, SocialChannel, SocialChannelConfig
from app.stages import UserEvents
from app.state.counters import PopularityCounters
from offline.models.registry import build_friends
from tests.fakes import USERS, proposed, query, request, small_models

MODELS = small_models()
IDS = MODELS.users.ids
RANDOM = np.random.default_rng(3)
EDGES = np.unique(
    np.concatenate([pairs := RANDOM.integers(0, USERS, (90, 2)), pairs[:, ::-1]]), axis=0
).astype(np.int32)
GRAPH = build_friends(EDGES[EDGES[:, 0] != EDGES[:, 1]], USERS)


class RecordedEvents:
    def __init__(self, *events):
        columns = zip(*events, strict=True) if events else [()] * 4
        kinds = (np.int64, np.int64, np.float32, np.float64)
        self.events = UserEvents(*(np.array(c, k) for c, k in zip(columns, kinds, strict=True)))
        self.reads = []

    async def recent_events(self, users_read, newest):
        self.reads.append((tuple(users_read), newest))
        kept = self.events.owner < len(users_read)
        return UserEvents(*(column[kept] for column in astuple(self.events)))


def social(friend_events=None, **settings):
    return SocialChannel(
        friend_events or NoFriendEvents(),
        MODELS.users,
        GRAPH,
        SocialChannelConfig(**settings),
    )


def slow(names, live_events, channel, exclude):
    scores = defaultdict(float)
    for n, name in enumerate(names[: channel.config.n_friends]):
        row = IDS.row(name)
        own = MODELS.users.history(row)
        bundle_events = zip(
            own.rows.tolist(), own.weights.tolist(), own.times.tolist(), strict=True
        )
        events = {(r, t, w) for r, w, t in bundle_events if w > 0}
        events |= {(r, t, w) for owner, r, w, t in live_events if owner == n and w > 0}
        newest = sorted(events, key=lambda e: (-e[1], e[0]))[: channel.config.n_events]
        degree = len(GRAPH.of_user(row)) if row >= 0 else 0
        for place, (item, _, weight) in enumerate(newest):
            scores[item] += weight * channel.config.decay**place / np.log(2 + degree)
    left = {item: s for item, s in scores.items() if item not in exclude}
    return sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("settings", [{}, {"n_events": 3, "n_friends": 4, "decay": 0.5}])
async def test_friends_newest_likes_are_summed_by_age_and_tie(settings):
    later = MODELS.popularity.at + 9.0
    names = [*IDS.names(np.arange(5, 12)), "unknown user"]
    live_events = [
        (0, 7, 1.0, later),
        (0, 9, -1.0, later),
        (7, 3, 2.0, later),
        (7, 4, 1.0, later - 1),
    ]
    channel = social(RecordedEvents(*live_events), **settings)
    result = await proposed(channel, query(friends=names, exclude=[7]), 500)
    expected = slow(names, live_events, channel, {7})
    assert result.rows.tolist()[:5] == [item for item, _ in expected][:5]
    assert dict(zip(result.rows.tolist(), result.scores.tolist(), strict=True)) == pytest.approx(
        dict(expected), rel=1e-5
    )


async def test_a_user_without_friends_gets_no_proposals_and_causes_no_read():
    friend_events = RecordedEvents()
    assert await proposed(social(friend_events), query()) is NO_PROPOSAL
    assert friend_events.reads == []


async def test_the_number_of_friends_read_is_limited():
    friend_events = RecordedEvents()
    await proposed(social(friend_events, n_friends=3), query(friends=[f"f{n}" for n in range(9)]))
    assert friend_events.reads == [(("f0", "f1", "f2"), 50)]


async def test_the_same_event_live_and_in_the_bundle_counts_once():
    row = int(np.flatnonzero(np.diff(MODELS.users.indptr))[0])
    own = MODELS.users.history(row)
    at = int(np.flatnonzero(own.weights > 0)[0])
    again = (0, own.rows[at], own.weights[at], own.times[at])
    names = IDS.names(np.array([row]))
    once = await proposed(social(), query(friends=names), 500)
    twice = await proposed(social(RecordedEvents(again)), query(friends=names), 500)
    assert once.rows.tolist() == twice.rows.tolist()
    assert once.scores.tolist() == twice.scores.tolist()


def test_friends_are_stored_by_user_and_without_a_graph_no_user_has_any():
    for user in range(USERS):
        expected = {b for a, b in EDGES.tolist() if a == user and b != user}
        assert set(GRAPH.of_user(user).tolist()) == expected
    assert GRAPH.degrees(np.array([0, -1])).tolist() == [len(GRAPH.of_user(0)), 0]
    assert build_friends(np.empty((0, 2), np.int32), 9) is NO_FRIENDS
    assert len(NO_FRIENDS.of_user(0)) == len(GRAPH.of_user(-1)) == 0
    assert NO_FRIENDS.degrees(np.array([3, -1])).tolist() == [0, 0]


def test_live_friends_replace_those_of_the_data():
    models = replace(MODELS, friends=GRAPH)
    builder = QueryBuilder(models, PopularityCounters(models.popularity))
    user = int(np.argmax(np.diff(GRAPH.indptr)))
    name = IDS.names(np.array([user]))[0]
    nothing = Friends(np.zeros(USERS + 1, np.int64), np.empty(0, np.int32))

    def friends(friends_live=(), of=models):
        recent = replace(NO_HISTORY, record=UserRecord(friends=friends_live))
        return replace(builder, models=of).build(request(name), recent).friends

    assert IDS.rows(friends()).tolist() == GRAPH.of_user(user).tolist()
    assert friends(("x",)) == ("x",)
    assert not friends(of=replace(models, friends=nothing))
