"""What every model promises that fits a table from item to items."""

from dataclasses import replace

import numpy as np
import pytest

from offline.models.item_cf import fit_item_cf
from offline.models.registry import RECALL_MODELS, RecallConfig
from offline.models.user_cf import first_per_owner
from tests.unit.models.logs import EMPTY, SHAPE, log_of, random_log, to_dense

CASES = {
    name: (model.fit_table, getattr(RecallConfig(), name))
    for name, model in RECALL_MODELS.items()
    if model.fit_table
}
for similarity in ("adjusted_cosine", "bm25"):
    CASES[similarity] = (fit_item_cf, replace(RecallConfig().item_cf, similarity=similarity))


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_only_the_best_are_kept_best_first_and_never_the_item_itself(case):
    fit, config = case
    log = random_log(1)
    whole = to_dense(fit(log, SHAPE, config))
    table = fit(log, SHAPE, replace(config, neighbours=2))
    for item in range(SHAPE[1]):
        span = slice(table.indptr[item], table.indptr[item + 1])
        best = sorted((-whole[item, j], j) for j in np.flatnonzero(whole[item]))[:2]
        assert table.rows[span].tolist() == [j for _, j in best]
        assert item not in table.rows[span]
    assert len(table.rows)
    assert (table.weights > 0).all()


def test_small_blocks_give_the_same_bits_as_one(case):
    fit, config = case
    whole, blocks = (fit(random_log(2), SHAPE, config, *block) for block in ((), (3,)))
    for column in ("indptr", "rows", "weights"):
        assert getattr(blocks, column).tobytes() == getattr(whole, column).tobytes()


@pytest.mark.parametrize("log", [EMPTY, log_of((0, 0, 5, 1, 0)), log_of((0, 0, 1, -1, 0))])
def test_where_no_two_items_meet_every_item_is_alone(case, log):
    fit, config = case
    table = fit(log, SHAPE, config)
    assert (len(table), len(table.rows)) == (SHAPE[1], 0)
    assert (table.indptr.dtype, table.rows.dtype, table.weights.dtype) == ("i8", "i4", "f4")


def test_a_catalogue_of_nothing_has_an_empty_table(case):
    fit, config = case
    assert len(fit(EMPTY, (0, 0), config)) == 0


def test_first_keeps_the_head_of_each_run():
    assert first_per_owner(np.array([0, 0, 0, 2, 3, 3]), 2).tolist() == [0, 1, 3, 4, 5]
    assert first_per_owner(np.empty(0, np.int64), 2).tolist() == []
