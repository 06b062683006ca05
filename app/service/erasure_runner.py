"""Finish erasures in the background, in small steps, and keep all workers informed of them.

An erasure is recorded in the journal before anything is removed. Whoever runs next finishes it: any
worker of the service, or the archiver. One process works at a time, on all pending erasures
together, because reading the streams costs the same for one user and for many.
"""

import asyncio
import logging
import time

from app.contracts import StageError
from app.request_log.writer import erase_log_entries
from app.state.erasure import WRITE_DELAY, delete_user_keys, erase_from_others
from app.state.erasure_journal import ErasureJournal, JournalError, PendingErasure
from app.state.shared_exclusions import SharedExclusions
from app.state.store import Store

log = logging.getLogger(__name__)

POLL_INTERVAL = 1.0  # seconds between two looks at the journal
START_TIME = 5.0  # seconds that whoever began an erasure has for deleting the user's keys
RETRY_INTERVAL = 2.0  # seconds before the next attempt after the store failed


class ErasureRunner:
    """One worker's part in erasures. ``run`` it as a task."""

    def __init__(
        self, store: Store, prefix: str, journal: ErasureJournal, exclusions: SharedExclusions
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._journal = journal
        self._exclusions = exclusions
        self._begun = asyncio.Event()
        self._version = -1  # of the journal that was read last
        self._last_error = ""

    def load(self) -> None:
        """Read who was erased, for a start without Redis. Blocks; a failure is logged."""
        version = self._journal.version()
        try:
            self._exclusions.add_erased(self._journal.erased())
            self._version = version
        except JournalError as error:
            self._record(error)

    def wake(self) -> None:
        """Begin at once, because an erasure was recorded."""
        self._begun.set()

    async def run(self) -> None:
        """Follow the journal until cancelled; failures are logged and retried."""
        has_pending = True  # perhaps those of a worker that was killed
        while True:
            pause = POLL_INTERVAL
            try:
                await self._save_others()
                if self._begun.is_set() or self._version != self._journal.version():
                    self._begun.clear()
                    has_pending = True
                    await asyncio.to_thread(self.load)
                if has_pending:
                    has_pending = await finish_erasures(self._store, self._prefix, self._journal)
            except StageError as error:
                self._record(error)
                pause = RETRY_INTERVAL
            try:
                async with asyncio.timeout(pause):
                    await self._begun.wait()
            except TimeoutError:
                pass

    async def _save_others(self) -> None:
        """Record users whom workers of other machines have erased."""
        if self._exclusions.erasures_changed.is_set():
            self._exclusions.erasures_changed.clear()
            try:
                await asyncio.to_thread(self._journal.add_erased, dict(self._exclusions.erased))
            except JournalError:
                self._exclusions.erasures_changed.set()
                raise

    def _record(self, error: Exception) -> None:
        if str(error) != self._last_error:
            log.warning("erasures wait: %s", error)
        self._last_error = str(error)


async def finish_erasures(store: Store, prefix: str, journal: ErasureJournal) -> bool:
    """Finish all pending erasures in the store; return whether any are left.

    Raises:
        JournalError: the journal cannot be read or written.
        StageError: the store did not confirm it. What is left is pending.
    """
    with journal.claiming() as is_claimed:
        unfinished = await asyncio.to_thread(journal.pending)
        begun = time.time() - START_TIME
        pending = [each for each in unfinished if each.cutoff is not None or each.at < begun]
        if not pending or not is_claimed:
            return bool(unfinished)
        cutoffs = await _delete_keys(store, prefix, journal, pending)
        await asyncio.sleep(WRITE_DELAY)
        removed = await erase_from_others(store, prefix, cutoffs)
        answers = await erase_log_entries(store, prefix, cutoffs)
        for erasure in pending:
            counts = removed[erasure.user] | {"served": answers[erasure.user]}
            await asyncio.to_thread(journal.finish, erasure.erasure_id, counts, time.time())
        log.info("finished %d erasures", len(pending))
        return bool(await asyncio.to_thread(journal.pending))


async def _delete_keys(
    store: Store, prefix: str, journal: ErasureJournal, pending: list[PendingErasure]
) -> dict[str, float]:
    """Delete the keys of users who still have them; return up to when entries are removed."""
    cutoffs: dict[str, float] = {}
    for erasure in pending:
        cutoff = erasure.cutoff
        if cutoff is None:  # the process ended, or the store failed, right after the start
            counts, cutoff = await delete_user_keys(store, prefix, erasure.user, erasure.at)
            await asyncio.to_thread(journal.add_removed, erasure.erasure_id, counts, cutoff)
        latest = max(cutoff, erasure.at)
        cutoffs[erasure.user] = max(latest, cutoffs.get(erasure.user, latest))
    return cutoffs
