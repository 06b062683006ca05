import pytest

from app.event_weights import TYPE_WEIGHTS
from app.feedback_types import FeedbackRule, FeedbackTypes
from app.settings import Settings

TYPES = FeedbackTypes.of(["love", "rating>=4"], ["peek"], {"ping": "click", "odd": "nothing"})


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("rating", 0.0, True),
        ("rating>=4", 4.0, True),
        ("rating>=4", 3.9, False),
        ("rating > 4", 4.0, False),
        ("rating<2", 1.0, True),
        ("rating<=2", 2.5, False),
        ("rating=3", 3.0, True),
        ("rating>=-1.5", -1.5, True),
    ],
)
def test_a_rule_compares_the_value(text, value, matches):
    assert FeedbackRule.parse(text).matches("rating", value) is matches
    assert not FeedbackRule.parse(text).matches("other", value)


@pytest.mark.parametrize("text", ["", ">=4", "rating>=", "rating>=four", "a>1>2"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match="is no feedback type"):
        FeedbackRule.parse(text)
    with pytest.raises(ValueError, match="is no feedback type"):
        Settings(gorse_read_feedback_types=[text])


@pytest.mark.parametrize(
    ("kind", "value", "event"),
    [
        ("ping", 0.0, "click"),  # by the setting
        ("star", 0.0, "like"),  # by its meaning
        ("buy", 0.0, "purchase"),
        ("rating", 3.0, "rating"),
        ("rating", 0.0, None),  # without a value
        ("love", 0.0, "like"),
        ("peek", 0.0, "view"),
        ("unheard-of", 0.0, None),
        ("odd", 0.0, None),  # an event type that the bundle does not have
    ],
)
def test_the_event_type_of_feedback(kind, value, event):
    assert TYPES.event_type(kind, value, TYPE_WEIGHTS) == event


def test_positive_and_read_feedback_excludes_its_item():
    assert TYPES.excluding == (("love", "", 0.0), ("rating", ">=", 4.0), ("peek", "", 0.0))


def test_a_read_of_gorse_is_a_view_by_default():
    assert Settings().feedback_types.event_type("read", 0.0, TYPE_WEIGHTS) == "view"
