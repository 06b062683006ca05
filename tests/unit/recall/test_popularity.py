import numpy as np
import pytest

from app.recall.popularity import MIN_SHARE, PopularityChannel, SegmentPopularityChannel
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, proposal, proposed, query, small_models

MODELS = small_models()
ALL = np.ones(ITEMS, np.bool_)


def popular():
    return SegmentPopularityChannel(PopularityCounters.of(MODELS), MODELS.segments)


async def test_a_list_of_the_crowd_is_given_from_its_head_less_the_seen():
    channel = PopularityChannel("fresh", lambda: proposal(9, 4, 7, 2), ALL)
    found = await proposed(channel, query(exclude=[4]), 2)
    assert found.rows.tolist() == [9, 7]
    assert found.scores.tolist() == [4, 2]


async def test_a_list_may_take_less_room_but_fills_a_slate():
    channel = PopularityChannel("fresh", lambda: proposal(*range(20)), ALL, share=0.25)
    assert len(await proposed(channel, query(k=2), 16)) == 4
    assert len(await proposed(channel, query(k=10), 16)) == 10
    assert len(await proposed(channel, query(k=10), 6)) == 6


async def test_what_is_not_available_takes_no_room():
    available = ALL.copy()
    available[[9, 7]] = False
    channel = PopularityChannel("fresh", lambda: proposal(9, 4, 7, 2), available)
    assert (await proposed(channel, query(), 2)).rows.tolist() == [4, 2]


async def test_where_all_is_seen_nothing_is_left():
    channel = PopularityChannel("fresh", lambda: proposal(9, 4), ALL)
    assert len(await proposed(channel, query(exclude=[4, 9]))) == 0


async def test_a_list_that_changes_is_seen_at_once():
    lists = [proposal(1), proposal(2)]
    channel = PopularityChannel("trending", lists.pop, ALL)
    assert (await proposed(channel, query())).rows.tolist() == [2]
    assert (await proposed(channel, query())).rows.tolist() == [1]


@pytest.mark.parametrize("segments", [[], [-1, -1]])
async def test_of_unknown_segments_popular_is_the_overall_list(segments):
    asked = query(segments=np.array(segments, np.int32), exclude=[3, 5])
    found = await proposed(popular(), asked, 20)
    overall = PopularityCounters(MODELS.popularity).popular().rows
    assert found.rows.tolist() == [r for r in overall.tolist() if r not in {3, 5}][:20]


@pytest.mark.parametrize("segments", [[2, -1], [-1, 1], [4, 0]])
async def test_known_segments_lift_what_they_prefer(segments):
    found = await proposed(popular(), query(segments=np.array(segments, np.int32)))
    model, live = MODELS.segments, PopularityCounters(MODELS.popularity).popular()
    overall = model.share[-1]
    expected = {}
    for row, score in zip(live.rows.tolist(), live.scores.tolist(), strict=True):
        lifts = [
            np.log(
                (model.share[model.offsets[a] + code, row] + MIN_SHARE) / (overall[row] + MIN_SHARE)
            )
            for a, code in enumerate(segments)
            if code >= 0
        ]
        expected[row] = score * np.exp(np.mean(lifts))
    assert dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(
        expected, rel=1e-4
    )
    assert found.rows.tolist() != live.rows.tolist()


async def test_popular_never_proposes_what_was_seen_nor_more_than_asked():
    seen = PopularityCounters(MODELS.popularity).popular().rows[:30]
    for segments in ([], [1, 1]):
        asked = query(segments=np.array(segments, np.int32), exclude=seen)
        found = await proposed(popular(), asked, 7)
        assert len(found) == 7
        assert not np.isin(found.rows, seen).any()


async def test_what_nobody_liked_is_not_popular():
    found = await proposed(popular(), query())
    nobody = np.flatnonzero(MODELS.popularity.liked[-1] == 0)
    assert not np.isin(found.rows, nobody).any()
    assert len(found) == ITEMS - len(nobody)
