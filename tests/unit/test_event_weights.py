import numpy as np
import pytest

from app.event_weights import AMOUNT_TYPES, TYPE_WEIGHTS, EventWeights
from app.expressions.event_weight_formula import MAX_WEIGHT, FormulaError, parse_formula


def weigh(kind, *values, **known):
    return EventWeights(**known).weigh(kind, np.array(values, np.float32)).tolist()


def test_good_ratings_speak_for_an_item_bad_ones_against_it():
    assert weigh("rating", 5, 4, 3.5, 2.5, 2, 0.5) == [1, 1, 0, 0, -1, -1]
    assert weigh("rating", 8, 7, 4, 3, positive_at=8.0) == [1, 0, -1, -1]


def test_a_purchase_speaks_louder_than_a_look_whatever_it_cost():
    assert weigh("purchase", 1, 500) == [2, 2]
    assert weigh("view", 1)[0] < weigh("click", 1)[0] < weigh("purchase", 1)[0]
    assert weigh("dislike", 1)[0] < 0


@pytest.mark.parametrize("kind", sorted(AMOUNT_TYPES))
def test_amounts_count_by_their_logarithm_and_never_against(kind):
    assert weigh(kind, np.e - 1, 0, -5) == pytest.approx([1, 0, 0])


def test_types_that_are_not_configured_are_refused():
    assert all(EventWeights().accepts(kind) for kind in TYPE_WEIGHTS)
    assert not EventWeights().accepts("teleport")
    with pytest.raises(KeyError):
        weigh("teleport", 1)


def test_weights_can_be_set():
    assert weigh("view", 3, type_weights={"view": -2.0}) == [-2]
    assert weigh("rating", 5, 1, type_weights={"rating": 3.0}) == [3, -3]


def test_one_preferences_weights_are_not_anothers():
    assert EventWeights().type_weights == TYPE_WEIGHTS
    assert EventWeights().type_weights is not EventWeights().type_weights


def test_where_there_are_stars_a_like_stands_for_good_ones_and_a_dislike_for_bad_ones():
    stars = EventWeights(positive_at=4.0, explicit=True)
    one = np.ones(1, np.float32)
    assert stars.scale_values("like", one).tolist() == [4.0]
    assert stars.scale_values("purchase", one).tolist() == [4.0]
    assert stars.scale_values("dislike", one).tolist() == [2.0]
    assert 2.0 < stars.scale_values("view", one)[0] < stars.scale_values("click", one)[0] < 4.0
    assert stars.scale_values("rating", one).tolist() == [1.0]


def test_where_there_are_no_stars_values_stay_as_they_are():
    assert EventWeights().scale_values("like", np.full(1, 7, np.float32)).tolist() == [7.0]


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
def test_a_weight_may_be_an_expression_of_the_value(text, values, weights):
    found = weigh("watch", *values, type_weights={"watch": text})
    assert found == pytest.approx(weights)


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
def test_what_is_no_weight_is_refused_in_words(text):
    with pytest.raises(FormulaError, match="weight"):
        parse_formula(text, "watch")


def test_a_large_whole_number_is_no_weight():
    with pytest.raises(FormulaError, match="too large"):
        parse_formula("0x" + "f" * 290, "watch")


def test_an_expression_weighs_ratings_and_the_values_of_what_stands_for_one():
    assert weigh("rating", 5, 1, type_weights={"rating": "value - 3"}) == [2, -2]
    stars = EventWeights(positive_at=4.0, explicit=True, type_weights={"watch": "watch >= 30"})
    assert stars.scale_values("watch", np.array([1, 60], np.float32)).tolist() == [3.0, 4.0]
