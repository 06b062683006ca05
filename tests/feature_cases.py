"""Pools, users and models of every kind, and the columns computed for them."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from app.artifacts import Factors, Models
from app.build import FunnelConfig
from app.contracts import Candidates, Matrix, Query
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.features.views import FINE_VIEW, column_names
from app.funnel import Funnel
from offline.training.past_requests import build_offline_funnel
from tests.fakes import ITEMS, history, query, random_pool, small_models

EVENTS = {  # (item row, value, weight, time), newest first; the models are as of 9.0864e8
    "nothing": history(),
    "one like": history((4, 5, 1, 9.05e8)),
    "dislikes alone": history((4, 1, -1, 9.05e8), (7, 2, -1, 9.01e8)),
    "neutral alone": history((9, 3, 0, 9.05e8), (2, 3, 0, 9.05e8 - 1_800)),
    "an item nobody knew": history((ITEMS - 1, 4, 1, 9.05e8)),
    "two sessions": history(
        *((i * 3 % ITEMS, 1 + i % 5, (1, 1, 0, -1)[i % 4], 9.05e8 - i * 50) for i in range(40)),
        *((i * 11 % ITEMS, 2 + i % 3, (i % 3) - 1, 9.01e8 - i * 70) for i in range(30)),
    ),
    "many days": history(
        *((i * 7 % ITEMS, 1 + i % 5, (1, 2, 1, -1)[i % 4], 9.1e8 - i * 40_000) for i in range(90))
    ),
}
SEGMENTS = dict(
    zip(EVENTS, [(1, -1), (2, 1), (-1, 0), (-1, -1), (0, 0), (4, 1), (2, -1)], strict=True)
)
KINDS = ("ratings", "likes", "ids alone", "gaps")


@cache
def models(kind) -> Models:
    """Models of this kind of data; of "gaps" a third of the items have no category."""
    small = small_models(explicit=kind != "likes", known=kind != "ids alone")
    if kind != "gaps":
        return small
    categories = small.catalogue.categories.copy()
    categories[::3] = 0
    factors = small.factors
    none = Factors(np.empty((ITEMS, 0), np.float32), np.empty((0, 0)), factors.alpha, factors.reg)
    return replace(small, catalogue=replace(small.catalogue, categories=categories), factors=none)


@cache
def funnel(kind) -> Funnel:
    """A funnel over these models; its threads are not used. Shared: do not write."""
    return build_offline_funnel(models(kind), FunnelConfig(Cpu(threads=1), NO_CHECKPOINTS))


def build_query(funnel, events, segments=(1, -1)) -> Query:
    """The query of a user with these events and segments."""
    attributes = funnel.query_builder.models.users.segments.shape[1]
    counters_at = funnel.query_builder.counters.now
    one = query(
        n=len(funnel.query_builder.models.catalogue),
        history=events,
        segments=np.array(segments[:attributes], np.int32),
        now=max(counters_at, *[*events.times, 0.0]),
        counters_at=counters_at,
    )
    return replace(one, vectors=funnel.query_builder.solve_vectors(one))


def columns(matrix, group):
    """The columns of this group, by name."""
    at = column_names(FINE_VIEW).index(group.names[0])
    return dict(zip(group.names, matrix[:, at : at + len(group.names)].T, strict=True))


@dataclass(frozen=True)
class Case:
    """One pool, its query, the models, and the columns that were computed for it."""

    query: Query
    pool: Candidates
    models: Models
    matrix: Matrix

    def columns(self, group):
        return columns(self.matrix, group)


CASES = [(kind, events) for kind in KINDS for events in EVENTS]


@cache
def case(kind, events) -> Case:
    one = build_query(funnel(kind), EVENTS[events], SEGMENTS[events])
    pool = random_pool(np.random.default_rng(list(EVENTS).index(events)), 37, ITEMS)
    return Case(one, pool, models(kind), funnel(kind).fine.features.build(one, pool))


def close(result, expected, rel=2e-4, abs_=2e-5):
    """Fail unless the result is as expected; NaN equals NaN."""
    np.testing.assert_allclose(
        np.asarray(result, np.float64), np.array(expected, np.float64), rtol=rel, atol=abs_
    )


def is_unknown(column):
    return bool(np.isnan(column).all())
