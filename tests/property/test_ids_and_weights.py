"""Properties of ids and event weights."""

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.catalogue.ids import IdIndex
from app.event_weights import TYPE_WEIGHTS, EventWeights

floats = st.floats(-1e6, 1e6, width=32)
ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(ids, max_size=20), st.lists(ids, max_size=10))
@example(["a", "é", "日本", "0", "00"], ["", "a ", "日"])
@example([], ["a"])
@example(["ab"], ["abc", "a", "ab"])
def test_ids_and_rows_are_each_others_inverse(members, requested):
    index = IdIndex.of(members)
    unique = sorted(set(members), key=lambda i: i.encode())
    assert len(index) == len(unique)
    assert index.names(np.arange(len(index))) == unique
    assert index.rows(unique).tolist() == list(range(len(unique)))
    expected = [unique.index(one) if one in unique else -1 for one in requested]
    assert index.rows(requested).tolist() == expected
    assert [index.row(one) for one in requested] == expected


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
