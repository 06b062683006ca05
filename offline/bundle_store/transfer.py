"""Copy the bundle in service to an object store, and from there to a machine that serves it."""

import re
import secrets
from pathlib import Path
from typing import Any

import orjson

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import CHECKSUM, MANIFEST, parse_manifest
from app.bundle.pointer import POINTER, current_version
from app.bundle.stored_bundles import BUNDLES_FOLDER
from app.bundle.verification import verify_files
from offline.bundle_store.object_store import BundleStoreError, ObjectStore, object_name
from offline.publish.versions import draft_folder, remove_old_bundles

PLAIN_NAME = re.compile(r"\w[\w.-]*")  # no folder, nothing hidden


def push_current(out: Path, store: ObjectStore, keep: int) -> str | None:
    """Upload the bundle in service, then name it in ``current`` of the store.

    Files that are there with the same size are not sent again: a published file never changes. The
    newest ``keep`` bundles stay in the store.

    Returns:
        The version; None if the store names it already.

    Raises:
        BundleError: there is no bundle, or it is damaged. Nothing is sent.
        BundleStoreError: the store does not confirm it.
    """
    folder = find_current_bundle(out)
    if store.current() == folder.name:
        return None
    verify_files(folder, parse_manifest(folder))
    stored = store.sizes(folder.name)
    for path in sorted(folder.iterdir(), key=lambda each: each.name == MANIFEST):
        if stored.get(path.name) != path.stat().st_size:
            store.write(object_name(folder.name, path.name), path)
    store.write(POINTER, f"{folder.name}\n".encode())
    for version in store.versions()[:-keep]:
        if version != folder.name:
            store.delete(version)
    return folder.name


def pull_current(store: ObjectStore, out: Path, keep: int) -> str | None:
    """Download the bundle that ``current`` of the store names, and put it into service.

    Every file is compared with its SHA-256 before the bundle gets its name.

    Returns:
        The version; None if it is in service already.

    Raises:
        BundleStoreError: the store does not answer, or the bundle is damaged. Nothing changes.
    """
    version = store.current()
    if version is None:
        raise BundleStoreError(
            f"{store.url} has no {POINTER}: run `recfunnel push --to {store.url}` where you train"
        )
    if version == current_version(out):
        return None
    _require_plain(version, store)
    folder = out / BUNDLES_FOLDER / version
    if not folder.is_dir():
        with draft_folder(out, f"{version}-{secrets.token_hex(4)}") as draft:
            _download(store, version, draft)
            draft.rename(folder)
    point_to(folder)
    remove_old_bundles(out, keep, version)
    return version


def _download(store: ObjectStore, version: str, draft: Path) -> None:
    for name in (CHECKSUM, MANIFEST):
        store.download(object_name(version, name), draft / name)
    for name, record in _files(draft / MANIFEST, store).items():
        _require_plain(name, store)
        if store.download(object_name(version, name), draft / name) != record["sha256"]:
            raise BundleStoreError(
                f"{name} of the bundle {version} in {store.url} is damaged: push the bundle again"
            )


def _files(path: Path, store: ObjectStore) -> dict[str, Any]:
    try:
        files: dict[str, Any] = orjson.loads(path.read_bytes())["files"]
        return {name: {"sha256": record["sha256"]} for name, record in files.items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise BundleStoreError(
            f"{MANIFEST} of a bundle in {store.url} is damaged: push the bundle again"
        ) from None


def _require_plain(name: str, store: ObjectStore) -> None:
    if not PLAIN_NAME.fullmatch(name):
        raise BundleStoreError(f"{store.url} names {name!r}, which is no name of a bundle or file")
