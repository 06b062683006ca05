"""The compiled loops that find the reasons for an item against slow, obvious ones."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.kernels.reasons import largest_sums, weights_of_rows

FAR = 2**40  # a row that no array could be as long as


@given(st.integers(0, 999), st.integers(0, 3), st.integers(0, 9), st.integers(0, 5))
def test_the_largest_sums_of_amounts_are_those_of_their_keys(seed, n, n_keys, limit):
    random = np.random.default_rng(seed)
    keys = random.choice([0, 1, 2, 7, FAR], n_keys)
    amounts = random.integers(-2, 4, (n, n_keys)).astype(np.float64)  # exact sums, and ties
    amounts[random.random(amounts.shape) < 0.05] = np.nan
    expected = np.full((n, limit), -1)
    for one, row in enumerate(amounts):
        sums = {key: row[keys == key].sum() for key in sorted(set(keys.tolist()))}
        best = sorted((key for key in sums if sums[key] > 0), key=lambda key: -sums[key])
        expected[one, : len(best)] = best[:limit]
    for compute in (largest_sums, largest_sums.python):
        assert compute(keys, amounts, limit).tolist() == expected.tolist()


@settings(max_examples=60)
@given(st.integers(0, 999), st.sampled_from([0, 1, 8, 9, 20]), st.sampled_from([9, 2**31 - 1]))
@example(3, 9, 9)
def test_the_weights_of_rows_are_added_up_in_each_span(seed, n_wanted, n_rows):
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 9, random.integers(0, 5))
    ends = np.cumsum(sizes, dtype=np.int64)
    rows = random.integers(0, n_rows, sizes.sum()).astype(np.int32)
    weights = random.integers(-2, 6, len(rows)).astype(np.float32)
    wanted = random.choice(np.append(rows, [0, 4, random.choice([5, FAR])]), n_wanted)
    spans = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    expected = [[weights[s][rows[s] == row].sum() for s in spans] for row in wanted.tolist()]
    for compute in (weights_of_rows, weights_of_rows.python):
        with np.errstate(over="ignore"):
            found = compute(ends - sizes, ends, rows, weights, wanted)
        assert found.shape == (n_wanted, len(spans))
        assert found.tolist() == expected
