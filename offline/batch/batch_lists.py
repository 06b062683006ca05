"""Lists for many users from one bundle and the live state of one moment, without a service.

The funnel is that of the service. It reads the store and writes nothing to it: a list that is
computed here is not shown to anybody yet.
"""

import asyncio
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time
from typing import Any, Self

from app.build import LiveState
from app.bundle.bundle import load_bundle
from app.catalogue.item_fields import read_fields
from app.contracts import Request, StageError
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS, StageRunner
from app.funnel import Funnel, FunnelRun
from app.service.serving_bundle import ServingBundle
from app.settings import Settings
from app.state.store import Store
from app.state.table_readers import MappedTables
from offline.batch.store_watch import STORE_TIMEOUT, read_item_records

SHORT = "short"  # in ``degraded``: fewer than k items
READ_TOGETHER = 16  # users whose histories are read in one round trip, about
READ_TIMEOUT = 60.0  # seconds until the events since the bundle have been counted


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What each list shall be."""

    k: int = 10
    scene: str = "home"
    filter: str = ""  # an expression, see ``app.expressions.item_filter``; "": none
    fields: tuple[str, ...] = ()  # attributes of the items in the output
    explore: bool = False  # True: allow the exploration slots


@dataclass(frozen=True, slots=True)
class UserList:
    """The list of one user."""

    user: str
    items: list[dict[str, Any]]  # best first
    degraded: tuple[str, ...]  # stages that failed, and "short" for fewer than k items


@dataclass(slots=True, eq=False)
class BatchFunnel:
    """The funnel of a service as of one moment. It lives in one process and one thread.

    Whether the store has what users must not be shown is checked before and after a run; see
    ``StoreWatch``.
    """

    settings: Settings
    options: BatchOptions
    bundle: Path  # its folder: that of all processes of a run, whatever is published meanwhile
    serving: ServingBundle = field(init=False)
    funnel: Funnel = field(init=False)
    _runner: asyncio.Runner = field(init=False)
    _store: Store = field(init=False)
    _cpu: Cpu = field(init=False)

    def __enter__(self) -> Self:
        """Load the bundle, and count the events since.

        Raises:
            BundleError: the bundle must not be served.
            StageError: the store does not answer.
        """
        self._cpu, self._runner = Cpu(threads=1), asyncio.Runner()
        try:
            self._runner.run(self._load())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and the threads."""
        with suppress(AttributeError):  # loading failed before there was a store
            self._runner.run(self._store.close())
        self._runner.close()
        self._cpu.close()

    def recommend(self, users: Sequence[str], *, skip_erased: bool) -> list[UserList]:
        """Return the list of each user, in their order.

        Args:
            users: public ids.
            skip_erased: leave out users of the bundle who were erased since.

        Raises:
            StageError: the store does not answer. What a user must not be shown is not known then.
        """
        return self._runner.run(self._recommend(users, skip_erased=skip_erased))

    async def _recommend(self, users: Sequence[str], *, skip_erased: bool) -> list[UserList]:
        lists = []
        for start in range(0, len(users), READ_TOGETHER):
            part = users[start : start + READ_TOGETHER]
            for user, run in zip(part, await asyncio.gather(*map(self._answer, part)), strict=True):
                is_erased = run.query.user_row < 0 <= self.serving.bundle.models.users.ids.row(user)
                if not (skip_erased and is_erased):
                    lists.append(UserList(user, self._render(run), tuple(_degraded(run))))
        return lists

    async def _answer(self, user: str) -> FunnelRun:
        options, arrived = self.options, monotonic()
        request = Request(
            user=user,
            k=options.k,
            seed=zlib.crc32(user.encode()),
            scene=options.scene,
            filter=options.filter,
            explore=options.explore,
            arrived=arrived,
        )
        run = await self.funnel.recommend(request, StageRunner(arrived))
        if any(done.stage == "history" and done.outcome != "ok" for done in run.results):
            raise StageError(f"Redis at {self._store.address} did not answer for the user {user}")
        return run

    def _render(self, run: FunnelRun) -> list[dict[str, Any]]:
        catalogue, pool = self.serving.catalogue, run.slate.pool
        names, titles = catalogue.ids.names(pool.rows), catalogue.titles.take(pool.rows)
        columns = zip(names, titles, pool.scores.tolist(), strict=True)
        items: list[dict[str, Any]] = [
            {"item_id": name, "title": title, "score": score} for name, title, score in columns
        ]
        if self.options.fields:
            fields = read_fields(catalogue, pool.rows, self.options.fields)
            for item, values in zip(items, fields, strict=True):
                item["fields"] = values
        return items

    async def _load(self) -> None:
        settings = self.settings
        bundle = load_bundle(self.bundle)
        self._store = Store.connect(settings.redis_url or "", timeout=STORE_TIMEOUT)
        records = await read_item_records(self._store, settings.key_prefix)
        self.serving = ServingBundle.of(bundle, settings, time(), len(records))
        counters = self.serving.build_counters()
        live_items = self.serving.build_live_items(counters)
        for record in records:  # before the events on them
            live_items.put(record)
        consumer = self.serving.build_stream_consumer(self._store, counters)
        following = asyncio.create_task(consumer.run())
        try:
            await asyncio.wait_for(consumer.caught_up.wait(), READ_TIMEOUT)
        except TimeoutError:
            raise StageError(
                f"Redis at {self._store.address} did not deliver the events since the bundle "
                f"within {READ_TIMEOUT:g} s"
            ) from None
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        counters.refresh()
        histories = self.serving.build_histories(self._store)
        tables = MappedTables(self.serving.bundle.models.tables)
        state = LiveState(counters, histories, tables, histories)
        self.funnel = self.serving.build_funnel(state, self._cpu, NO_CHECKPOINTS)


def _degraded(run: FunnelRun) -> Iterator[str]:
    """Yield the stages that failed, and "short" for a list of fewer than k items."""
    for done in run.results:
        if done.outcome != "ok":
            yield f"{done.stage} ({done.outcome})"
    if len(run.slate) < run.query.k:
        yield SHORT
