import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.live_events import ClickResult, compute_overlap, print_result

LISTS = st.permutations([*"abcdefghij"])


@given(one=LISTS, other=LISTS)
def test_the_overlap_of_lists_is_a_share_and_symmetric(one, other):
    overlap = compute_overlap(one, other)
    assert 0 <= overlap <= 1 + 1e-9
    assert overlap == pytest.approx(compute_overlap(other, one))
    assert compute_overlap(one, one) == pytest.approx(1.0)


def test_the_head_of_a_list_counts_more_than_its_end():
    whole, swapped_first, swapped_last = [*"abcdefghij"], [*"bacdefghij"], [*"abcdefghji"]
    assert compute_overlap(whole, swapped_first) < compute_overlap(whole, swapped_last) < 1
    assert compute_overlap(whole, [*"klmnopqrst"]) == 0
    assert compute_overlap([], []) == 1


def test_the_result_counts_degraded_lists_apart(capsys):
    clicks = [
        ClickResult(is_gone=True, is_changed=n > 0, overlap=0.5, is_whole=n > 1) for n in range(4)
    ]
    clicks += [
        ClickResult(is_gone=False, is_changed=True, overlap=0.5, is_whole=w) for w in (0, 1, 1)
    ]
    print_result(clicks, [0.01, 0.02], 3)
    output = capsys.readouterr().out
    assert "57.1%" in output
    assert "85.7%" in output
    assert re.search(r"clock cut short\D*3\D", output)
    assert re.search(r"lists with the clicked item\D*2\D", output)
    assert "15 ms" in output
