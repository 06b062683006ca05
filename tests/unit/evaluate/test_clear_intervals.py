"""An interval is clear only if what is printed of it does not touch 0."""

import pytest

from offline.evaluate.intervals import is_clear


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.02, True),
        (-0.02, -0.001, True),
        (0.0, 0.02, False),
        (0.0004, 0.02, False),
        (-0.02, -0.0004, False),
        (-0.01, 0.02, False),
        (None, 0.02, False),
    ],
)
def test_a_bound_that_is_printed_as_0_touches_0(low, high, expected):
    assert is_clear(low, high) is expected
