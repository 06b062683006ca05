"""Keep a file beside the bundles up to date with what a worker must know without Redis."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

WRITE_INTERVAL = 1.0  # seconds between two writes, at least


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
                await asyncio.to_thread(_write, path, data)
                written = data
            except OSError as error:
                if str(error) != last_error:
                    log.warning("%s: %s", risk, error)
                last_error = str(error)
        await asyncio.sleep(WRITE_INTERVAL)


def _write(path: Path, data: bytes) -> None:
    """Write the file as a whole, even when other workers do so at the same time."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
