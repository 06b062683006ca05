"""Bundles in an object store: S3 and what is compatible with it.

A bundle is ``bundles/<version>/<file>`` below the URL, and ``current`` names the one in service.
One object is written whole or not at all, so ``current`` changes atomically. Keys of access come
from the environment, as with other programs of the store, and are in no URL and no message.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.bundle.pointer import POINTER
from app.bundle.stored_bundles import BUNDLES_FOLDER
from offline.errors import CommandError

CHUNK = 8 * 2**20  # bytes


class BundleStoreError(CommandError):
    """The object store cannot be used, or has something else than bundles."""


def object_name(version: str, file: str) -> str:
    """Return the name of a file of a bundle."""
    return f"{BUNDLES_FOLDER}/{version}/{file}"


@dataclass(frozen=True, slots=True, eq=False)
class ObjectStore:
    """Reads and writes objects below one URL. All its methods block."""

    url: str
    _store: Any  # of obstore

    @classmethod
    def open(cls, url: str) -> "ObjectStore":
        """Return the store of a URL, such as ``s3://bucket/folder``. Nothing is sent yet.

        Raises:
            BundleStoreError: the URL cannot be used.
            ModuleNotFoundError: obstore is not installed.
        """
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
        from obstore.store import from_url  # noqa: PLC0415 - an extra

        parts = urlsplit(url)
        if parts.username or parts.password or parts.query:
            raise BundleStoreError(
                f"the URL of the store {parts.scheme}://… has keys: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY in the environment, and write s3://bucket/folder"
            )
        try:
            return cls(url, from_url(url))
        except (BaseError, ValueError) as error:
            raise BundleStoreError(
                f"{url} cannot be a store of bundles ({_first_line(error)}): write "
                "s3://bucket/folder"
            ) from None

    def read(self, name: str) -> bytes | None:
        """Return an object; None if there is none of this name.

        Raises:
            BundleStoreError: the store does not answer, or refuses it.
        """
        import obstore  # noqa: PLC0415 - an extra

        try:
            return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:
            return None
        except obstore.exceptions.BaseError as error:
            raise self._error(error) from None

    def download(self, name: str, path: Path) -> str:
        """Write an object to a file; return its SHA-256.

        Raises:
            BundleStoreError: the store does not have it, does not answer, or refuses it.
        """
        import obstore  # noqa: PLC0415 - an extra

        digest = hashlib.sha256()
        try:
            with path.open("wb") as file:
                for chunk in obstore.get(self._store, name).stream(min_chunk_size=CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            raise BundleStoreError(
                f"{self.url} lacks {name}: run `recfunnel push --to {self.url}` where you train"
            ) from None
        except obstore.exceptions.BaseError as error:
            raise self._error(error) from None
        return digest.hexdigest()

    def write(self, name: str, content: bytes | Path) -> None:
        """Write an object as a whole.

        Raises:
            BundleStoreError: the store does not confirm it.
        """
        import obstore  # noqa: PLC0415 - an extra

        try:
            obstore.put(self._store, name, content)
        except (FileNotFoundError, obstore.exceptions.BaseError) as error:
            raise self._error(error) from None

    def sizes(self, version: str) -> dict[str, int]:
        """Return the bytes of each file that the store has of a bundle.

        Raises:
            BundleStoreError: the store does not answer, or refuses it.
        """
        return {
            path.rpartition("/")[2]: size
            for path, size in self._list(f"{BUNDLES_FOLDER}/{version}/").items()
        }

    def versions(self) -> list[str]:
        """Return the bundles of which the store has files, oldest first.

        Raises:
            BundleStoreError: the store does not answer, or refuses it.
        """
        paths = self._list(f"{BUNDLES_FOLDER}/")
        return sorted({path.split("/")[1] for path in paths})

    def delete(self, version: str) -> None:
        """Delete a bundle.

        Raises:
            BundleStoreError: the store does not confirm it. Some files may be gone.
        """
        import obstore  # noqa: PLC0415 - an extra

        try:
            obstore.delete(self._store, list(self._list(f"{BUNDLES_FOLDER}/{version}/")))
        except (FileNotFoundError, obstore.exceptions.BaseError) as error:
            raise self._error(error) from None

    def current(self) -> str | None:
        """Return the version that ``current`` names; None if there is no such object.

        Raises:
            BundleStoreError: the store does not answer, or refuses it.
        """
        content = self.read(POINTER)
        return content.decode(errors="replace").strip() if content is not None else None

    def _list(self, prefix: str) -> dict[str, int]:
        import obstore  # noqa: PLC0415 - an extra

        try:
            pages = obstore.list(self._store, prefix=prefix)
            return {str(each["path"]): int(each["size"]) for page in pages for each in page}
        except obstore.exceptions.BaseError as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> BundleStoreError:
        return BundleStoreError(
            f"the store {self.url} cannot be used ({_first_line(error)}): check the bucket, the "
            "network, AWS_REGION, AWS_ENDPOINT_URL and the keys of access in the environment"
        )


def _first_line(error: Exception) -> str:
    """Return what went wrong, without the answer of the server, which may name a key of access."""
    return str(error).partition("\n")[0].partition("<?xml")[0].partition("<Error>")[0].rstrip(": ")
