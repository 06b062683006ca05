"""Arrays over mapped files take rows and writes without a copy, and never change the file."""

import gc
import pathlib
import sys

import numpy as np
import pytest

from app.copy_on_write import extend_columns, extend_rows

ROWS = np.arange(40_000, dtype=np.float32).reshape(5_000, 8)


@pytest.fixture
def mapped(tmp_path):
    def save(array):
        np.save(tmp_path / "array.npy", array)
        return np.asarray(np.load(tmp_path / "array.npy", mmap_mode="r"))

    return save


@pytest.fixture(params=["mapped", "in memory"])
def given(request, mapped):
    return mapped if request.param == "mapped" else np.copy


@pytest.mark.parametrize("rows", [ROWS, ROWS[:, 0], ROWS[:1], ROWS[:0], ROWS.astype(np.uint8)])
@pytest.mark.parametrize("more", [0, 3, 3_000])
def test_new_rows_follow_those_of_the_array(given, rows, more):
    array = given(rows)
    extended = extend_rows(array, len(rows) + more, 7)
    assert extended.dtype == rows.dtype
    assert extended.flags.c_contiguous
    assert np.array_equal(extended[: len(rows)], rows)
    assert (extended[len(rows) :] == 7).all()


def test_a_write_changes_neither_the_array_nor_its_file(given):
    array = given(ROWS)
    extended = extend_rows(array, 5_001)
    extended[:] = -1.0
    assert np.array_equal(array, ROWS)
    again = extend_rows(array, 5_001)
    assert np.array_equal(again[:5_000], ROWS)


def test_columns_are_stored_one_after_the_other(given):
    table = np.asfortranarray(ROWS[:, :3].T)
    array = given(table)
    extended = extend_columns(array, 5_010, np.inf)
    assert extended.flags.f_contiguous
    assert np.array_equal(extended[:, :5_000], table)
    assert np.isinf(extended[:, 5_000:]).all()
    extended[:, 0] = 5.0
    assert np.array_equal(array, table)


def test_a_view_of_a_mapped_array_keeps_its_place(mapped):
    extended = extend_rows(mapped(ROWS)[100:200], 101, 9)
    assert np.array_equal(extended[:100], ROWS[100:200])
    assert (extended[100] == 9).all()


def test_a_part_outlives_the_whole(mapped):
    part = extend_rows(mapped(ROWS), 6_000)[4_990:5_010]
    gc.collect()
    assert np.array_equal(part[:10], ROWS[4_990:])
    assert not part[10:].any()


def test_the_array_is_copied_if_its_file_was_removed(mapped, tmp_path):
    array = mapped(ROWS)
    (tmp_path / "array.npy").unlink()
    assert np.array_equal(extend_rows(array, 5_001)[:5_000], ROWS)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_only_written_pages_of_a_mapped_array_take_memory(mapped):
    def owned():
        with pathlib.Path("/proc/self/smaps_rollup").open() as report:
            sizes = dict(line.split(":") for line in report.readlines()[1:])
        return 1_024 * int(sizes["Anonymous"].split()[0])

    array = mapped(np.ones((4_000_000, 8), np.uint8))
    gc.collect()
    before = owned()
    extended = extend_rows(array, 4_000_100)
    extended[:4_000_000:400_000] = 2
    assert extended[:, 0].sum() == 4_000_010
    assert owned() - before < 8_000_000  # a copy has 32 MB
