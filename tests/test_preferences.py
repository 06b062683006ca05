import numpy as np
import pytest

from app.preferences import COUNTED, TYPE_WEIGHTS, Preferences


def weigh(kind, *values, **known):
    return Preferences(**known).weigh(kind, np.array(values, np.float32)).tolist()


def test_good_ratings_speak_for_an_item_bad_ones_against_it():
    assert weigh("rating", 5, 4, 3.5, 2.5, 2, 0.5) == [1, 1, 0, 0, -1, -1]
    assert weigh("rating", 8, 7, 4, 3, positive_at=8.0) == [1, 0, -1, -1]


def test_a_purchase_speaks_louder_than_a_look_whatever_it_cost():
    assert weigh("purchase", 1, 500) == [2, 2]
    assert weigh("view", 1)[0] < weigh("click", 1)[0] < weigh("purchase", 1)[0]
    assert weigh("dislike", 1)[0] < 0


@pytest.mark.parametrize("kind", sorted(COUNTED))
def test_amounts_count_by_their_logarithm_and_never_against(kind):
    assert weigh(kind, np.e - 1, 0, -5) == pytest.approx([1, 0, 0])


def test_types_that_are_not_configured_are_refused():
    assert all(Preferences().knows(kind) for kind in TYPE_WEIGHTS)
    assert not Preferences().knows("teleport")
    with pytest.raises(KeyError):
        weigh("teleport", 1)


def test_weights_can_be_set():
    assert weigh("view", 3, type_weights={"view": -2.0}) == [-2]
    assert weigh("rating", 5, 1, type_weights={"rating": 3.0}) == [3, -3]


def test_one_preferences_weights_are_not_anothers():
    assert Preferences().type_weights == TYPE_WEIGHTS
    assert Preferences().type_weights is not Preferences().type_weights


def test_where_there_are_stars_a_like_stands_for_good_ones_and_a_dislike_for_bad_ones():
    stars = Preferences(positive_at=4.0, explicit=True)
    one = np.ones(1, np.float32)
    assert stars.value("like", one).tolist() == [4.0]
    assert stars.value("purchase", one).tolist() == [4.0]
    assert stars.value("dislike", one).tolist() == [2.0]
    assert 2.0 < stars.value("view", one)[0] < stars.value("click", one)[0] < 4.0
    assert stars.value("rating", one).tolist() == [1.0]


def test_where_there_are_no_stars_values_stay_as_they_are():
    assert Preferences().value("like", np.full(1, 7, np.float32)).tolist() == [7.0]
