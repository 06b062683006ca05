"""The items that may not be shown, in a file of the service, for a start without its Redis's data.

Only Redis has the callers' changes of items. A worker that starts while Redis does not answer, or
after Redis has lost its data, would show deleted items. So each worker writes the ids of such items
to one file when they change.
"""

import asyncio
import logging
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import orjson

from app.live_catalogue.item_store import ItemStore
from app.live_catalogue.live_items import ItemRecord
from app.state.kept_file import keep_written, kept_path, kept_paths

log = logging.getLogger(__name__)

MAX_IDS = 100_000  # the newest; 26 MB when every id has the maximal length


def deleted_items_path(folder: Path, prefix: str, redis_url: str) -> Path:
    """Return the path of the service's file."""
    return kept_path(folder, prefix, redis_url, "json")


async def keep_deleted_items_written(item_store: ItemStore, path: Path) -> None:
    """Write the file whenever the items that may not be shown have changed, until cancelled."""
    changed = asyncio.Event()
    item_store.subscribe(lambda _: changed.set())
    await item_store.loaded.wait()  # before that, the items may come from the file itself

    def content() -> bytes:
        return orjson.dumps(_ids_not_shown(item_store.items.values()))

    await keep_written(path, changed, content, "a start without Redis would show deleted items")


def read_deleted_items(path: Path) -> list[ItemRecord]:
    """Read the file; return records of items that may not be shown.

    A file that is absent or cannot be read has none. See ``kept_paths`` for what replaces it.
    """
    by_id: dict[str, ItemRecord] = {}
    for each in kept_paths(path):
        by_id |= {item.item_id: item for item in _read(each)}
    return list(by_id.values())


def _read(path: Path) -> list[ItemRecord]:
    """Read one file: by kind the ids and, of each, the number of its last change.

    Those of earlier releases are one list of ids, or have lists without numbers.
    """
    try:
        stored = orjson.loads(path.read_bytes())
        by_kind = stored if isinstance(stored, dict) else {"withheld": list(stored)}
        return [
            ItemRecord(
                item_id,
                0.0,
                is_available=False,
                is_deleted=kind != "unavailable",
                change=int(ids[item_id]) if isinstance(ids, dict) else 0,
            )
            for kind, ids in by_kind.items()
            for item_id in ids
            if isinstance(item_id, str)
        ]
    except (OSError, ValueError, TypeError) as error:
        log.warning("the file of deleted items cannot be read: %s", error)
        return []


def _ids_not_shown(items: Iterable[ItemRecord]) -> dict[str, dict[str, int]]:
    newest = sorted(
        (item for item in items if item.is_deleted or item.is_available is False),
        key=lambda item: -item.since,
    )
    changes: dict[str, dict[str, int]] = {"deleted": {}, "unavailable": {}}
    for item in islice(newest, MAX_IDS):
        changes["deleted" if item.is_deleted else "unavailable"][item.item_id] = item.change
    return {kind: dict(sorted(numbers.items())) for kind, numbers in changes.items()}
