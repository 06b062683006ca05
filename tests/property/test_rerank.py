"""Properties of the last stage: diversity, exploration, freshness."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from app.artifacts import DAY
from app.kernels.rerank import choose_diverse, find_scores, permitted_rows, scale_to_unit
from app.rerank.exploration import ucb
from app.rerank.mmr import mmr
from app.rerank.utility import freshness_bonus


def unit(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-3, vectors / np.maximum(lengths, 1e-3), 0.0).astype(np.float32)


@st.composite
def pools(draw):
    n, d = draw(st.integers(0, 12)), draw(st.integers(1, 4))
    relevance = draw(nps.arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
    vectors = draw(nps.arrays(np.float32, (n, d), elements=st.floats(-1, 1, width=32)))
    return relevance, unit(vectors)


@given(pools(), st.integers(0, 15), st.floats(0, 1))
def test_mmr_chooses_each_item_once_and_the_most_relevant_first(items, k, diversity):
    relevance, vectors = items
    chosen = mmr(relevance, vectors, np.arange(len(relevance)), k, diversity)
    assert len(chosen) == len(set(chosen.tolist())) == min(k, len(relevance))
    assert set(chosen.tolist()) <= set(range(len(relevance)))
    if len(chosen) and diversity < 1:
        assert chosen[0] == np.argmax((1 - diversity) * relevance.astype(np.float64))


def test_mmr_fills_up_with_similar_items_but_never_repeats_one():
    vectors = np.array([[0, 0], [1, 0], [1, 0]], np.float32)
    assert mmr(np.zeros(3, np.float32), vectors, np.arange(3), 3, 1.0).tolist() == [0, 1, 2]


@given(pools(), st.floats(0, 1))
def test_each_choice_of_mmr_is_the_best_of_those_left(items, diversity):
    relevance, vectors = items
    n = len(relevance)
    chosen = mmr(relevance, vectors, np.arange(n), n, diversity).tolist()
    for at, item in enumerate(chosen):

        def value(i, before=chosen[:at]):
            near = max([0.0, *(float(vectors[i] @ vectors[b]) for b in before)])
            return (1 - diversity) * float(relevance[i]) - diversity * near

        assert value(item) >= max(value(i) for i in chosen[at:]) - 1e-5


@given(
    nps.arrays(np.float32, 6, elements=st.floats(0, 1, width=32)),
    nps.arrays(np.float64, 6, elements=st.floats(0, 1e6)),
    st.floats(0, 1e9),
    st.floats(0, 2),
)
def test_uncertainty_raises_every_bound_most_for_items_seldom_shown(relevance, tried, trials, beta):
    bounds = ucb(relevance, tried, trials, beta)
    assert np.all(bounds >= relevance)
    uncertainty = bounds - relevance
    order = np.argsort(tried)
    assert np.all(np.diff(uncertainty[order]) <= 1e-9)
    assert np.allclose(ucb(relevance, tried, trials, 0.0), relevance)


@given(
    nps.arrays(np.float64, 5, elements=st.floats(0, 2e9)),
    st.floats(0, 2e9),
    st.floats(DAY, 100 * DAY),
)
def test_freshness_falls_by_half_every_half_life(first_seen, now, half_life):
    fresh = freshness_bonus(now, first_seen, half_life)
    assert fresh.dtype == np.float32
    assert np.all((fresh >= 0) & (fresh <= 1))
    assert np.all(fresh[first_seen >= now] == 1)
    later = freshness_bonus(now + half_life, first_seen, half_life)
    past = first_seen <= now
    assert np.allclose(later[past], fresh[past] / 2, atol=1e-6)


def both(kernel, *arguments):
    """Return the result of the compiled function, which the plain one computes too."""
    compiled = kernel(*arguments)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(compiled, kernel.python(*arguments))
    return compiled


@given(pools(), st.integers(0, 15), st.floats(0, 1))
def test_each_next_item_is_the_best_of_relevance_less_likeness(items, k, diversity):
    relevance, vectors = items
    rows, chosen = np.arange(len(relevance)), []
    cosines = vectors.astype(np.float64) @ vectors.T
    for best in both(choose_diverse, relevance, vectors, rows, k, diversity).tolist():
        nearest = cosines[:, chosen].max(axis=1, initial=0.0) if chosen else 0.0
        values = (1.0 - diversity) * relevance.astype(np.float64) - diversity * nearest
        values[chosen] = -np.inf
        assert values[best] >= values.max() - 1e-6
        chosen.append(best)


@given(st.integers(0, 999), st.integers(0, 20))
def test_what_may_be_shown_is_available_and_not_excluded(seed, n):
    random = np.random.default_rng(seed)
    available, excluded = random.random(20) < 0.7, np.unique(random.integers(0, 20, 6))
    rows = random.permutation(20)[:n]
    expected = available[rows] & ~np.isin(rows, excluded)
    assert both(permitted_rows, rows, available, excluded).tolist() == expected.tolist()


some_scores = st.floats(-9, 9, width=32) | st.sampled_from([-np.inf, np.inf])


@given(nps.arrays(np.float32, st.integers(0, 9), elements=some_scores))
def test_relevance_is_0_for_the_lowest_and_1_for_the_highest_score(scores):
    scaled, finite = both(scale_to_unit, scores), scores[np.isfinite(scores)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    expected = (np.clip(scores, low, high) - low) / max(float(high - low), 1e-9)
    np.testing.assert_array_equal(scaled, expected.astype(np.float32))


@given(st.integers(0, 999), st.integers(0, 12))
def test_earlier_scores_are_those_of_the_same_rows(seed, n):
    random = np.random.default_rng(seed)
    rows, wanted = random.permutation(20)[:n], random.permutation(20)[:5]
    scores = random.random(n).astype(np.float32)
    by_row = dict(zip(rows.tolist(), scores.tolist(), strict=True))
    expected = [by_row.get(row, np.nan) for row in wanted.tolist()]
    np.testing.assert_array_equal(both(find_scores, rows, scores, wanted), expected)
