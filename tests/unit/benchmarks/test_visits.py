"""The matrix products that lists within visits are compared with, and the comparison."""

from dataclasses import replace

import numpy as np
import pytest

from app.contracts import NO_HISTORY
from benchmarks.quality import visits
from benchmarks.quality.visits import (
    FUNNEL,
    POPULARITY,
    SERVED,
    MatrixProducts,
    VisitLines,
    VisitRequest,
)
from offline.config import JobConfig
from offline.data.dataset import NO_LOG
from offline.data.errors import DataError
from offline.training.past_requests import ActiveUser
from tests.fakes import small_dataset, small_log


def request_after(dataset, events, events_of=0):
    own = dataset.log.take(np.flatnonzero(dataset.log.users == events_of)[:events])
    since = replace(NO_HISTORY, rows=own.items.astype(np.int64), weights=own.weights)
    return VisitRequest(ActiveUser(events_of, np.arange(3), since=since), events, is_warm=False)


def test_the_products_are_the_textbook_formulas():
    log, dataset = small_log(), small_dataset()
    users, items = len(dataset.users), len(dataset.catalogue)
    products = MatrixProducts.of(log, users, items)
    liked = np.zeros((users, items))
    liked[log.users[log.weights > 0], log.items[log.weights > 0]] = 1.0
    pair = liked[:, 2] @ liked[:, 5] / np.sqrt(liked[:, 2].sum() * liked[:, 5].sum())
    assert products.matrices["cosine"][2, 5] == pytest.approx(pair, abs=1e-6)
    weights = products.matrices["ease 300"]
    gradient = liked.T @ liked @ (np.eye(items) - weights) - 300 * weights
    np.fill_diagonal(gradient, 0.0)
    assert np.abs(gradient).max() < 1e-6  # the minimum with a diagonal of zeros
    assert np.diag(weights).tolist() == [0.0] * items
    assert products.popularity.tolist() == liked.sum(axis=0).tolist()


def test_a_product_shows_no_hidden_item_and_weighs_the_events_of_the_window():
    dataset = small_dataset()
    products = MatrixProducts.of(dataset.log, len(dataset.users), len(dataset.catalogue))
    request = request_after(dataset, 4)
    is_hidden = np.zeros(len(dataset.catalogue), np.bool_)
    is_hidden[[1, 2]] = True
    lists = products.lists(request, NO_LOG, is_hidden)
    assert not any({1, 2} & set(rows.tolist()) for rows in lists.values())
    assert lists["cosine, fresh x 1"].tolist() == lists["cosine, fresh x 3"].tolist()
    past = dataset.log.take(np.flatnonzero(dataset.log.users == 1))
    fresh = products.lists(request, past, is_hidden)
    assert fresh["ease 300, fresh x 1"].tolist() != fresh["ease 300, fresh x 3"].tolist()


def test_too_many_items_are_refused_with_the_limit():
    with pytest.raises(DataError, match="up to 20,000 items"):
        MatrixProducts.of(NO_LOG, 1, 20_001)


def test_requests_are_in_order_of_time_and_only_later_likes_are_relevant():
    dataset = small_dataset()
    times = dataset.log.times
    start, end = float(times[len(times) // 4]), float(times[-1]) + 1
    requests = visits.list_requests(dataset, start, end, JobConfig())
    assert requests
    moments = [one.user.at for one in requests]
    assert moments == sorted(moments)
    for one in requests:
        assert one.events == len(one.user.since)
        assert not np.isin(one.user.relevant, one.user.since.rows).any()


def line(name, funnel, cosine, ease):
    two = np.array([1, 2])
    ndcg = {
        FUNNEL: funnel,
        SERVED: np.array(funnel) / 2,
        "cosine": cosine,
        "ease 300": ease,
        POPULARITY: (0.9, 0.9),
    }
    columns = {name: np.array(values, float) for name, values in ndcg.items()}
    return VisitLines(name, two, two, np.array([True, True]), columns)


def test_the_rival_of_a_window_is_the_best_one_before_it():
    windows = [
        line("50%", (0, 0), (0.2, 0.2), (0.1, 0.1)),
        line("60%", (0.4, 0.2), (0.1, 0.2), (1, 1)),
    ]
    assert visits.best_rival(windows[:1], is_warm=True) == "cosine"
    assert visits.best_rival(windows, is_warm=True) == "ease 300"
    after_one, after_two, together = visits.compare(windows, seed=0)
    assert (after_one["events"], after_two["events"]) == ("1", "2")
    assert after_one["ratio"]["mean"] == pytest.approx(4.0)
    assert (together["lists"], together["rival"]) == (2, pytest.approx(0.15))
    assert together["ratio"]["mean"] == pytest.approx(2.0)
    assert together["served_ratio"]["mean"] == pytest.approx(0.5)
