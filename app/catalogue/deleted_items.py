"""The items that may not be shown, in a file beside the bundles: for a start without Redis.

What was told of items is in Redis alone. A worker that begins while Redis does not answer would
give items that were deleted; so each worker that knows writes down which they are, in one file.
"""

import asyncio
import logging
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import orjson

from app.catalogue.item_store import ItemStore
from app.catalogue.live_items import ItemRecord

log = logging.getLogger(__name__)

MAX_IDS = 100_000  # ids in the file, the newest; 26 MB where all are as long as may be
WRITE_INTERVAL = 1.0  # seconds between two writings, at least


def deleted_items_path(out: Path, prefix: str) -> Path:
    """Name the file of the services of one key prefix."""
    return out / "withheld" / f"{quote(prefix, safe='')}.json"


async def keep_deleted_items_written(shelf: ItemStore, path: Path) -> None:
    """Write down whenever the items that may not be shown have changed, until cancelled."""
    changed, written, complained = asyncio.Event(), None, ""
    shelf.subscribe(lambda _: changed.set())
    while True:
        await changed.wait()
        await shelf.loaded.wait()  # before it is, there may be what was read from the file itself
        changed.clear()
        known = _withheld(shelf.items.values())
        if known != written:
            try:
                await asyncio.to_thread(_write, path, known)
                written = known
            except OSError as error:
                if str(error) != complained:
                    log.warning("a start without Redis would give deleted items: %s", error)
                complained = str(error)
        await asyncio.sleep(WRITE_INTERVAL)


def read_deleted_items(path: Path) -> list[ItemRecord]:
    """Give the items of the file as deleted ones; none where there is no file that can be read."""
    try:
        ids = [item_id for item_id in orjson.loads(path.read_bytes()) if isinstance(item_id, str)]
        return [ItemRecord(item_id, 0.0, is_deleted=True) for item_id in ids]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        log.warning("which items were deleted cannot be read: %s", error)
        return []


def _withheld(items: Iterable[ItemRecord]) -> list[str]:
    newest = sorted(
        (item for item in items if item.is_deleted or item.is_available is False),
        key=lambda item: -item.since,
    )
    return sorted(item.item_id for item in islice(newest, MAX_IDS))


def _write(path: Path, ids: list[str]) -> None:
    """Write the file whole or not at all, whoever else does at the same time."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(orjson.dumps(ids))
    part.replace(path)
