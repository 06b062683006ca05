"""The commands ``recfunnel push`` and ``recfunnel pull``: bundles by way of an object store."""

import logging
import time
from collections.abc import Callable

from rich.console import Console

from app.bundle.manifest import BundleError
from app.observe import logs
from app.settings import Settings
from offline.bundle_store.object_store import BundleStoreError, ObjectStore
from offline.bundle_store.transfer import pull_current, push_current
from offline.errors import CommandError

log = logging.getLogger(__name__)


def push(
    settings: Settings, url: str, *, every: float | None, keep: int, again: bool = False
) -> None:
    """Upload the bundle in service, once or whenever it changes.

    ``again`` sends files that are in the store already, too.

    Raises:
        BundleError: there is no sound bundle.
        BundleStoreError: the store cannot be used.
        CommandError: ``again`` is for one upload, and ``every`` is set.
    """
    if again and every is not None:
        raise CommandError("--again sends all files once: leave out --every")
    store = ObjectStore.open(url)

    def step() -> str | None:
        return push_current(settings.out, store, keep, again=again)

    _run(settings, step, f"pushed to {url}", every)


def pull(settings: Settings, url: str, *, every: float | None, keep: int) -> None:
    """Download the bundle that the store names, once or whenever the store names another one.

    Raises:
        BundleStoreError: the store cannot be used, or its bundle is damaged.
    """
    store = ObjectStore.open(url)

    def step() -> str | None:
        return pull_current(store, settings.out, keep, only_new=every is not None)

    _run(settings, step, f"pulled from {url}", every)


def _run(
    settings: Settings, step: Callable[[], str | None], done: str, every: float | None
) -> None:
    """Run a step once and print what it did; or for ever, and log what it did and its failures."""
    if every is None:
        version = step()
        result = f"{version} is {done}." if version else "Nothing is new."
        Console().print(result, markup=False, highlight=False, soft_wrap=True)
        return
    logs.configure(settings.log_level)
    log.info("every %g s a new bundle is %s", every, done)
    last_error = ""
    while True:
        try:
            if version := step():
                log.info("%s is %s", version, done)
            last_error = ""
        except (BundleError, BundleStoreError, OSError) as error:
            if str(error) != last_error:
                log.warning("%s", error)
            last_error = str(error)
        time.sleep(every)
