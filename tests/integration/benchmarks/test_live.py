"""What measures how live the service is, and what users weigh."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.process.embedded_server import embedded_server
from benchmarks.live_events import ClickResult, compute_overlap, print_result
from benchmarks.memory import KEYS_OF_PART, measure_bytes
from benchmarks.quality.social import with_random_arrivals
from tests.fakes import small_dataset

LISTS = st.permutations([*"abcdefghij"])


@given(one=LISTS, other=LISTS)
def test_the_overlap_of_lists_is_a_share_and_the_same_both_ways(one, other):
    found = compute_overlap(one, other)
    assert 0 <= found <= 1 + 1e-9
    assert found == pytest.approx(compute_overlap(other, one))
    assert compute_overlap(one, one) == pytest.approx(1.0)


def test_the_head_of_a_list_counts_more_than_its_end():
    swapped_first, swapped_last = list("bacdefghij"), list("abcdefghji")
    whole = list("abcdefghij")
    assert compute_overlap(whole, swapped_first) < compute_overlap(whole, swapped_last) < 1
    assert compute_overlap(whole, list("klmnopqrst")) == 0
    assert compute_overlap([], []) == 1


def test_what_was_measured_is_printed(capsys):
    clicks = [
        ClickResult(is_gone=True, is_changed=n > 0, overlap=0.5, is_whole=n > 1) for n in range(4)
    ]
    clicks += [
        ClickResult(is_gone=False, is_changed=True, overlap=0.5, is_whole=w) for w in (0, 1, 1)
    ]
    print_result(clicks, [0.01, 0.02], 3)
    told = capsys.readouterr().out
    assert "57.1%" in told
    assert "85.7%" in told
    assert re.search(r"clock cut short\D*3\D", told)
    assert re.search(r"lists with the clicked item\D*2\D", told)
    assert "15 ms" in told


async def test_a_user_is_weighed_part_by_part(tmp_path):
    with embedded_server(tmp_path) as url:
        sizes = await measure_bytes(url, users=3, events=20)
    parts = [sizes[part] for part in KEYS_OF_PART]
    assert all(size > 50 for size in parts)
    assert sizes["all, by MEMORY USAGE"] == pytest.approx(sum(parts))


def test_users_are_made_to_arrive_one_after_another():
    dataset = small_dataset()
    made = with_random_arrivals(dataset, seed=1)
    assert len(made.log) == len(dataset.log)
    assert np.all(np.diff(made.log.times) >= 0)
    assert 0 <= made.log.times[0] < made.log.times[-1] <= 1
    pairs = [sorted(zip(d.log.users, d.log.items, strict=True)) for d in (made, dataset)]
    assert pairs[0] == pairs[1]
