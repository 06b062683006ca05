"""Copy the bundle in service to an object store, and from there to a machine that serves it."""

import re
import secrets
from pathlib import Path
from typing import Any

import orjson

from app.bundle.activation import changing_bundles, switch_to
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import (
    CHECKSUM,
    MANIFEST,
    BundleError,
    parse_manifest,
    read_manifest,
)
from app.bundle.pointer import POINTER, current_version
from app.bundle.stored_bundles import BUNDLES_FOLDER
from app.bundle.verification import verify_files
from offline.bundle_store.object_store import BundleStoreError, ObjectStore, object_name
from offline.publish.versions import draft_folder, remove_old_bundles

PULLED = "pulled"  # the file that names the version that pull has put into service last
PLAIN_NAME = re.compile(r"\w[\w.-]*")  # no folder, nothing hidden


def push_current(out: Path, store: ObjectStore, keep: int, *, again: bool = False) -> str | None:
    """Upload the bundle in service, then name it in ``current`` of the store.

    Files that are there with the same size are not sent again, unless ``again`` is set: a published
    file never changes. The newest ``keep`` bundles stay in the store.

    Returns:
        The version; None if the store names it already and has all its files.

    Raises:
        BundleError: there is no bundle, or it is damaged. Nothing is sent.
        BundleStoreError: the store does not confirm it.
    """
    folder = find_current_bundle(out)
    manifest = parse_manifest(folder)
    files = [name for name in (*manifest.files, CHECKSUM, MANIFEST) if (folder / name).is_file()]
    stored = {} if again else store.sizes(folder.name)
    lacking = [name for name in files if stored.get(name) != (folder / name).stat().st_size]
    if not lacking and store.current() == folder.name:
        return None
    verify_files(folder, manifest)
    for name in lacking:  # the manifest last
        store.write(object_name(folder.name, name), folder / name)
    store.write(POINTER, f"{folder.name}\n".encode())
    for version in store.versions()[:-keep]:
        if version != folder.name:
            store.delete(version)
    return folder.name


def pull_current(store: ObjectStore, out: Path, keep: int, *, only_new: bool = False) -> str | None:
    """Download the bundle that ``current`` of the store names, and put it into service.

    Every file is compared with its SHA-256 before the bundle gets its name. A bundle that this
    version cannot serve is not put into service.

    Args:
        store: has the bundle.
        out: the folder of bundles.
        keep: how many bundles stay in it.
        only_new: do nothing if this bundle was pulled last. Another one may have been put into
            service here since, by a rollback.

    Returns:
        The version; None if there is nothing to do.

    Raises:
        BundleStoreError: the store does not answer, or the bundle is damaged or cannot be served
            here. Nothing changes.
    """
    version = store.current()
    if version is None:
        raise BundleStoreError(
            f"{store.url} has no {POINTER}: run `recfunnel push --to {store.url}` where you train"
        )
    _require_plain(version, store)
    folder, current = out / BUNDLES_FOLDER / version, current_version(out)
    if current is not None and (out / BUNDLES_FOLDER / current).is_dir():
        if current == version:
            _remember(out, version)
            return None
        if only_new and version == _pulled_last(out):
            return None
    if folder.is_dir():
        with changing_bundles(out):
            _verify_stored(folder)
            _put_into_service(folder, keep)
        return version
    with draft_folder(out, f"{version}-{secrets.token_hex(4)}") as draft:
        _download(store, version, draft / version)
        with changing_bundles(out):
            (draft / version).rename(folder)
            _put_into_service(folder, keep)
        draft.rmdir()
    return version


def _put_into_service(folder: Path, keep: int) -> None:
    """Put a verified bundle into service, and remove old ones; the caller holds the lock."""
    out = folder.parent.parent
    switch_to(folder)
    _remember(out, folder.name)
    remove_old_bundles(out, keep, folder.name)


def _pulled_last(out: Path) -> str | None:
    try:
        return (out / PULLED).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


def _remember(out: Path, version: str) -> None:
    if _pulled_last(out) != version:
        (out / PULLED).write_text(f"{version}\n")


def _verify_stored(folder: Path) -> None:
    """Check a bundle that is here already.

    Raises:
        BundleStoreError: it is damaged, or this version cannot serve it.
    """
    try:
        verify_files(folder, read_manifest(folder))
    except BundleError as error:
        raise BundleStoreError(
            f"{error}. The bundle stays out of service; if its files differ, remove {folder}, and "
            "it is pulled whole"
        ) from error


def _download(store: ObjectStore, version: str, folder: Path) -> None:
    """Download a bundle into a new folder, and verify it.

    Raises:
        BundleStoreError: it is damaged, or this version cannot serve it.
    """
    folder.mkdir()
    for name in (CHECKSUM, MANIFEST):
        store.download(object_name(version, name), folder / name)
    files = _files(folder / MANIFEST, store)
    for name in files:
        _require_plain(name, store)
    try:
        manifest = read_manifest(folder)  # before the files, which may be large
        digests = {}
        for name, record in files.items():
            digests[name] = store.download(object_name(version, name), folder / name)
            if digests[name] != record["sha256"]:
                raise BundleStoreError(
                    f"{name} of the bundle {version} in {store.url} is damaged: {_again(store)}"
                )
        verify_files(folder, manifest, digest=lambda path: digests[path.name])
    except BundleError as error:
        reason = str(error).replace(f"{folder}/", "")  # a new name each time: logs would repeat it
        raise BundleStoreError(
            f"the bundle {version} in {store.url} cannot be served here: {reason}"
        ) from error


def _again(store: ObjectStore) -> str:
    return f"run `recfunnel push --again --to {store.url}` where you train"


def _files(path: Path, store: ObjectStore) -> dict[str, Any]:
    try:
        files: dict[str, Any] = orjson.loads(path.read_bytes())["files"]
        return {name: {"sha256": record["sha256"]} for name, record in files.items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise BundleStoreError(
            f"{MANIFEST} of a bundle in {store.url} is damaged: {_again(store)}"
        ) from None


def _require_plain(name: str, store: ObjectStore) -> None:
    if not PLAIN_NAME.fullmatch(name):
        raise BundleStoreError(f"{store.url} names {name!r}, which is no name of a bundle or file")
