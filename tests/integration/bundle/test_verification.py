"""A bundle's files are verified once a machine, and again when they were written to."""

import ctypes
import mmap
import os
import shutil

import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import BundleError, file_sha256, read_manifest
from app.bundle.verification import record_path, verify_files, verify_files_once
from offline.publish.versions import remove_old_bundles
from tests.serving import until


@pytest.fixture
def folder(out):
    return find_current_bundle(out)


def digests_of(folder, check=verify_files_once):
    """Return the names of the files that a check reads."""
    names = []

    def compute(path):
        names.append(path.name)
        return file_sha256(path)

    check(folder, read_manifest(folder), digest=compute)
    return names


def test_only_the_first_check_reads_every_file(folder):
    assert set(digests_of(folder)) == set(read_manifest(folder).files)
    assert digests_of(folder) == []
    load_bundle(folder)


def evict(path):
    """Have the system forget the pages of a file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_in_memory(path):
    """Whether all pages of the file can be read without waiting for the disk."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        states = (ctypes.c_ubyte * -(-len(mapped) // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(mapped)
        size = ctypes.c_size_t(len(mapped))
        assert ctypes.CDLL(None).mincore(ctypes.byref(start), size, states) == 0
        del start
        return all(state & 1 for state in states)


def test_files_that_were_verified_before_are_read_ahead_from_the_disk(folder):
    names = digests_of(folder)
    for name in names:
        evict(folder / name)
    assert digests_of(folder) == []
    until(lambda: all(is_in_memory(folder / name) for name in names))


def test_a_file_that_was_written_to_is_read_again_and_refused(folder):
    load_bundle(folder)
    path = folder / "factors.items.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match=r"factors\.items\.npy is corrupt"):
        load_bundle(folder)
    path.write_bytes(content)
    assert digests_of(folder) == ["factors.items.npy"]


def test_a_file_whose_old_time_was_set_back_is_read_again(folder):
    load_bundle(folder)
    path = folder / "factors.items.npy"
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(BundleError, match="is corrupt"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"manifest": 3}', '{"manifest": "0", "files": {}}'])
def test_a_damaged_or_foreign_record_is_replaced(folder, text):
    load_bundle(folder)
    record = record_path(folder)
    sound = record.read_bytes()
    record.write_text(text)
    assert set(digests_of(folder)) == set(read_manifest(folder).files)
    assert record.read_bytes() == sound


def test_a_missing_or_unlisted_file_is_refused_although_the_rest_was_verified(folder):
    load_bundle(folder)
    (folder / "more.npy").touch()
    with pytest.raises(BundleError, match="does not list"):
        load_bundle(folder)
    (folder / "more.npy").unlink()
    (folder / "factors.items.npy").unlink()
    with pytest.raises(BundleError, match="is missing"):
        load_bundle(folder)


def test_without_a_place_for_the_record_the_bundle_is_verified_each_time(folder):
    shutil.rmtree(record_path(folder).parent, ignore_errors=True)
    record_path(folder).parent.write_text("a file where the folder would be")
    for _ in range(2):
        assert set(digests_of(folder)) == set(read_manifest(folder).files)


def test_a_full_check_reads_every_file_whatever_was_verified(folder):
    load_bundle(folder)
    assert set(digests_of(folder, verify_files)) == set(read_manifest(folder).files)


def test_the_record_of_a_removed_bundle_is_removed(folder):
    load_bundle(folder)
    assert remove_old_bundles(folder.parent.parent, 0, None) == [folder.name]
    assert not record_path(folder).exists()
