"""The funnel of the quality benchmark, on a small world."""

from functools import partial

import numpy as np

from benchmarks.quality import funnel_lists
from benchmarks.quality.first_events import select_new_users
from benchmarks.quality.libraries import LIBRARIES
from benchmarks.quality.new_users import collect_funnel_lists
from benchmarks.quality.windows import compute_headline, rolling_window
from offline.config import JobConfig
from offline.data.split import split_by_time
from offline.models.registry import fit_models
from offline.training.past_requests import build_offline_funnel
from offline.training.rankers import RankConfig
from tests.fakes import ITEMS, SMALL, small_dataset


def test_the_funnel_is_trained_before_the_cut_and_asked_as_of_it(monkeypatch):
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.8, 0.2)
    last_times = []
    fit_rankers = funnel_lists.fit_rankers
    monkeypatch.setattr(funnel_lists, "split_by_time", partial(split_by_time, windows=2))

    def fit(past, *rest):
        last_times.append(float(past.log.times[-1]))
        return fit_rankers(past, *rest)

    monkeypatch.setattr(funnel_lists, "fit_rankers", fit)
    ranking = RankConfig(rounds=20, least_rounds=10, held_out=1)
    result = funnel_lists.compute_funnel_lists(
        dataset, window, JobConfig(recall=SMALL, rank=ranking)
    )
    assert last_times[0] < window.cut
    lists = result.lists["funnel"]
    assert not set(result.lists) & set(LIBRARIES)
    assert lists.shape == (len(window.users), 20)
    assert result.seconds > 0
    random = np.stack([np.random.default_rng(u).permutation(ITEMS)[:20] for u in window.users])
    warm = window.events > 0
    relevant = window.relevant.take(np.flatnonzero(warm))
    ndcg, ndcg_of_random = (
        compute_headline(rows[warm], relevant).mean() for rows in (lists, random)
    )
    assert ndcg > 1.3 * ndcg_of_random
    lines = np.broadcast_to(np.arange(len(lists))[:, None], lists.shape)
    assert not window.seen().grades_of(lines, lists).any()


def test_the_revealed_events_of_new_users_come_with_the_request(monkeypatch):
    dataset = small_dataset()
    new_users = select_new_users(dataset, 0.02, (0, 3))

    def build_untrained(_dataset, window, _config, funnel_config):
        models = fit_models(dataset, window.log, SMALL, window.cut)
        return build_offline_funnel(models, funnel_config)

    monkeypatch.setattr(funnel_lists, "train_funnel", build_untrained)
    lists = collect_funnel_lists(dataset, new_users)["funnel"]
    for user, rows in zip(new_users.users, lists, strict=True):
        assert not set(user.since.rows) & set(rows[rows >= 0])
    half = len(new_users.users) // 2
    assert (lists[:half] != lists[half:]).any()
