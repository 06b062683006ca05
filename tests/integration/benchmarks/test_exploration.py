"""The comparison of ways of exploring, on a small world."""

from functools import partial

from benchmarks.quality import funnel_lists
from benchmarks.quality.exploration import (
    DEFAULT_POLICY,
    EXPLORATION_POLICIES,
    answer_window,
    evaluate_policy,
    table,
)
from benchmarks.quality.windows import rolling_window
from offline.config import JobConfig
from offline.data.split import split_by_time
from offline.training.rankers import RankConfig
from tests.fakes import SMALL, small_dataset


def test_every_policy_is_evaluated_on_the_same_candidates(monkeypatch):
    dataset = small_dataset()
    monkeypatch.setattr(funnel_lists, "split_by_time", partial(split_by_time, windows=2))
    ranking = RankConfig(rounds=20, least_rounds=10, held_out=1)
    window = rolling_window(dataset.log, 0.8, 0.2)
    asked = answer_window(dataset, window, JobConfig(recall=SMALL, rank=ranking))
    assert len(asked) == len(window.users)
    figures, covered = evaluate_policy(asked, DEFAULT_POLICY)
    assert len(figures) == (asked.events > 0).sum()
    assert 0 < figures.mean() < 1
    _, without = evaluate_policy(asked, EXPLORATION_POLICIES["none"])
    assert covered >= without
    shown = table([asked])
    assert list(shown.columns[0].cells) == list(EXPLORATION_POLICIES)
    assert float(list(shown.columns[2].cells)[2]) == round(covered, 4)
