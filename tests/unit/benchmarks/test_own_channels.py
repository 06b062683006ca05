"""The channels of earlier windows are chosen by group, and the lists of cold users by window."""

import numpy as np
import pytest

from app.recall.registry import CHANNELS
from benchmarks.quality.channel_figures import BEST_CHANNEL, OwnChannels, WindowFigures
from offline.evaluate.baselines import BASELINES
from offline.evaluate.comparison import RANKING, REFERENCE

WARM = np.array([True, True, False, False, False])


def window(name, warm_best, cold_best, funnel=0.5):
    """Two users with a history and three without one, who have two lists."""
    ndcg = {method: np.full(5, 0.1) for method in (REFERENCE, RANKING, *BASELINES, *CHANNELS)} | {
        REFERENCE: np.full(5, funnel),
        RANKING: np.full(5, funnel),
    }
    ndcg[warm_best] = np.where(WARM, 0.4, 0.0)
    ndcg[cold_best] = np.where(WARM, 0.0, 0.3)
    return WindowFigures(name, np.arange(5), WARM, np.array([0, 1, 2, 2, 3]), ndcg)


def test_the_best_channel_of_a_window_is_that_of_the_windows_before_it():
    result = OwnChannels()
    result.learn(window("before", "ease", "trending"))
    result.add(window("first", "item_cf", "popular"))
    assert result.chosen == [{"warm": "ease", "cold": "trending"}]
    best = result.windows[0].ndcg[BEST_CHANNEL]
    assert best.tolist() == pytest.approx([0.1] * 5)
    result.add(window("second", "item_cf", "popular"))
    result.add(window("third", "item_cf", "popular"))
    assert result.chosen[2] == {"warm": "item_cf", "cold": "popular"}


def test_groups_are_pooled_and_equal_cold_lists_of_a_window_are_drawn_together():
    result = OwnChannels()
    result.learn(window("before", "ease", "trending"))
    for name, funnel in (("first", 0.9), ("second", 0.2)):
        result.add(window(name, "ease", "trending", funnel))
    warm, cold = (result.compare(warm=group, seed=7) for group in (True, False))
    assert warm is not None
    assert cold is not None
    assert (warm["evaluated_users"], cold["evaluated_users"]) == (4, 6)
    assert warm["methods"][BEST_CHANNEL]["ndcg@10"]["mean"] == pytest.approx(0.4)
    gap = cold["ranking_differences"][BEST_CHANNEL]["difference"]
    assert gap["mean"] == pytest.approx(0.55 - 0.3)
    assert (gap["low"], gap["high"]) == pytest.approx((-0.1, 0.6))  # four lists in two windows
    assert OwnChannels().windows == []
