"""Bundles go to servers by way of an S3 server, and nothing else reaches a server."""

import shutil
import socket

import obstore
import pytest
from obstore.store import from_url
from typer.testing import CliRunner

from app.bundle.activation import point_to, rollback
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError
from app.bundle.pointer import current_version
from app.bundle.stored_bundles import list_bundles
from offline.bundle_store.object_store import BundleStoreError, ObjectStore
from offline.bundle_store.transfer import PULLED, pull_current, push_current
from offline.cli import app as cli
from tests.bundles import edit_manifest
from tests.s3_server import KEY, s3_server
from tests.serving import hosted, leisurely, until


@pytest.fixture(scope="module")
def server():
    with s3_server() as one:
        yield one


@pytest.fixture
def url(server, monkeypatch):
    """A folder of a bucket, and the environment by which programs reach it."""
    server.objects.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "known-to-nobody")
    return "s3://bucket/recs"


@pytest.fixture
def store(url):
    return ObjectStore.open(url)


def another_version(out, day):
    """Make a later bundle of the one that is there, and put it into service."""
    folder = shutil.copytree(find_current_bundle(out), out / "bundles" / "copy")
    folder = edit_manifest(folder, version=f"209912{day:02}T000000Z", created=4.1e9 + day)
    point_to(folder)
    return folder.name


def test_a_server_follows_what_was_trained_on_another_machine(
    store, out, trained, tmp_path, redis_url
):
    trainer = tmp_path / "trainer"
    shutil.copytree(trained / "bundles", trainer / "bundles")
    shutil.copy(trained / "current", trainer)
    first = push_current(trainer, store, keep=5)
    assert first == current_version(trainer) == store.current()
    assert push_current(trainer, store, keep=5) is None
    settings = leisurely(
        out=tmp_path / "server", state=tmp_path / "state", redis_url=redis_url, reload_seconds=0.05
    )
    assert pull_current(store, settings.out, keep=5) == first
    assert pull_current(store, settings.out, keep=5) is None
    with hosted(settings) as served:
        assert served.client.get("/readyz").json()["bundle"] == first
        second = another_version(trainer, 1)
        push_current(trainer, store, keep=5)
        assert pull_current(store, settings.out, keep=5) == second
        until(lambda: served.client.get("/readyz").json()["bundle"] == second)
        point_to(trainer / "bundles" / first)  # a rollback on the trainer
        assert push_current(trainer, store, keep=5) == first
        assert pull_current(store, settings.out, keep=5) == first
        until(lambda: served.client.get("/readyz").json()["bundle"] == first)
        assert served.client.get("/readyz").json()["refused"] is None


def test_old_bundles_leave_the_store_and_the_machine_and_the_one_in_service_stays(
    store, out, tmp_path
):
    versions = [push_current(out, store, keep=1)]
    pull_current(store, tmp_path / "s", keep=1)
    versions.append(another_version(out, 1))
    push_current(out, store, keep=1)
    assert store.versions() == versions[-1:]
    pull_current(store, tmp_path / "s", keep=1)
    assert [each.version for each in list_bundles(tmp_path / "s")] == versions[-1:]
    point_to(out / "bundles" / versions[0])
    push_current(out, store, keep=1)  # a rollback: the older one is in service
    assert store.versions() == versions


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("users.times.npy", b"other", "users.times.npy of the bundle .* is damaged"),
        ("users.times.npy", None, "lacks bundles/.*/users.times.npy"),
        ("manifest.json", b"[]", "manifest.json of a bundle .* is damaged"),
        ("manifest.json", b'{"files": {"../x": {"sha256": ""}}}', "no name of a bundle or file"),
    ],
)
def test_a_damaged_bundle_is_not_put_into_service(
    url, store, out, tmp_path, name, content, sentence
):
    version = push_current(out, store, keep=5)
    raw, path = from_url(url), f"bundles/{version}/{name}"
    if content is None:
        obstore.delete(raw, path)
    else:
        obstore.put(raw, path, content)
    with pytest.raises(BundleStoreError, match=sentence):
        pull_current(store, tmp_path / "s", keep=5)
    assert current_version(tmp_path / "s") is None
    assert list((tmp_path / "s" / "bundles").iterdir()) == []


def test_what_the_store_lost_is_pushed_again_and_what_it_has_wrong_on_request(
    url, store, out, tmp_path
):
    version, raw = push_current(out, store, keep=5), from_url(url)
    obstore.delete(raw, f"bundles/{version}/users.times.npy")
    assert push_current(out, store, keep=5) == version
    assert push_current(out, store, keep=5) is None
    size = store.sizes(version)["users.times.npy"]
    obstore.put(raw, f"bundles/{version}/users.times.npy", b"x" * size)
    assert push_current(out, store, keep=5) is None
    with pytest.raises(BundleStoreError, match="run `recfunnel push --again --to s3://"):
        pull_current(store, tmp_path / "s", keep=5)
    assert push_current(out, store, keep=5, again=True) == version
    assert pull_current(store, tmp_path / "s", keep=5) == version


