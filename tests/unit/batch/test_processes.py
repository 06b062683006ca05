"""Processes that compute lists: how their errors reach the command, and which bundle they use."""

from concurrent.futures.process import BrokenProcessPool

import pytest

from app.bundle.manifest import BundleError
from app.settings import Settings
from offline.batch.batch_lists import BatchOptions
from offline.batch.processes import (
    ListWork,
    chunks_of,
    compute_chunk,
    list_computation,
    start_process,
)
from offline.errors import CommandError


@pytest.fixture
def work(tmp_path):
    settings = Settings(out=tmp_path, redis_url="redis://127.0.0.1:1")
    return ListWork(settings, BatchOptions(), tmp_path / "bundles" / "first", skip_erased=True)


def test_a_process_fails_with_its_first_lists_and_not_before(work):
    start_process(work)  # an error here would break the pool, and be a traceback
    with pytest.raises(BundleError, match="first"):
        compute_chunk(["u1"])


def test_all_processes_use_the_bundle_of_the_run_whatever_is_published(work):
    (work.settings.out / "bundles" / "second").mkdir(parents=True)
    (work.settings.out / "current").write_text("second")
    start_process(work)
    with pytest.raises(BundleError, match="first"):
        compute_chunk(["u1"])
    with pytest.raises(BundleError, match="first"), list_computation(work, 1):
        pass


def test_a_process_that_was_killed_is_a_sentence(work):
    with pytest.raises(CommandError, match="run the command again with fewer --processes"):  # noqa: SIM117
        with list_computation(work, 2):
            raise BrokenProcessPool


def test_users_are_split_into_chunks_in_their_order():
    users = [str(n) for n in range(250)]
    chunks = chunks_of(users)
    assert [len(chunk) for chunk in chunks] == [100, 100, 50]
    assert [user for chunk in chunks for user in chunk] == users
