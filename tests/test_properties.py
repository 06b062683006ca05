import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from app.artifacts import DAY
from app.catalogue.ids import IdIndex
from app.contracts import ABSENT, History, Proposal
from app.event_weights import TYPE_WEIGHTS, EventWeights
from app.query_builder import join_histories
from app.recall import accumulate as accumulating
from app.recall.accumulate import accumulate
from app.recall.merge import merge
from app.rerank.exploration import ucb
from app.rerank.freshness import freshness_bonus
from app.rerank.mmr import mmr
from tests.fakes import pool, proposal, query

N = 40
floats = st.floats(-1e6, 1e6, width=32)
coarse_floats = st.integers(-3, 3).map(float)  # many ties
any_scores = nps.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32))
item_lists = st.lists(
    st.lists(st.integers(0, N - 1), unique=True, max_size=15), min_size=1, max_size=5
)
event = st.tuples(st.integers(0, 4), st.integers(0, 5).map(float))
ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(any_scores, st.integers(0, 60))
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


@given(nps.arrays(np.float32, st.integers(0, 50), elements=coarse_floats), st.integers(0, 60))
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


@given(
    st.lists(st.tuples(st.integers(0, N - 1), coarse_floats), max_size=60),
    st.sampled_from([0, N]),
)
@example([(3, 1.0), (3, -1.0)], 0)
def test_sums_by_row_are_the_same_with_and_without_a_dense_array(pairs, limit):
    rows = np.array([row for row, _ in pairs], np.int32)
    weights = np.array([weight for _, weight in pairs])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accumulating, "MAX_DENSE", limit)
        found, sums = accumulate(rows, weights, N)
    expected = {r: weights[rows == r].sum() for r in sorted(set(rows.tolist()))}
    assert dict(zip(found.tolist(), sums.tolist(), strict=True)) == {
        row: total for row, total in expected.items() if total
    }
    assert np.all(np.diff(found) > 0)
    assert (found.dtype, sums.dtype) == (np.int64, np.float64)


def as_history(events):
    """Newest first, equal times in row order, nothing twice: as every source gives them."""
    told = sorted(set(events), key=lambda e: (-e[1], e[0]))
    rows = np.array([row for row, _ in told], np.int64)
    times = np.array([time for _, time in told])
    return History(rows, rows.astype(np.float32), np.ones(len(told), np.float32), times)


@given(st.lists(st.lists(event, max_size=10), max_size=4))
def test_joined_histories_are_the_union_newest_first_whatever_the_order(parts):
    whole = join_histories([as_history(part) for part in parts])
    expected = as_history([e for part in parts for e in part])
    assert whole.rows.tolist() == expected.rows.tolist()
    assert whole.times.tolist() == expected.times.tolist()
    back = join_histories([as_history(part) for part in parts[::-1]])
    assert back.rows.tolist() == whole.rows.tolist()
    assert back.values.tolist() == whole.values.tolist()
    assert join_histories([whole, NOTHING]) is whole


NOTHING = as_history([])


def unit(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-3, vectors / np.maximum(lengths, 1e-3), 0.0).astype(np.float32)


