"""What the chaos test says of a fault, and the damage that it does."""

import math

from benchmarks.chaos.__main__ import COLUMNS, row_of, write_markdown
from benchmarks.chaos.faults import flip_bit
from benchmarks.chaos.load import FaultTally
from benchmarks.chaos.run import FaultResult


def result(**fields):
    tally = FaultTally(lists=9, degraded=2, refused=1, acknowledged={"a", "b"})
    return FaultResult("a fault", tally, fields.pop("recovery", 1.25), **fields)


def test_nothing_lost_doubled_or_shown_and_whole_again_is_sound():
    assert result().is_sound
    assert not result(lost=1).is_sound
    assert not result(doubled=1).is_sound
    assert not result(recovery=math.inf).is_sound
    shown = result()
    shown.tally.forbidden = 1
    assert not shown.is_sound


def test_a_row_has_a_cell_for_each_column(tmp_path):
    one = result(lost=3)
    one.tally.count_failure("no answer")
    row = row_of(one)
    expected = ("a fault", "9", "2", "1", "1 no answer", "0", "2", "3", "0", "1.2 s")
    assert row == expected
    assert len(row) == len(COLUMNS)
    write_markdown([one], tmp_path / "table.md")
    assert (tmp_path / "table.md").read_text().splitlines()[2].startswith("| a fault | 9 |")


def test_one_bit_of_a_file_is_changed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcde")
    flip_bit(path)
    assert path.read_bytes() == b"abbde"
