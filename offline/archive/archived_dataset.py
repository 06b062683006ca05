"""Training data from the archive: events as interactions, and lists with what was chosen."""

import logging
from functools import partial
from pathlib import Path
from time import time as now
from typing import cast

import numpy as np
import polars as pl

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, read_manifest
from app.contracts import PINNED, SPONSORED, StageError
from app.event_weights import EventWeights
from app.features.views import FINE_VIEW, column_names, view_hash
from app.live_catalogue.item_store import decode_item, item_records_key
from app.live_catalogue.live_items import ItemRecord
from app.process.embedded_server import DATA_FOLDER, server_url
from app.process.server_process import ServerError
from app.settings import Settings
from app.state.erasure_journal import ErasureJournal
from offline.archive.erased_users import ErasedUsers
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import EVENTS, IMPRESSIONS, REQUEST_LOG, ArchivedStream, log_head
from offline.data.data_overlay import ArchiveState, DataOverlay
from offline.data.errors import DataError
from offline.data.repeats import EVENT_ID
from offline.store_client import open_client
from offline.training.rank_table import RankTable
from offline.training.row_collection import build_logged_table

log = logging.getLogger(__name__)

WIDTH = len(column_names(FINE_VIEW))


def load_archived(
    settings: Settings, *, events: bool, is_alone: bool = False
) -> DataOverlay | None:
    """Return what the archive adds to a data set, and whom it removes; None: nothing.

    ``is_alone`` says that there is no data set. Then the items that callers put are enough.

    Raises:
        DataError: events are requested, and there are none in the archive.
        StageError: it cannot be read who was erased.
    """
    folder = archive_folder(settings.out)
    journal = ErasureJournal(settings.state_folder, settings.key_prefix)
    erased = ErasedUsers.read(folder).merged_with(_read_erased_on_server(settings))
    erased = erased.merged_with(ErasedUsers(journal.erased()))
    if not events:
        return DataOverlay(erased.erased_at) if erased else None
    items = _read_live_items(settings)
    has_events = has_archived_events(settings)
    if not has_events and not (is_alone and items):
        raise DataError(f"there are no events in {folder}: run `recfunnel archive --once` first")
    shift = _time_shift(settings.out)
    return DataOverlay(
        erased.erased_at,
        _read_events(folder, erased, shift) if has_events else None,
        partial(build_archived_table, folder, shift),
        items,
        ArchiveState(shift, _read_offsets(folder)),
    )


def has_archived_events(settings: Settings) -> bool:
    """Return whether there is any event in the archive."""
    return bool(_files(archive_folder(settings.out), EVENTS).files())


def _files(folder: Path, stream: ArchivedStream) -> StreamFiles:
    return StreamFiles(folder / stream.name, stream)


def _read_offsets(folder: Path) -> dict[str, str]:
    """Return the id of the newest archived entry of each stream that workers consume.

    Counting restarts for both streams together. Impressions without their events would count as
    failures, and events without their impressions as successes without a trial.
    """
    files = ((stream.name, _files(folder, stream).files()) for stream in (EVENTS, IMPRESSIONS))
    return {name: archived[-1].last_id for name, archived in files if archived}


def _read_erased_on_server(settings: Settings) -> ErasedUsers:
    """Return the erased users recorded on the server, if it runs: the archiver may be behind."""
    try:
        with (
            server_url(settings.redis_url, settings.out, start=False) as url,
            open_client(url) as client,
        ):
            return ErasedUsers.read_server(client, settings.key_prefix)
    except (StageError, ServerError):
        return ErasedUsers()


def _read_live_items(settings: Settings) -> list[ItemRecord]:
    """Return the items that callers put, without those that they deleted."""
    start = (settings.out / DATA_FOLDER).is_dir()
    try:
        with (
            server_url(settings.redis_url, settings.out, start=start) as url,
            open_client(url) as client,
        ):
            texts = cast("list[bytes]", client.hvals(item_records_key(settings.key_prefix)))
    except (StageError, ServerError) as error:
        if settings.redis_url or start:
            log.warning("training does not know the items that were put over HTTP: %s", error)
        return []
    items = [item for text in texts if (item := decode_item(text)) and not item.is_deleted]
    return sorted(items, key=lambda item: item.item_id)


def _time_shift(out: Path) -> float:
    """Return the seconds from the time of the data in service to the wall clock."""
    try:
        return read_manifest(find_current_bundle(out)).time_shift
    except BundleError:
        return 0.0


def _read_events(folder: Path, erased: ErasedUsers, shift: float) -> pl.DataFrame:
    """Return the events of all users who are not erased, by the data's time.

    The times equal those of the live histories to the bit: there the same event is recognised by
    its time.
    """
    tables = map(erased.without_erased, _files(folder, EVENTS).read())
    time = pl.min_horizontal("timestamp", now()) - shift  # clocks may run ahead a little
    columns = ("user", "item", pl.col("type").alias("kind"), "value", time.alias("time"), EVENT_ID)
    return pl.concat(tables).select(*columns)


def build_archived_table(
    folder: Path, shift: float, weights: EventWeights, until: float
) -> RankTable:
    """Return training rows of the lists that were shown before ``until``, by the data's time.

    An item is labelled 1 if an event with a positive weight names it and the list's
    ``request_id``. Pinned and sponsored items are left out, because they were not chosen for the
    user. Lists with other features than this version's are left out too.
    """
    chosen, view, skipped = _read_chosen(folder, weights), view_hash(), 0
    features, labels, slates, positions = [np.empty((0, WIDTH), np.float32)], [], [], []
    n_lists = 0
    for table in _files(folder, REQUEST_LOG).read():
        for row in table.filter(pl.col("at") - shift < until).iter_rows(named=True):
            n = len(row["items"])
            if log_head(row).get("view") != view:
                skipped += 1
                continue
            organic = np.flatnonzero(~np.isin(row["slots"], (PINNED, SPONSORED)))
            features.append(np.array(row["features"], np.float32).reshape(n, WIDTH)[organic])
            request = row["request_id"]
            labels += [int((request, row["items"][at]) in chosen) for at in organic]
            slates += [n_lists] * len(organic)
            positions += organic.tolist()
            n_lists += 1
    if skipped:
        log.warning(
            "%d of %d logged lists are not used for training: their features are not those of "
            "this version, or it is not known which they are",
            skipped,
            n_lists + skipped,
        )
    columns = (np.array(column, np.int64) for column in (labels, slates, positions))
    return build_logged_table(np.concatenate(features), *columns)


def _read_chosen(folder: Path, event_weights: EventWeights) -> set[tuple[str, str]]:
    """Return the chosen items, each with the request of its list."""
    chosen: set[tuple[str, str]] = set()
    for table in _files(folder, EVENTS).read():
        events = table.filter(pl.col("request_id").is_not_null())
        for (kind,), part in events.group_by("type"):
            if event_weights.accepts(str(kind)):
                values = part["value"].to_numpy().astype(np.float32)
                is_liked = pl.Series(event_weights.weigh(str(kind), values) > 0)
                chosen.update(part.filter(is_liked).select("request_id", "item").iter_rows())
    return chosen
