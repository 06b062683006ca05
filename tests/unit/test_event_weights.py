import numpy as np
import pytest

from app.event_weights import AMOUNT_TYPES, TYPE_WEIGHTS, EventWeights


def weigh(kind, *values, **settings):
    return EventWeights(**settings).weigh(kind, np.array(values, np.float32)).tolist()


def test_good_ratings_are_positive_and_bad_ones_negative():
    assert weigh("rating", 5, 4, 3.5, 2.5, 2, 0.5) == [1, 1, 0, 0, -1, -1]
    assert weigh("rating", 8, 7, 4, 3, positive_at=8.0) == [1, 0, -1, -1]


def test_a_purchase_weighs_more_than_a_view_whatever_its_price():
    assert weigh("purchase", 1, 500) == [2, 2]
    assert weigh("view", 1)[0] < weigh("click", 1)[0] < weigh("purchase", 1)[0]
    assert weigh("dislike", 1)[0] < 0


@pytest.mark.parametrize("kind", sorted(AMOUNT_TYPES))
def test_amounts_weigh_by_their_logarithm_and_never_less_than_zero(kind):
    assert weigh(kind, np.e - 1, 0, -5) == pytest.approx([1, 0, 0])


def test_a_type_that_is_not_configured_is_refused():
    assert all(EventWeights().accepts(kind) for kind in TYPE_WEIGHTS)
    assert not EventWeights().accepts("teleport")
    with pytest.raises(KeyError):
        weigh("teleport", 1)


def test_weights_can_be_set():
    assert weigh("view", 3, type_weights={"view": -2.0}) == [-2]
    assert weigh("rating", 5, 1, type_weights={"rating": 3.0}) == [3, -3]


def test_instances_do_not_share_their_weights():
    assert EventWeights().type_weights == TYPE_WEIGHTS
    assert EventWeights().type_weights is not EventWeights().type_weights


def test_with_ratings_a_like_becomes_a_good_one_and_a_dislike_a_bad_one():
    ratings = EventWeights(positive_at=4.0, explicit=True)
    one = np.ones(1, np.float32)
    assert ratings.scale_values("like", one).tolist() == [4.0]
    assert ratings.scale_values("purchase", one).tolist() == [4.0]
    assert ratings.scale_values("dislike", one).tolist() == [2.0]
    assert 2.0 < ratings.scale_values("view", one)[0] < ratings.scale_values("click", one)[0] < 4.0
    assert ratings.scale_values("rating", one).tolist() == [1.0]


def test_without_ratings_values_stay_as_they_are():
    assert EventWeights().scale_values("like", np.full(1, 7, np.float32)).tolist() == [7.0]


def test_a_formula_weighs_ratings_and_values_that_become_ratings():
    assert weigh("rating", 5, 1, type_weights={"rating": "value - 3"}) == [2, -2]
    ratings = EventWeights(positive_at=4.0, explicit=True, type_weights={"watch": "watch >= 30"})
    assert ratings.scale_values("watch", np.array([1, 60], np.float32)).tolist() == [3.0, 4.0]
