"""Keep a file up to date with what a worker must know without Redis.

Each service has files of its own: their names have its key prefix and a digest of the address of
its Redis. So two services on one folder do not overwrite each other's files.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from app.state.private_files import write_private_file
from app.state.redis_url import public_address

log = logging.getLogger(__name__)

WRITE_INTERVAL = 1.0  # seconds between two writes, at least
EMBEDDED = re.compile(r"unix://.*/recfunnel-\w+/valkey\.sock")  # has a new folder at each start


def kept_path(folder: Path, prefix: str, redis_url: str, ending: str) -> Path:
    """Return the path of a file of the service with this key prefix and this Redis."""
    address = EMBEDDED.sub("embedded", public_address(redis_url))
    digest = blake2b(address.encode(), digest_size=6).hexdigest()
    return folder / f"{quote(prefix, safe='')}@{digest}.{ending}"


def kept_paths(path: Path) -> list[Path]:
    """Return the files to read at a start: the service's own, else those of its key prefix.

    A service whose Redis has another address now has no file of its own yet. Earlier releases had
    one file for each key prefix.
    """
    if path.exists():
        return [path]
    prefix, _, rest = path.name.partition("@")
    ending = rest.partition(".")[2]
    pattern = re.compile(rf"{re.escape(prefix)}(@\w+)?\.{re.escape(ending)}")
    if not path.parent.is_dir():
        return []
    return sorted(each for each in path.parent.iterdir() if pattern.fullmatch(each.name))


async def keep_written(
    path: Path, changed: asyncio.Event, content: Callable[[], bytes], risk: str
) -> None:
    """Write the file whenever the content has changed, until cancelled.

    Args:
        path: of the file. Its folder is created.
        changed: set by others when the content may have changed.
        content: returns what the file must contain.
        risk: what would happen without the file, for the log.
    """
    written, last_error = b"", ""
    while True:
        await changed.wait()
        changed.clear()
        data = content()
        if data != written:
            try:
                await asyncio.to_thread(write_private_file, path, data)
                written = data
            except OSError as error:
                if str(error) != last_error:
                    log.warning("%s: %s", risk, error)
                last_error = str(error)
        await asyncio.sleep(WRITE_INTERVAL)
