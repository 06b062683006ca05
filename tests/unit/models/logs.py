"""Small logs and catalogues that the tests of the models share."""

import numpy as np

from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from offline.data.dataset import Log

SHAPE = (12, 9)
DAY = 86_400.0


def random_log(seed, m=80, *, repeats=False):
    """A log of ratings in SHAPE, where user 11 and item 8 do nothing."""
    random = np.random.default_rng(seed)
    pairs = random.choice(11 * 8, m, replace=repeats)
    values = random.integers(1, 6, m).astype(np.float32)
    weights = np.where(values >= 4, 1.0, np.where(values <= 2, -1.0, 0.0)).astype(np.float32)
    times = np.sort(random.integers(0, 30, m)) * DAY
    return Log((pairs // 8).astype(np.int32), (pairs % 8).astype(np.int32), values, weights, times)


def constant(log, value=1.0):
    ones = np.full(len(log), value, np.float32)
    return Log(log.users, log.items, ones, np.ones_like(ones), log.times)


def log_of(*events):
    """Events as (user, item, value, weight, time)."""
    columns = list(zip(*events, strict=True)) or [()] * 5
    kinds = (np.int32, np.int32, np.float32, np.float32, np.float64)
    return Log(*(np.array(c, kind) for c, kind in zip(columns, kinds, strict=True)))


EMPTY = log_of()


def to_dense(table):
    dense = np.zeros((len(table), SHAPE[1]))
    row = np.repeat(np.arange(len(table)), np.diff(table.indptr))
    dense[row, table.rows] = table.weights
    return dense


def catalogue(titles, categories=None, released=None):
    n = len(titles)
    table = np.zeros((n, 0)) if categories is None else np.array(categories)
    return Catalogue(
        ids=IdIndex.of([f"{i:04d}" for i in range(n)]),
        titles=Texts.of(titles),
        categories=table.astype(np.uint8),
        category_names=tuple(f"c{c}" for c in range(table.shape[1])),
        released=np.array([np.nan] * n if released is None else released, np.float32),
        available=np.ones(n, np.bool_),
        providers=np.full(n, -1, np.int32),
        provider_names=Texts.of([]),
    )
