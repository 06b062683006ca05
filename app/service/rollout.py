"""Keep the bundle that ``current`` names in service: load, warm up, swap, retire.

A bundle that must not be served is refused. The one before it then stays in service. If none is in
service, or its files break, the last good bundle is served: the *fallback*.
"""

import asyncio
import gc
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.bundle.bundle import Bundle, find_current_bundle
from app.bundle.manifest import BundleError
from app.bundle.private_copy import (
    FolderState,
    LoadedBundle,
    find_damage,
    load_for_service,
    remove_copies,
)
from app.bundle.stored_bundles import list_fallbacks
from app.contracts import StageError
from app.cpu import BackgroundTasks, Cpu
from app.kernels.compiled import compile_kernels
from app.live_catalogue.item_store import ItemStore
from app.observe.metrics import Metrics
from app.rules.rule_store import RuleStore
from app.service.deployment import Deployment
from app.settings import Settings
from app.state.shared_exclusions import SharedExclusions
from app.state.store import Store
from app.state.tables import retire_tables

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RolloutTiming:
    """The waiting times of a rollout, in seconds."""

    prepare: float = 10.0  # the longest wait for Redis; then the bundle is served without it
    retire: float = 5.0  # the wait for requests in flight on a bundle that was replaced


DEFAULT_TIMING = RolloutTiming()


