"""The files of bundles break: the last good bundle is served, and the service says so."""

import os
import shutil

import pytest

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle
from app.bundle.stored_bundles import list_fallbacks
from app.settings import Settings
from tests.bundles import edit_manifest
from tests.serving import hosted, leisurely, running, until

DAMAGED = "factors.items.npy"


@pytest.fixture
def two_bundles(out):
    """The current bundle, and an older one that was in service before."""
    current = find_current_bundle(out)
    older = shutil.copytree(current, current.with_name("older"))
    older = edit_manifest(older, version="20200101T000000Z", created=1.6e9)
    return current, older


def damage(folder):
    path = folder / DAMAGED
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return content


def serving(out, redis_url):
    return hosted(leisurely(out=out, redis_url=redis_url, reload_seconds=0.05))


def health(service):
    return service.client.get("/readyz").json()


def test_a_damaged_bundle_at_start_makes_the_last_good_one_the_fallback_until_it_is_restored(
    two_bundles, redis_url, out, caplog
):
    current, older = two_bundles
    whole = damage(current)
    with serving(out, redis_url) as service:
        assert len(service.recommend("u1")["items"]) == 10
        state = health(service)
        assert (state["bundle"], state["fallback"]) == (older.name, True)
        assert f"{DAMAGED} is corrupt" in state["refused"]
        assert "recfunnel_bundle_fallback 1.0" in service.client.get("/metrics").text
        assert f"the last good bundle {older.name} is served instead" in caplog.text
        (current / DAMAGED).write_bytes(whole)
        until(lambda: health(service)["bundle"] == current.name)
        assert health(service)["fallback"] is False
        assert health(service)["refused"] is None


def test_a_bundle_of_an_unknown_format_is_refused_while_the_last_good_one_is_served(
    two_bundles, redis_url, out
):
    current, older = two_bundles
    edit_manifest(current, format=99)
    with serving(out, redis_url) as service:
        state = health(service)
        assert (state["bundle"], state["fallback"]) == (older.name, True)
        assert "has format 99, this service reads 2 to 4: train again" in state["refused"]


def test_a_private_copy_that_is_damaged_is_replaced_by_the_published_files(redis_url, out):
    copy = Settings(out=out).private_folder / "bundles" / find_current_bundle(out).name
    with serving(out, redis_url) as service:
        assert {path.stat().st_mode & 0o777 for path in copy.iterdir()} == {0o400}
        assert copy.parent.parent.stat().st_mode & 0o777 == 0o700
        (copy / DAMAGED).unlink()
        until(lambda: not copy.exists())
        assert len(service.recommend("u1")["items"]) == 10
        assert health(service)["refused"] is None


def test_published_files_that_are_truncated_in_place_end_no_process(out, redis_url):
    folder = find_current_bundle(out)
    with running(out, REDIS_URL=redis_url, RECFUNNEL_RELOAD_SECONDS="0.1") as served:
        for path in folder.glob("*.npy"):
            os.truncate(path, 100)
        os.truncate(folder / "factors.faiss", 0)
        until(
            lambda: (
                "Its private copy is served" in (served.answers("/readyz").json()["refused"] or "")
            )
        )
        for n in range(20):
            assert not served.recommend(f"u{n}")["degraded"]
    assert served.process.returncode == 0
    with running(out, REDIS_URL=redis_url) as served:  # a restart serves the copy too
        assert len(served.recommend("u1")["items"]) == 10


def test_without_a_pointer_the_newest_bundle_is_the_fallback(two_bundles, redis_url, out):
    current, older = two_bundles
    (out / "current").unlink()
    assert list_fallbacks(out) == [current, older]
    with serving(out, redis_url) as service:
        assert (health(service)["bundle"], health(service)["fallback"]) == (current.name, True)
        assert "there is no bundle in" in health(service)["refused"]
        point_to(current)  # the bundle that is served already is no fallback any more
        until(lambda: health(service)["fallback"] is False)
        assert health(service)["refused"] is None
        assert "recfunnel_bundle_fallback 0.0" in service.client.get("/metrics").text
