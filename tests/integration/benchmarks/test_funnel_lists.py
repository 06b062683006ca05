"""The funnel of the quality benchmark, and the comparison of ways of exploring, on little data."""

from dataclasses import replace

import numpy as np

from benchmarks.quality.exploration import (
    DEFAULT_POLICY,
    EXPLORATION_POLICIES,
    answer_window,
    evaluate_policy,
    table,
)
from benchmarks.quality.first_events import select_new_users
from benchmarks.quality.funnel_lists import channel_method, compute_funnel_lists
from benchmarks.quality.libraries import LIBRARIES
from benchmarks.quality.new_users import collect_funnel_lists
from benchmarks.quality.windows import compute_headline, rolling_window
from offline.config import JobConfig
from offline.models.registry import fit_models
from offline.training.past_requests import build_offline_funnel
from offline.training.rankers import RankConfig
from tests.fakes import ITEMS, SMALL, small_dataset

CONFIG = JobConfig(
    recall=SMALL,
    rank=RankConfig(rounds=12, least_rounds=6, boosters=1),
    users_per_window=10,
    negatives=40,
)


def test_the_funnel_is_trained_before_the_cut_and_asked_as_of_it():
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.8, 0.2)
    result = compute_funnel_lists(dataset, window, CONFIG)
    past = replace(dataset, log=window.log)
    assert window.log.times[-1] < window.cut
    of_the_past = compute_funnel_lists(past, window, CONFIG)
    for name, lists in result.lists.items():
        assert lists.tolist() == of_the_past.lists[name].tolist()
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


def test_the_funnel_has_the_channels_that_training_chooses_for_the_data():
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.8, 0.2)
    adapted, fixed = (
        compute_funnel_lists(dataset, window, replace(CONFIG, adapt=adapt)).lists
        for adapt in (True, False)
    )
    session_knn = channel_method("session_knn")
    assert (fixed[session_knn] >= 0).any()
    assert (adapted[session_knn] < 0).all()  # users return, so it is off


def test_the_revealed_events_of_new_users_come_with_the_request():
    dataset = small_dataset()
    new_users = select_new_users(dataset, 0.02, (0, 3))

    def build_untrained(_dataset, window, _config, funnel_config):
        models = fit_models(dataset, window.log, SMALL, window.cut)
        return build_offline_funnel(models, funnel_config)

    lists = collect_funnel_lists(dataset, new_users, build_untrained)["funnel"]
    for user, rows in zip(new_users.users, lists, strict=True):
        assert not set(user.since.rows) & set(rows[rows >= 0])
    half = len(new_users.users) // 2
    assert (lists[:half] != lists[half:]).any()


def test_every_policy_is_evaluated_on_the_same_candidates():
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.8, 0.2)
    answers = answer_window(dataset, window, CONFIG)
    assert len(answers) == len(window.users)
    figures, covered, explored = evaluate_policy(answers, DEFAULT_POLICY)
    assert len(figures) == len(answers)
    assert 0 < figures.mean() < 1
    _, without, nothing = evaluate_policy(answers, EXPLORATION_POLICIES["none"])
    assert explored > nothing == 0
    assert covered >= without
    shown = table([answers])
    assert list(shown.columns[0].cells) == list(EXPLORATION_POLICIES)
    assert float(list(shown.columns[3].cells)[1]) == round(covered, 4)
