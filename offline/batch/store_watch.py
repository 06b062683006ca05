"""Check before and after a run that the store has what users must not be shown.

Lists are written only if the store has lost nothing meanwhile. Items that callers deleted or made
unavailable meanwhile are named, so that lists that were computed before can do without them.
"""

from dataclasses import dataclass
from typing import Self

from app.contracts import StageError
from app.live_catalogue.item_store import decode_item, item_records_key
from app.live_catalogue.live_items import ItemRecord
from app.settings import Settings
from app.state.shared_exclusions import exclusions_path
from app.state.store import Store
from app.state.user_store import state_keys
from offline.run_async import run_async

STORE_TIMEOUT = 10.0  # seconds for one reply
REMEDY = "start the service, restore a backup, or run `recfunnel accept-loss`"


@dataclass(frozen=True, slots=True)
class StoreWatch:
    """What shows that the store is complete, as of the start of a run."""

    settings: Settings
    generation: bytes | None  # of the data of users; None: no service has used the store
    change_count: int  # it only falls when the store loses data

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Read the state of the store.

        Raises:
            StageError: the store does not answer, or has lost data of users.
        """

        async def read() -> tuple[bytes | None, int]:
            async with _connect(settings) as store:
                return await _read_state(store, settings)

        return cls(settings, *run_async(read()))

    def finish(self) -> frozenset[str]:
        """Return the ids of the items that are deleted or unavailable now.

        Raises:
            StageError: the store does not answer, or has lost data of users since the start.
        """
        return run_async(self._finish())

    async def _finish(self) -> frozenset[str]:
        async with _connect(self.settings) as store:
            records = await read_item_records(store, self.settings.key_prefix)
            # After the items, so that it holds for them too.
            generation, change_count = await _read_state(store, self.settings)
            was_replaced = self.generation is not None and generation != self.generation
            if was_replaced or change_count < self.change_count:
                raise StageError(
                    f"Redis at {store.address} has lost data of users while the lists were "
                    f"computed, so they are not written: {REMEDY}, and run the command again"
                )
        withdrawn = (item for item in records if item.is_deleted or item.is_available is False)
        return frozenset(item.item_id for item in withdrawn)


def _connect(settings: Settings) -> Store:
    return Store.connect(settings.redis_url or "", timeout=STORE_TIMEOUT)


async def _read_state(store: Store, settings: Settings) -> tuple[bytes | None, int]:
    """Return the generation of the data of users, and the number of changes.

    Raises:
        StageError: the store does not answer, or has lost data of users.
    """
    prefix, url = settings.key_prefix, settings.redis_url or ""
    generation, lost, changes = await store.command("MGET", *state_keys(prefix))
    kept = exclusions_path(settings.state_folder, prefix, url)
    if lost is not None or (generation is None and kept.exists()):
        raise StageError(
            f"Redis at {store.address} has lost data of users, so it is not known what they must "
            f"not be shown: {REMEDY}"
        )
    return generation, int(changes or 0)


async def read_item_records(store: Store, prefix: str) -> list[ItemRecord]:
    """Return the items that callers changed. Damaged records are left out, as by the service.

    Raises:
        StageError: the store does not answer.
    """
    stored = await store.command("HVALS", item_records_key(prefix))
    return [record for record in map(decode_item, stored) if record]
