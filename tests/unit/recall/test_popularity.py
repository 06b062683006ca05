import numpy as np
import pytest

from app.kernels.features import MIN_SHARE
from app.recall.popularity import PopularityChannel, SegmentPopularityChannel
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, proposal, proposed, query, small_models

MODELS = small_models()
ALL = np.ones(ITEMS, np.bool_)


def popular():
    return SegmentPopularityChannel(PopularityCounters.of(MODELS), MODELS.segments)


async def test_a_popularity_channel_returns_the_head_of_its_list_without_excluded_items():
    channel = PopularityChannel("fresh", lambda: proposal(9, 4, 7, 2), ALL)
    result = await proposed(channel, query(exclude=[4]), 2)
    assert result.rows.tolist() == [9, 7]
    assert result.scores.tolist() == [4, 2]


async def test_a_share_shortens_the_list_but_never_below_k():
    channel = PopularityChannel("fresh", lambda: proposal(*range(20)), ALL, share=0.25)
    assert len(await proposed(channel, query(k=2), 16)) == 4
    assert len(await proposed(channel, query(k=10), 16)) == 10
    assert len(await proposed(channel, query(k=10), 6)) == 6


async def test_unavailable_items_do_not_count_towards_the_limit():
    available = ALL.copy()
    available[[9, 7]] = False
    channel = PopularityChannel("fresh", lambda: proposal(9, 4, 7, 2), available)
    assert (await proposed(channel, query(), 2)).rows.tolist() == [4, 2]


async def test_a_changed_list_is_read_by_the_next_request():
    lists = [proposal(1), proposal(2)]
    channel = PopularityChannel("trending", lists.pop, ALL)
    assert (await proposed(channel, query())).rows.tolist() == [2]
    assert (await proposed(channel, query())).rows.tolist() == [1]


@pytest.mark.parametrize("segments", [[], [-1, -1]])
async def test_without_known_segments_popular_is_the_overall_list(segments):
    one = query(segments=np.array(segments, np.int32), exclude=[3, 5])
    result = await proposed(popular(), one, 20)
    overall = PopularityCounters(MODELS.popularity).popular().rows
    assert result.rows.tolist() == [r for r in overall.tolist() if r not in {3, 5}][:20]


@pytest.mark.parametrize("segments", [[2, -1], [-1, 1], [4, 0]])
async def test_known_segments_lift_what_they_prefer(segments):
    result = await proposed(popular(), query(segments=np.array(segments, np.int32)))
    model, items = MODELS.segments, PopularityCounters(MODELS.popularity).popular()
    overall = model.share[-1]
    expected = {}
    for row, score in zip(items.rows.tolist(), items.scores.tolist(), strict=True):
        lifts = [
            np.log(
                (model.share[model.offsets[a] + code, row] + MIN_SHARE) / (overall[row] + MIN_SHARE)
            )
            for a, code in enumerate(segments)
            if code >= 0
        ]
        expected[row] = score * np.exp(np.mean(lifts))
    assert dict(zip(result.rows.tolist(), result.scores.tolist(), strict=True)) == pytest.approx(
        expected, rel=1e-4
    )
    assert result.rows.tolist() != items.rows.tolist()


async def test_items_without_likes_are_not_popular():
    result = await proposed(popular(), query())
    nobody = np.flatnonzero(MODELS.popularity.liked[-1] == 0)
    assert not np.isin(result.rows, nobody).any()
    assert len(result) == ITEMS - len(nobody)
