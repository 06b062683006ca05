"""What the archive teaches: events as interactions, and what was shown, taken or left."""

import logging
from functools import partial
from pathlib import Path
from time import time as now

import numpy as np
import orjson
import polars as pl
import redis

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, read_manifest
from app.contracts import PINNED, SPONSORED
from app.event_weights import EventWeights
from app.features.views import FINE_VIEW, column_names, view_hash
from app.process.embedded_server import server_url
from app.process.server_process import ServerError
from app.settings import Settings
from offline.archive.erased_users import ErasedUsers
from offline.archive.files import StreamFiles
from offline.archive.streams import EVENTS, SERVED, SHOWS
from offline.commands.archive import folder_of
from offline.data.data_overlay import ArchiveState, DataOverlay
from offline.data.errors import DataError
from offline.training.rank_table import RankTable
from offline.training.row_collection import build_logged_table

log = logging.getLogger(__name__)

WIDTH = len(column_names(FINE_VIEW))


def archived(settings: Settings, *, events: bool) -> DataOverlay | None:
    """Give what the archive adds to a data set, and who is to be forgotten; None: nothing.

    Raises:
        DataError: events are asked for, and there is no archive.
    """
    folder = folder_of(settings)
    erased = ErasedUsers.kept(folder).joined(_erased_lately(settings))
    if not events:
        return DataOverlay(erased.until) if erased else None
    if not StreamFiles(folder / EVENTS.name, EVENTS).parts():
        raise DataError(f"there are no events in {folder}: run `recfunnel archive --once` first")
    shift = _time_shift(settings.out)
    told = _events(folder, erased, shift)
    return DataOverlay(
        erased.until,
        told,
        partial(served, folder, shift),
        ArchiveState(shift, _reached(folder)),
    )


def _reached(folder: Path) -> dict[str, str]:
    """Give the id of the newest archived entry of what workers follow.

    What was shown and what came of it begin anew together: one without the other would be a
    failure that was none, or a success without a trial.
    """
    known = ((kind.name, StreamFiles(folder / kind.name, kind).parts()) for kind in (EVENTS, SHOWS))
    return {name: parts[-1].last_id for name, parts in known if parts}


def _erased_lately(settings: Settings) -> ErasedUsers:
    """Ask the server too, where one is there: an archiver may not have come round."""
    try:
        with (
            server_url(settings.redis_url, settings.out, start=False) as url,
            redis.Redis.from_url(url) as link,
        ):
            return ErasedUsers.of_server(link, settings.key_prefix)
    except (redis.RedisError, ServerError):
        return ErasedUsers()


def _time_shift(out: Path) -> float:
    """Give the seconds from the time of the data in service to the wall clock."""
    try:
        return read_manifest(find_current_bundle(out)).time_shift
    except BundleError:
        return 0.0


def _events(folder: Path, erased: ErasedUsers, shift: float) -> pl.DataFrame:
    """Give the events of all who are not erased, by the data's time.

    Times are those of users' live histories to the bit: there the same event is known by its time.
    """
    shelf = StreamFiles(folder / EVENTS.name, EVENTS)
    whole = pl.concat(map(erased.remaining, shelf.read()))
    moment = pl.min_horizontal("timestamp", now()) - shift  # clocks may run ahead a little
    return whole.select("user", "item", pl.col("type").alias("kind"), "value", moment.alias("time"))


def served(folder: Path, shift: float, preferences: EventWeights, until: float) -> RankTable:
    """Make training rows of the lists that were served before ``until``, by the data's time.

    Taken is what got an event that speaks for it and names the list's ``request_id``. Pinned and
    sponsored items are left out: nobody chose them for the user. So are lists by other features.
    """
    taken, view, others = _taken(folder, preferences), view_hash(), 0
    features, labels, slates, positions = [np.empty((0, WIDTH), np.float32)], [], [], []
    number = 0
    for table in StreamFiles(folder / SERVED.name, SERVED).read():
        for row in table.filter(pl.col("at") - shift < until).iter_rows(named=True):
            n = len(row["items"])
            if orjson.loads(row["told"]).get("view") != view:
                others += 1
                continue
            places = np.flatnonzero(~np.isin(row["slots"], (PINNED, SPONSORED)))
            features.append(np.array(row["features"], np.float32).reshape(n, WIDTH)[places])
            request = row["request_id"]
            labels += [int((request, row["items"][at]) in taken) for at in places]
            slates += [number] * len(places)
            positions += places.tolist()
            number += 1
    if others:
        log.warning(
            "%d of %d served lists are not learnt from: their features are not those of this "
            "version, or do not say which they are",
            others,
            number + others,
        )
    columns = (np.array(column, np.int64) for column in (labels, slates, positions))
    return build_logged_table(np.concatenate(features), *columns)


def _taken(folder: Path, preferences: EventWeights) -> set[tuple[str, str]]:
    """Name the items that were taken, each with the list it was taken from."""
    found: set[tuple[str, str]] = set()
    for table in StreamFiles(folder / EVENTS.name, EVENTS).read():
        told = table.filter(pl.col("request_id").is_not_null())
        for (kind,), part in told.group_by("type"):
            if preferences.accepts(str(kind)):
                weights = preferences.weigh(str(kind), part["value"].to_numpy().astype(np.float32))
                liked = part.filter(pl.Series(weights > 0))
                found.update(liked.select("request_id", "item").iter_rows())
    return found
