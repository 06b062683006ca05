"""Check the folder of bundles before a command works in it."""

import tempfile
from pathlib import Path

from app.bundle.pointer import POINTER
from app.process.embedded_server import DATA_FOLDER
from app.settings import Settings
from offline.archive.files import archive_folder
from offline.data.errors import DataError


def require_service_folder(settings: Settings) -> None:
    """Check that a service or a training has worked in the folder, or that its Redis is named.

    Raises:
        DataError: neither is so; the command would make an empty store and find nothing in it.
    """
    out = settings.out
    signs = (out / POINTER, out / "bundles", out / DATA_FOLDER, archive_folder(out))
    if settings.redis_url or any(path.exists() for path in signs):
        return
    state = "has no bundle, no store and no archive" if out.is_dir() else "does not exist"
    raise DataError(
        f"{out.absolute()} {state}: run the command in the folder where the service runs, name its "
        "folder with --out, or set REDIS_URL to its Redis"
    )


def require_writable(out: Path) -> None:
    """Check that files can be written to the folder, or that it can be created.

    Raises:
        DataError: they cannot.
    """
    existing = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise DataError(
            f"{out.absolute()} cannot be written to ({error.strerror}): choose another folder with "
            "--out, or change its permissions"
        ) from None
