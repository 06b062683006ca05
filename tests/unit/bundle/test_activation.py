"""One change at a time of what is in service."""

import threading

import pytest

from app.bundle.activation import LOCK, can_activate, changing_bundles, point_to, rollback
from app.bundle.manifest import BundleError
from app.bundle.pointer import current_version
from app.bundle.stored_bundles import service_history, was_in_service


@pytest.fixture
def out(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / "bundles" / name).mkdir(parents=True)
    return tmp_path


def test_a_bundle_comes_into_service_only_after_the_change_before(out):
    point_to(out / "bundles" / "a")
    waiting = threading.Thread(target=point_to, args=(out / "bundles" / "b",))
    with changing_bundles(out):
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert current_version(out) == "a"
    waiting.join(20)
    assert service_history(out) == ["a", "b"]


def test_a_rollback_does_not_wait_for_ever(out):
    with changing_bundles(out), pytest.raises(BundleError, match=r"another process .* try again"):
        rollback(out, "a", patience=0)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"there is no bundle in .*absent: run `recfunnel train"):
        rollback(tmp_path / "absent", "a")
    assert not can_activate(tmp_path / "absent")
    assert can_activate(tmp_path)


def test_changes_at_the_same_moment_leave_two_whole_files_that_agree(out):
    start, names = threading.Barrier(3), ("a", "b", "c")

    def change(name):
        start.wait()
        for _ in range(3):
            point_to(out / "bundles" / name)

    threads = [threading.Thread(target=change, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (out / "history").read_text().split()[-1] == current_version(out)
    assert was_in_service(out, current_version(out))
    assert not was_in_service(out, None)
    assert sorted(path.name for path in out.iterdir()) == [
        LOCK,
        *("bundles", "current", "history"),
    ]