def test_a_rollback_here_stays_until_the_store_names_another_bundle(store, out, tmp_path):
    server = tmp_path / "s"
    first = push_current(out, store, keep=5)
    assert pull_current(store, server, keep=5, only_new=True) == first
    second = another_version(out, 1)
    push_current(out, store, keep=5)
    assert pull_current(store, server, keep=5, only_new=True) == second
    rollback(server)
    assert pull_current(store, server, keep=5, only_new=True) is None
    assert current_version(server) == first
    assert pull_current(store, server, keep=5) == second  # on request, once
    rollback(server)
    shutil.rmtree(server / "bundles" / first)  # nothing is in service
    assert pull_current(store, server, keep=5, only_new=True) == second
    assert (server / PULLED).read_text().strip() == second


def test_a_bundle_that_is_here_is_verified_before_it_is_put_into_service(store, out, tmp_path):
    server = tmp_path / "s"
    first = push_current(out, store, keep=5)
    pull_current(store, server, keep=5)
    second = another_version(out, 1)
    push_current(out, store, keep=5)
    pull_current(store, server, keep=5)
    point_to(out / "bundles" / first)
    push_current(out, store, keep=5)
    path = server / "bundles" / first / "users.times.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleStoreError, match=r"SHA-256 differs.* stays out of service"):
        pull_current(store, server, keep=1)
    assert current_version(server) == second
    assert len(list_bundles(server)) == 2


def test_a_bundle_that_this_version_cannot_serve_is_not_put_into_service(store, out, tmp_path):
    server = tmp_path / "s"
    first = push_current(out, store, keep=5)
    pull_current(store, server, keep=5)
    folder = shutil.copytree(find_current_bundle(out), out / "bundles" / "copy")
    point_to(edit_manifest(folder, version="20991201T000000Z", view="of-another-version"))
    push_current(out, store, keep=5)
    with pytest.raises(BundleStoreError, match=r"served here: manifest\.json .*train again"):
        pull_current(store, server, keep=1)
    assert [each.version for each in list_bundles(server)] == [first] == [current_version(server)]


def test_an_upload_that_was_interrupted_is_finished_and_only_then_named(url, store, out):
    version, raw = find_current_bundle(out).name, from_url(url)
    obstore.put(raw, f"bundles/{version}/users.times.npy", b"half")
    assert store.current() is None
    assert push_current(out, store, keep=5) == version
    assert store.sizes(version)["users.times.npy"] > 4


def test_a_damaged_bundle_is_not_pushed(store, out):
    path = find_current_bundle(out) / "users.times.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        push_current(out, store, keep=5)
    assert store.versions() == []


@pytest.mark.parametrize("version", ["../../etc", ".hidden", "a/b", ""])
def test_a_pointer_to_anything_but_a_bundle_is_refused(url, store, tmp_path, version):
    obstore.put(from_url(url), "current", version.encode())
    with pytest.raises(BundleStoreError, match="no name of a bundle"):
        pull_current(store, tmp_path / "s", keep=5)


def test_faults_of_the_store_are_sentences_without_keys(url, store, out, tmp_path, monkeypatch):
    with pytest.raises(BundleStoreError, match="has no current: run `recfunnel push"):
        pull_current(store, tmp_path / "s", keep=5)
    for wrong in ("s3://key:secret@bucket/a", "s3://bucket/a?x=secret"):
        with pytest.raises(BundleStoreError, match="set AWS_ACCESS_KEY_ID") as raised:
            ObjectStore.open(wrong)
        assert "secret" not in str(raised.value).replace("AWS_SECRET_ACCESS_KEY", "")
    with pytest.raises(BundleStoreError, match="cannot be a store of bundles"):
        ObjectStore.open("ftp://bucket/a")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    absent = from_url(
        "s3://bucket/a",
        endpoint=f"http://127.0.0.1:{port}",
        retry_config={"max_retries": 0},
    )
    with pytest.raises(BundleStoreError, match="check the bucket, the network") as raised:
        push_current(out, ObjectStore("s3://bucket/a", absent), keep=5)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    with pytest.raises(BundleStoreError, match="the keys of access in the environment") as raised:
        push_current(out, ObjectStore.open(url), keep=5)
    assert "AKIA" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_commands_say_what_they_did(url, out, tmp_path):
    def typed(*arguments):
        return CliRunner().invoke(cli, [*map(str, arguments)])

    pushed = typed("push", "--to", url, "--out", out)
    assert (pushed.exit_code, "is pushed to s3://" in pushed.output) == (0, True), pushed.output
    pulled = typed("pull", "--from", url, "--out", tmp_path / "s")
    assert (pulled.exit_code, "is pulled from" in pulled.output) == (0, True), pulled.output
    assert "Nothing is new" in typed("pull", "--from", url, "--out", tmp_path / "s").output
    refused = typed("pull", "--from", f"{url}/other", "--out", tmp_path / "t")
    assert (refused.exit_code, "recfunnel push" in refused.output) == (1, True)
