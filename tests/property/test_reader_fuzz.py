"""Damaged files of every format raise nothing but errors with a sentence."""

import pytest

from benchmarks.fuzz_readers import fuzz, read_damaged, whole_files
from offline.data.readers import load_dataset

FILES_EACH = 150


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_read_or_answered_with_a_sentence(seed):
    failures = [failure for _, failure in fuzz(range(FILES_EACH), seed) if failure]
    assert failures == []


@pytest.mark.parametrize("name", whole_files())
def test_the_undamaged_files_are_read(tmp_path, name):
    (tmp_path / name).write_bytes(whole_files()[name])
    assert len(load_dataset(tmp_path / name).dataset.log) == 5


def test_a_number_names_a_damaged_file(tmp_path):
    assert read_damaged(tmp_path, 3, 1) == read_damaged(tmp_path, 3, 1)