@st.composite
def menus(draw):
    n, d = draw(st.integers(0, 12)), draw(st.integers(1, 4))
    relevance = draw(nps.arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
    vectors = draw(nps.arrays(np.float32, (n, d), elements=st.floats(-1, 1, width=32)))
    return relevance, unit(vectors)


@given(menus(), st.integers(0, 15), st.floats(0, 1))
def test_mmr_chooses_each_item_once_and_the_most_relevant_first(menu, k, diversity):
    relevance, vectors = menu
    chosen = mmr(relevance, vectors, k, diversity)
    assert len(chosen) == len(set(chosen.tolist())) == min(k, len(relevance))
    assert set(chosen.tolist()) <= set(range(len(relevance)))
    if len(chosen) and diversity < 1:
        assert chosen[0] == np.argmax((1 - diversity) * relevance.astype(np.float64))


def test_mmr_rather_repeats_a_likeness_than_an_item():
    vectors = np.array([[0, 0], [1, 0], [1, 0]], np.float32)
    assert mmr(np.zeros(3, np.float32), vectors, 3, 1.0).tolist() == [0, 1, 2]


@given(menus(), st.integers(0, 15))
def test_mmr_without_diversity_keeps_the_order_of_relevance(menu, k):
    relevance, vectors = menu
    expected = np.argsort(-relevance, kind="stable")[:k]
    assert mmr(relevance, vectors, k, 0.0).tolist() == expected.tolist()


@given(menus(), st.floats(0, 1))
def test_each_choice_of_mmr_is_the_best_of_those_left(menu, diversity):
    relevance, vectors = menu
    chosen = mmr(relevance, vectors, len(relevance), diversity).tolist()
    for at, item in enumerate(chosen):

        def worth(i, before=chosen[:at]):
            near = max([0.0, *(float(vectors[i] @ vectors[b]) for b in before)])
            return (1 - diversity) * float(relevance[i]) - diversity * near

        assert worth(item) >= max(worth(i) for i in chosen[at:]) - 1e-5


@given(
    nps.arrays(np.float32, 6, elements=st.floats(0, 1, width=32)),
    nps.arrays(np.float64, 6, elements=st.floats(0, 1e6)),
    st.floats(0, 1e9),
    st.floats(0, 2),
)
def test_doubt_raises_every_bound_and_less_known_items_more(relevance, tried, trials, beta):
    bounds = ucb(relevance, tried, trials, beta)
    assert np.all(bounds >= relevance)
    doubt = bounds - relevance
    order = np.argsort(tried)
    assert np.all(np.diff(doubt[order]) <= 1e-9)
    assert np.allclose(ucb(relevance, tried, trials, 0.0), relevance)


@given(
    nps.arrays(np.float64, 5, elements=st.floats(0, 2e9)),
    st.floats(0, 2e9),
    st.floats(DAY, 100 * DAY),
)
def test_freshness_fades_from_one_to_nothing(first_seen, now, half_life):
    fresh = freshness_bonus(now, first_seen, half_life)
    assert fresh.dtype == np.float32
    assert np.all((fresh >= 0) & (fresh <= 1))
    assert np.all(fresh[first_seen >= now] == 1)
    later = freshness_bonus(now + half_life, first_seen, half_life)
    past = first_seen <= now
    assert np.allclose(later[past], fresh[past] / 2, atol=1e-6)


@given(st.lists(ids, max_size=20), st.lists(ids, max_size=10))
@example(["a", "é", "日本", "0", "00"], ["", "a ", "日"])
@example([], ["a"])
@example(["ab"], ["abc", "a", "ab"])
def test_ids_and_rows_are_each_others_inverse(known, asked):
    index = IdIndex.of(known)
    unique = sorted(set(known), key=lambda i: i.encode())
    assert len(index) == len(unique)
    assert index.names(np.arange(len(index))) == unique
    assert index.rows(unique).tolist() == list(range(len(unique)))
    expected = [unique.index(a) if a in unique else -1 for a in asked]
    assert index.rows(asked).tolist() == expected
    assert [index.row(a) for a in asked] == expected


@given(st.sampled_from(sorted(TYPE_WEIGHTS)), st.lists(floats, min_size=1, max_size=8))
def test_a_larger_value_never_weighs_less(kind, values):
    weights = EventWeights().weigh(kind, np.sort(np.array(values, np.float32)))
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()
    assert np.all(np.diff(weights) >= 0)


@given(st.floats(1, 10), st.floats(-2, 12))
def test_a_rating_is_good_bad_or_neither(positive_at, stars):
    value = np.float32(stars)
    assume(abs(value - positive_at) > 1e-3 and abs(value - positive_at / 2) > 1e-3)
    weight = EventWeights(positive_at).weigh("rating", np.array([value]))[0]
    assert weight == (1 if value > positive_at else -1 if value < positive_at / 2 else 0)
