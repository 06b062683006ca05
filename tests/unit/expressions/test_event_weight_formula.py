import numpy as np
import pytest

from app.event_weights import MAX_WEIGHT, FormulaError, parse_formula


@pytest.mark.parametrize(
    ("text", "values", "weights"),
    [
        ("watch >= 30", [29, 30, 900], [0, 1, 1]),
        ("1.0 if value >= 30 else 0.2", [1, 30], [0.2, 1]),
        ("1.5", [1, 2], [1.5, 1.5]),
        ("-value / 2 + 1", [4, 0], [-1, 1]),
        ("value > 1 and value < 3 or not value", [0, 1, 2, 3], [1, 0, 1, 0]),
        ("2 if value > 10 else 1 if value > 5 else 0", [11, 6, 5], [2, 1, 0]),
        ("min(max(value, 1), 3)", [0, 2, 9], [1, 2, 3]),
        ("log1p(value) * 2", [0, np.e - 1, -5], [0, 2, 0]),
        ("sqrt(abs(value))", [-4], [2]),
        ("1 / value", [0, 2], [0, 0.5]),
        ("value * 1e300 * 1e300", [1, -1], [0, 0]),
        ("value * 1e9", [1], [MAX_WEIGHT]),
    ],
)
def test_a_formula_gives_the_weight_of_each_value(text, values, weights):
    formula = parse_formula(text, "watch")
    assert formula(np.array(values, np.float64)).tolist() == pytest.approx(weights)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "value.real",
        "__import__('os')",
        "exit()",
        "stars >= 3",
        "value ** 9",
        "[value]",
        "'a'",
        "True",
        "1j",
        "min(value)",
        "max(*[1, 2])",
        "min(value, key=1)",
        "1 < value < 3",
        "lambda: 1",
        "(" * 200 + "1" + ")" * 200,
        "+".join(["1"] * 40),
        "1" * 301,
        "1_0" * 120,
    ],
)
def test_any_other_text_is_refused_with_a_reason(text):
    with pytest.raises(FormulaError, match="weight"):
        parse_formula(text, "watch")


def test_a_number_that_is_too_large_is_refused():
    with pytest.raises(FormulaError, match="too large"):
        parse_formula("0x" + "f" * 290, "watch")