@dataclass(slots=True, eq=False)
class Rollout:
    """Holds the bundle in service, and replaces it by the one that ``current`` names.

    The other bundle is loaded and warmed up, and then put into service by replacing one reference.
    """

    settings: Settings
    metrics: Metrics
    store: Store
    item_store: ItemStore
    exclusions: SharedExclusions
    rules: RuleStore
    cpu: Cpu
    tasks: BackgroundTasks
    timing: RolloutTiming = DEFAULT_TIMING
    deployment: Deployment | None = field(default=None, init=False)  # None: none warmed up yet
    refusal: str | None = field(default=None, init=False)  # why ``current`` is not served
    is_fallback: bool = field(default=False, init=False)  # True: it is not the one of ``current``
    _loaded: LoadedBundle | None = field(default=None, init=False)  # the one in service
    _refused: FolderState | None = field(default=None, init=False)  # not read again until changed

    async def refresh(self) -> None:
        """Serve the bundle that ``current`` names, unless it is served already or is not sound."""
        loaded, private, state = self._loaded, self.settings.private_folder, None
        is_broken = loaded is not None and await asyncio.to_thread(loaded.mapped.has_changed)
        try:
            folder = find_current_bundle(self.settings.out)
            if loaded and folder.name == loaded.bundle.version and not is_broken:
                if self.is_fallback:  # ``current`` names it now
                    self._set_fallback(is_fallback=False)
                await self._check_original(loaded)
                return
            if not is_broken and await asyncio.to_thread(self._is_still_refused, folder):
                return
            state = FolderState.of(folder)  # before the files are read, which may change meanwhile
            new = await asyncio.to_thread(load_for_service, folder, private)
        except BundleError as error:
            self._refuse(str(error))
            self._refused = state
            if loaded is None or is_broken:
                await self._fall_back()
            return
        await self._put_into_service(new)
        self._set_fallback(is_fallback=False)
        self.refusal = None
        if new.damage:
            self._refuse(f"{new.damage}. Its private copy is served")

    def _is_still_refused(self, folder: Path) -> bool:
        """Return whether the bundle was refused, and no file of it was written to since."""
        refused = self._refused
        return refused is not None and refused.folder == folder and not refused.has_changed()

    async def _check_original(self, loaded: LoadedBundle) -> None:
        """Name the damage of the published files, whose private copy is in service."""
        if not await asyncio.to_thread(loaded.original.has_changed):
            if not loaded.damage:
                self.refusal = None
            return
        folder = loaded.original.folder
        state = FolderState.of(folder)  # before the files are read: they may be restored meanwhile
        damage = await asyncio.to_thread(find_damage, folder)
        self._loaded = replace(loaded, original=state, damage=damage)
        self.refusal = None
        if damage:
            self._refuse(f"{damage}. Its private copy is served")

    async def _fall_back(self) -> None:
        """Serve the last good bundle, if there is one."""
        private = self.settings.private_folder
        for folder in await asyncio.to_thread(list_fallbacks, self.settings.out):
            try:
                loaded = await asyncio.to_thread(load_for_service, folder, private)
            except BundleError as error:
                log.warning("the bundle %s cannot be the fallback: %s", folder.name, error)
                continue
            await self._put_into_service(loaded)
            self._set_fallback(is_fallback=True)
            log.error("the last good bundle %s is served instead: %s", folder.name, self.refusal)
            return

    def _set_fallback(self, *, is_fallback: bool) -> None:
        self.is_fallback = is_fallback
        self.metrics.set("bundle_fallback", float(is_fallback))

    def _refuse(self, reason: str) -> None:
        if self.refusal != reason:
            self.refusal = reason
            self.metrics.count("bundle_refused")
            log.error("bundle refused: %s", reason)

    async def add_spare_rows(self) -> None:
        """Serve the same bundle with more spare rows, before new items have taken all of them.

        Wait with it while Redis is down: the events are counted again from there.
        """
        deployment, loaded = self.deployment, self._loaded
        if deployment is None or loaded is None:
            return
        now = deployment.live_items.spare_count
        wanted = deployment.live_items.wanted_spare_count(self.settings.max_spare_items)
        if wanted > now and not self.store.breaker.is_open:
            log.info("adding spare rows: %d, before %d", wanted, now)
            await self._put_into_service(loaded, wanted)

    async def _put_into_service(self, loaded: LoadedBundle, spare: int = 0) -> None:
        """Build the deployment of a sound bundle, warm it up, then replace the old one.

        It has at least ``spare`` rows for new items, and more if those in the store need them. The
        same bundle stays as it is in service if Redis is down: its live counts would be lost.
        """
        bundle = loaded.bundle
        await asyncio.to_thread(compile_kernels)
        new = await self._build(bundle, spare)
        wanted = new.live_items.wanted_spare_count(self.settings.max_spare_items)
        if new.live_items.waiting and wanted > new.live_items.spare_count:
            await self._discard(new)
            new = await self._build(bundle, wanted)
        if spare and not new.is_current:
            log.warning("Redis does not answer: the spare rows are added later")
            await self._discard(new)
            return
        old, self.deployment, self._loaded = self.deployment, new, loaded
        self.metrics.set_bundle(bundle.version, bundle.manifest.created)
        log.info("serving bundle %s", bundle.version)
        if old:
            self.tasks.start(self._retire(old))

    async def _build(self, bundle: Bundle, spare: int) -> Deployment:
        """Return a deployment that is ready to answer requests."""
        parts = (self.settings, self.store, self.cpu, self.exclusions, spare)
        new = await asyncio.to_thread(Deployment.build, bundle, *parts)
        self.item_store.subscribe(new.live_items.put)
        self.rules.subscribe(new.apply_policies)
        new.start(self.tasks.start)
        try:
            await self._prepare(new)
        except BaseException:  # the service stops, or there is a bug: the new tasks must end
            await self._discard(new)
            raise
        return new

    async def _prepare(self, new: Deployment) -> None:
        """Wait for Redis, at most ``timing.prepare`` seconds, and warm up."""
        with suppress(TimeoutError):  # Redis is down: serve the bundle without it
            async with asyncio.timeout(self.timing.prepare):
                await self.item_store.loaded.wait()
                await self.exclusions.loaded.wait()
                await self.rules.loaded.wait()
                await new.wait_until_current()
        self.item_store.withhold_preloaded()
        await new.warm_up()
        if self.deployment is None:  # later bundles: ``_retire`` does it
            freeze_garbage()

    async def _retire(self, old: Deployment) -> None:
        """Wait for requests in flight, then release the old bundle and its tables in Redis."""
        await asyncio.sleep(self.timing.retire)
        await self._discard(old)
        versions = {old.bundle.version}  # workers of other machines may still load this one
        del old
        gc.unfreeze()  # what the old bundle left is garbage now
        freeze_garbage()
        keep = [self.deployment.bundle.version] if self.deployment else []
        await asyncio.to_thread(remove_copies, self.settings.private_folder, versions.union(keep))
        with suppress(StageError):
            await retire_tables(self.store, self.settings.key_prefix, keep)

    async def _discard(self, deployment: Deployment) -> None:
        """Release a deployment that answers no requests."""
        self.item_store.unsubscribe(deployment.live_items.put)
        self.rules.unsubscribe(deployment.apply_policies)
        await deployment.stop()


def freeze_garbage() -> None:
    """Collect garbage, and exclude the remaining objects from all later collections.

    A full collection visits every object of every library. It takes 0.1 s or more, and no request
    is answered in that time. It therefore runs only before the first request, and once for each
    bundle that is replaced. Objects that are excluded already are collected after ``gc.unfreeze``.
    """
    gc.collect()
    gc.freeze()
