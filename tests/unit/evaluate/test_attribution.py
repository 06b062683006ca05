from dataclasses import replace

import numpy as np
import pytest

from offline.evaluate.attribution import FunnelTrace, attribute
from offline.evaluate.rowsets import RowSets


def sets(*rows):
    return RowSets.of([np.array(r, np.int64) for r in rows])


RELEVANT = sets([1, 2, 3, 4], [7], [])
TRACE = FunnelTrace(
    channels={"item_cf": sets([1, 2, 9], [8], [1]), "content": sets([2, 3], [7, 8], [])},
    merged=sets([1, 2, 3, 9], [7, 8], [1]),
    coarse=sets([1, 2, 9], [7, 8], [1]),
    fine=sets([1, 9], [7], []),
    final=sets([9, 1], [], []),
)


def test_each_channel_is_credited_with_its_hits_and_its_unique_hits():
    channels = attribute(TRACE, RELEVANT, k=2)["channels"]
    assert (channels["item_cf"]["own"], channels["item_cf"]["unique"]) == (
        (2 / 4 + 0) / 2,
        1 / 4 / 2,
    )
    assert channels["content"]["own"] == (2 / 4 + 1) / 2
    assert channels["content"]["unique"] == (1 / 4 + 1) / 2


def test_what_is_left_after_each_cut_is_a_mean_over_users_with_relevant_items():
    cuts = attribute(TRACE, RELEVANT, k=2)["cuts"]
    assert [cut["stage"] for cut in cuts] == ["recall", "coarse", "fine", "final"]
    assert [cut["alive"] for cut in cuts] == [
        (3 / 4 + 1) / 2,
        (2 / 4 + 1) / 2,
        (1 / 4 + 1) / 2,
        1 / 8,
    ]
    assert [cut["size"] for cut in cuts] == [3.0, 2.5, 1.5, 1.0]


def test_the_oracle_orders_what_is_left_perfectly():
    recall, coarse, fine, final = attribute(TRACE, RELEVANT, k=2)["cuts"]
    one_of_two = 1 / (1 + 1 / np.log2(3))
    assert recall["oracle_ndcg"] == coarse["oracle_ndcg"] == 1.0
    assert fine["oracle_ndcg"] == pytest.approx((one_of_two + 1) / 2)
    assert final["oracle_ndcg"] == pytest.approx(one_of_two / 2)


def test_a_list_has_room_for_so_many_of_what_is_left_and_no_more():
    fine = sets([1, 2, 3], [7], [])
    trace = replace(TRACE, fine=fine)
    assert attribute(trace, RELEVANT, k=2)["room"] == (2 / 4 + 1) / 2
    assert attribute(trace, RELEVANT, k=9)["room"] == (3 / 4 + 1) / 2


def test_stages_of_other_users_are_refused():
    with pytest.raises(ValueError, match="traced for the same 2 users"):
        attribute(TRACE, sets([1], [2]), k=2)


def test_without_a_relevant_item_nothing_can_be_attributed():
    with pytest.raises(ValueError, match="no user has a relevant item"):
        attribute(TRACE, sets([], [], []), k=2)
