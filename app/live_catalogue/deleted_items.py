"""The items that may not be shown, in a file beside the bundles, for a start without Redis.

Only Redis has the callers' changes of items. A worker that starts while Redis does not answer would
show deleted items. So each worker writes the ids of such items to one file when they change.
"""

import asyncio
import logging
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import orjson

from app.live_catalogue.item_store import ItemStore
from app.live_catalogue.live_items import ItemRecord
from app.state.kept_file import keep_written

log = logging.getLogger(__name__)

MAX_IDS = 100_000  # the newest; 26 MB when every id has the maximal length


def deleted_items_path(out: Path, prefix: str) -> Path:
    """Return the path of the file for the services of one key prefix."""
    return out / "withheld" / f"{quote(prefix, safe='')}.json"


async def keep_deleted_items_written(item_store: ItemStore, path: Path) -> None:
    """Write the file whenever the items that may not be shown have changed, until cancelled."""
    changed = asyncio.Event()
    item_store.subscribe(lambda _: changed.set())
    await item_store.loaded.wait()  # before that, the items may come from the file itself

    def content() -> bytes:
        return orjson.dumps(_ids_not_shown(item_store.items.values()))

    await keep_written(path, changed, content, "a start without Redis would show deleted items")


def read_deleted_items(path: Path) -> list[ItemRecord]:
    """Read the file; return deleted records, or none when it is absent or cannot be read."""
    try:
        ids = [item_id for item_id in orjson.loads(path.read_bytes()) if isinstance(item_id, str)]
        return [ItemRecord(item_id, 0.0, is_deleted=True) for item_id in ids]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        log.warning("the file of deleted items cannot be read: %s", error)
        return []


def _ids_not_shown(items: Iterable[ItemRecord]) -> list[str]:
    newest = sorted(
        (item for item in items if item.is_deleted or item.is_available is False),
        key=lambda item: -item.since,
    )
    return sorted(item.item_id for item in islice(newest, MAX_IDS))
