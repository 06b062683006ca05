"""The order of a channel in the fine score: for whom it counts, and what is said of it."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from app.rank.channel_order import ALONE, ChannelOrder
from app.rank.pointwise_listwise import PointwiseListwiseBlend

COLUMNS = column_names(FINE_VIEW)
RANK, EVENTS = COLUMNS.index("ease_rank"), COLUMNS.index("user_events")
ORDER = ChannelOrder("ease_rank", 20.0, 5, 20, 0.25, 0.05)


def features_of(events, ranks):
    features = np.zeros((len(ranks), len(COLUMNS)), np.float32)
    features[:, EVENTS], features[:, RANK] = np.log1p(events), ranks
    return features


class Descending:
    """Stands in for trees that like each row less than the one before."""

    def score(self, features, trees=-1):
        return -np.arange(len(features), dtype=np.float32)

    def contributions(self, features):
        parts = np.zeros((len(features), len(COLUMNS) + 1))
        parts[:, -1] = self.score(features)
        return parts


@pytest.mark.parametrize(("events", "counts"), [(0, 0), (4, 0), (5, 1), (19, 1), (20, 0), (500, 0)])
def test_it_counts_for_users_with_as_many_events(events, counts):
    ranks = np.array([0.1, 0.0, np.nan, 0.05], np.float32)
    expected = counts * 20.0 * np.array([0.1, 0.0, 0.0, 0.05])
    assert ORDER.score(features_of(events, ranks)) == pytest.approx(expected)


def test_a_user_without_a_number_of_events_has_none():
    features = features_of(0, [0.1])
    features[:, EVENTS] = np.nan
    assert replace(ORDER, events_from=0).score(features) == pytest.approx([2.0])
    assert ORDER.score(features) == pytest.approx([0.0])


def test_alone_it_orders_all_that_the_channel_proposed_and_the_trees_order_the_rest():
    ranks = 1 / (10 + np.array([199, 3, 0, np.inf, np.inf]))
    alone = replace(ORDER, weight=ALONE, events_to=inf)
    blend = PointwiseListwiseBlend(Descending(), Descending(), (alone,))
    order = np.argsort(-blend.score(features_of(7, ranks)), kind="stable")
    assert order.tolist() == [2, 1, 0, 3, 4]


def test_what_columns_add_is_the_score():
    features = features_of(7, [0.02, 0.1, 0.0])
    blend = PointwiseListwiseBlend(Descending(), Descending(), (ORDER,))
    parts = blend.contributions(features)
    assert parts.sum(axis=1) == pytest.approx(blend.score(features))
    assert parts[:, RANK] == pytest.approx([0.4, 2.0, 0.0])


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ORDER, "users with 5 to 19 events the order of the channel ease counts beside the trees"),
        (replace(ORDER, events_from=0, events_to=1), "users with no event"),
        (replace(ORDER, events_to=inf), "users with 5 or more events"),
        (replace(ORDER, weight=ALONE), "items are in the order of the channel ease: NDCG@10"),
    ],
)
def test_its_sentence_says_for_whom_and_what(order, words):
    assert words in order.sentence
    assert order.sentence.endswith("0.250 -> 0.300.")


@pytest.mark.parametrize("order", [ORDER, replace(ORDER, events_to=inf)])
def test_it_is_read_as_it_was_written(order):
    assert ChannelOrder.from_json(order.to_json()) == order


def test_a_column_of_another_version_is_refused():
    with pytest.raises(ValueError, match="no column 'astrology_rank': train again"):
        replace(ORDER, column="astrology_rank")
