"""Boosts: which texts are read, and which are refused."""

import numpy as np
import pytest

from app.expressions.boost import MAX_AMOUNT, parse_boost
from app.expressions.item_filter import FilterError
from tests.unit.expressions.test_item_filter import ALL, CATALOGUE


@pytest.mark.parametrize(
    ("text", "amount", "rows"),
    [
        ('0.3 if category == "drama"', 0.3, [0, 1]),
        ("-2 if year < 1990", -2.0, [0]),
        (" +.5  if  year > 1985 and provider == 'bell' ", 0.5, [1, 2]),
        ("10 if not year < 3000", 10.0, [3]),
        ("0.30000000000000004 if year < 1990", 0.30000000000000004, [0]),
    ],
)
def test_a_boost_has_an_amount_and_a_condition(text, amount, rows):
    boost = parse_boost(text)
    assert boost.amount == amount
    assert np.flatnonzero(boost.condition(CATALOGUE, ALL)).tolist() == rows


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write an amount, if, and a filter"),
        ("drama", "write an amount, if, and a filter"),
        ("0.3 if", "write an amount, if, and a filter"),
        ("nan if year > 1", "write an amount, if, and a filter"),
        ("1e3 if year > 1", "write an amount, if, and a filter"),
        ("0" * 21 + "1 if year > 1", "write an amount, if, and a filter"),
        ("0." + "1" * 21 + " if year > 1", "write an amount, if, and a filter"),
        (f"{MAX_AMOUNT + 0.5} if year > 1", "from -10 to 10"),
        ("1 if price", "is not a condition"),
        ("1 if colour == 3", "colour"),
        ("1 if year > 1 else 2", "cannot be read"),
    ],
)
def test_what_is_no_boost_is_refused_with_the_reason(text, reason):
    with pytest.raises(FilterError, match=reason):
        parse_boost(text)
