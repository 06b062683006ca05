"""Properties of pools and proposals: top, best, merge, sums by row."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from app.contracts import ABSENT, Proposal
from app.recall.merge import merge
from tests.fakes import pool, proposal, query

N = 40
tied_floats = st.integers(-3, 3).map(float)
scores = nps.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32))
item_lists = st.lists(
    st.lists(st.integers(0, N - 1), unique=True, max_size=15), min_size=1, max_size=5
)


@given(scores, st.integers(0, 60))
@example(np.array([0.1, np.nan, 0.9], np.float32), 2)
@example(np.array([np.inf, -np.inf, np.nan], np.float32), 3)
def test_top_is_sorted_and_loses_only_the_worst(scores, n):
    whole = pool(*range(len(scores))).with_scores(scores)
    top = whole.top(n)
    assert len(top) == min(n, len(whole))
    assert not np.isnan(top.scores).any()
    assert np.all(top.scores[:-1] >= top.scores[1:])
    lost = np.isin(whole.rows, top.rows, invert=True)
    assert lost.sum() == len(whole) - len(top)
    if len(top) and lost.any():
        assert whole.scores[lost].max() <= top.scores[-1]
    ties = np.flatnonzero(top.scores[:-1] == top.scores[1:])
    assert np.all(top.rows[ties] < top.rows[ties + 1])


@given(nps.arrays(np.float32, st.integers(0, 50), elements=tied_floats), st.integers(0, 60))
@example(np.zeros(5, np.float32), 0)
@example(np.array([2, 1, 1, 1], np.float32), 2)
def test_the_best_of_a_proposal_are_the_largest_and_ties_keep_their_order(scores, limit):
    rows = np.arange(len(scores))[::-1].copy()
    best = Proposal.best(rows, scores, limit)
    assert best.scores.tolist() == sorted(scores.tolist(), reverse=True)[:limit]
    assert best.rows.tolist() == [
        r for r in sorted(rows.tolist(), key=lambda r: (-scores[::-1][r], -r)) if r in best.rows
    ]
    again = Proposal.best(rows, scores, limit)
    assert best.rows.tolist() == again.rows.tolist()


@given(item_lists, st.lists(st.integers(0, N - 1), max_size=10))
def test_merge_is_a_union_less_the_excluded_whatever_the_order(lists, seen):
    answers = [proposal(*items) for items in lists]
    asked = query(n=N, exclude=seen)
    out, back = merge(answers, asked), merge(answers[::-1], asked)
    assert set(out.rows.tolist()) == {i for items in lists for i in items} - set(seen)
    assert len(set(out.rows.tolist())) == len(out)
    assert out.rows.tolist() == back.rows.tolist()
    assert out.ranks.tolist() == back.ranks[:, ::-1].tolist()
    assert np.array_equal(out.signals, back.signals[:, ::-1])
    assert np.allclose(out.scores, back.scores)
    assert np.isfinite(out.scores).all()


@given(item_lists)
def test_merge_remembers_each_channels_place_and_score(lists):
    merged = merge([proposal(*items) for items in lists], query(n=N))
    for at, row in enumerate(merged.rows.tolist()):
        for channel, items in enumerate(lists):
            rank = merged.ranks[at, channel]
            assert rank == (items.index(row) if row in items else ABSENT)
            signal = len(items) - items.index(row) if row in items else 0
            assert merged.signals[at, channel] == signal
        places = [items.index(row) for items in lists if row in items]
        assert merged.scores[at] == pytest.approx(sum(1 / (60 + p) for p in places))
