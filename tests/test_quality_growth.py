"""The comparison of the learned blend with the constant, on a small world."""

from functools import partial

import pytest

from app.rank.pointwise_listwise import Growth
from benchmarks.quality import funnel_lists
from benchmarks.quality.growth import bands, judge, trainings
from benchmarks.quality.windows import rolling_window
from offline.data.split import split_by_time
from offline.job import JobConfig
from offline.training.rankers import RankConfig
from tests.fakes import SMALL, small_dataset


def test_the_same_training_is_asked_with_both_blends(monkeypatch):
    dataset = small_dataset()
    monkeypatch.setattr(funnel_lists, "split_by_time", partial(split_by_time, windows=2))
    monkeypatch.setattr(
        "offline.training.rankers.fit_growth", lambda _: Growth(1e9, 40, 0.01, 0.005)
    )
    ranking = RankConfig(rounds=20, least_rounds=10, held_out=1)
    window = rolling_window(dataset.log, 0.8, 0.2)
    found = judge(dataset, window, JobConfig(recall=SMALL, rank=ranking))
    assert len(found.usual) == len(found.learned) == len(window.users)
    assert found.usual.tolist() != found.learned.tolist()
    assert list(trainings([found]).columns[2].cells) == ["1e+09"]
    warm = (found.learned - found.usual)[window.events > 0].mean()
    assert float(list(bands([found]).columns[4].cells)[-1].split()[0]) == pytest.approx(
        warm, abs=1e-4
    )
