"""A bundle that is copied to another machine, files first and ``current`` last."""

import shutil

from app.bundle.bundle import find_current_bundle
from app.bundle.pointer import POINTER
from tests.bundles import edit_manifest
from tests.conftest import copy_trained
from tests.serving import hosted, leisurely, until


def test_a_service_follows_a_copy_that_arrives_file_by_file_and_refuses_nothing(
    out, trained, tmp_path, redis_url
):
    away = copy_trained(trained, tmp_path / "trainer")
    folder = shutil.copytree(find_current_bundle(away), away / "bundles" / "next")
    new = edit_manifest(folder, version="20261201T000000Z").name
    settings = leisurely(
        out=out, state=tmp_path / "state", redis_url=redis_url, reload_seconds=0.02
    )
    with hosted(settings) as served:
        old = served.client.get("/readyz").json()["bundle"]
        target = out / "bundles" / new
        target.mkdir()
        for path in sorted((away / "bundles" / new).iterdir(), reverse=True):  # the manifest early
            shutil.copyfile(path, target / path.name)
        assert served.client.get("/readyz").json()["bundle"] == old
        (away / POINTER).write_text(new)
        shutil.copyfile(away / POINTER, out / ".current")
        (out / ".current").rename(out / POINTER)  # as rsync does it
        until(lambda: served.client.get("/readyz").json()["bundle"] == new)
        assert served.client.get("/readyz").json()["refused"] is None
        assert "recfunnel_bundle_refused_total 0.0" in served.client.get("/metrics").text
        assert (tmp_path / "state" / "private" / "bundles" / new).is_dir()
