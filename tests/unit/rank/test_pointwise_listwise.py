"""Two models in one score, by the length of the history."""

import numpy as np
import pytest

from app.features.views import FINE_VIEW, column_names
from app.rank.pointwise_listwise import HALF_SHARE_EVENTS, PointwiseListwiseBlend


class Constant:
    """Stands in for a model whose score is known."""

    def __init__(self, value):
        self.value = value

    def score(self, features, trees=-1):
        return np.full(len(features), self.value + trees / 100, np.float32)


@pytest.mark.parametrize(("events", "share"), [(0, 0.0), (20, 0.5), (60, 0.75), (380, 0.95)])
def test_the_longer_the_history_the_more_the_listwise_model_counts(events, share):
    features = np.zeros((3, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(events)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0))
    assert both.score(features, 0) == pytest.approx(np.full(3, -1 + 4 * share), abs=1e-4)
    assert both.score(features, 7) == pytest.approx(np.full(3, -0.93 + 4 * share), abs=1e-4)
    assert both.score(features[:0]).shape == (0,)


def test_both_models_count_half_at_the_documented_number_of_events():
    features = np.zeros((2, len(column_names(FINE_VIEW))), np.float32)
    features[:, column_names(FINE_VIEW).index("user_events")] = np.log1p(HALF_SHARE_EVENTS)
    both = PointwiseListwiseBlend(Constant(-1.0), Constant(3.0))
    weights = {"pointwise": 0.5, "listwise": 0.5}
    assert both.part_weights(features) == pytest.approx(weights, abs=1e-4)
