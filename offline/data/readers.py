"""Read a data set of any layout, and report every row that cannot be used."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from app.bundle.manifest import ARCHIVE_NAME
from app.event_weights import EventWeights
from app.live_catalogue.live_items import ItemRecord
from app.trainings.data_diagnosis import ColumnUse, DataFinding
from offline.data.atomic import atomic_path
from offline.data.chronology import build_log
from offline.data.column_uses import list_column_uses
from offline.data.data_overlay import (
    ArchiveState,
    DataOverlay,
    append_events,
    drop_erased,
    drop_imported,
    drop_trained,
)
from offline.data.dataset import Dataset
from offline.data.errors import DataError, TooManyBadRowsError
from offline.data.event_files import read_event_file
from offline.data.formats.sources import list_data_files
from offline.data.id_matches import FEW_SHARE, match_ids
from offline.data.ids import build_id_index
from offline.data.interactions import CheckedEvents
from offline.data.item_attributes import resolve_attributes, unused_columns
from offline.data.items import build_catalogue, check_items
from offline.data.layouts import find_layout
from offline.data.live_items import describe_live_items
from offline.data.loading import load_optional_file
from offline.data.logs import check_logs, load_logs
from offline.data.repeats import DUPLICATE, EVENT_ID, count_repeats
from offline.data.schema import Schema
from offline.data.table import TextTable
from offline.data.user_files import build_attributes, build_friends, check_friends, check_users

if TYPE_CHECKING:  # reading data does not need LightGBM
    from offline.training.rank_table import RankTable

MAX_BAD_SHARE = 0.05
MAX_NAMES = 5  # files that a finding names
NO_FILES = Schema(name=ARCHIVE_NAME, layout="the archive alone")


@dataclass(frozen=True, slots=True)
class FileCount:
    """The numbers of good, bad and duplicate rows of one file."""

    file: str
    lines: int  # rows, without the header and empty lines
    bad: int
    duplicates: int  # exact duplicates of an earlier line, removed
    repeats: int = 0  # used rows that equal an earlier line: actions done again on one day

    @property
    def good(self) -> int:
        """The number of rows that are used."""
        return self.lines - self.bad - self.duplicates


@dataclass(frozen=True, slots=True, eq=False)
class LoadedData:
    """A data set, with a report of how it was read."""

    dataset: Dataset
    event_weights: EventWeights  # weights of the log; the bundle must carry the same
    layout: str
    files: tuple[FileCount, ...]  # interactions first
    bad: pl.DataFrame  # file, line, reason, text: the bad rows and the exact duplicates
    logged_lists: "Callable[[float], RankTable] | None" = (
        None  # (before) -> the served lists until then
    )
    archive_state: ArchiveState | None = None  # for live events; None: none were read
    unused_columns: tuple[str, ...] = ()  # unused columns of the items file
    time_margin: float = 0.0  # seconds by which times may be too early, if their zone is assumed
    findings: tuple[DataFinding, ...] = ()  # what was assumed or left out when files were read
    columns: tuple[ColumnUse, ...] = ()  # which column of the files is read as what


@dataclass(frozen=True, slots=True, eq=False)
class _Input:
    """All files of a data set after the checks, and the schema with the column of each field."""

    schema: Schema
    events: CheckedEvents
    items: TextTable | None
    users: TextTable | None
    friends: TextTable | None
    logs: tuple[TextTable, ...]  # the good and bad rows of each log
    repeats: int = 0  # see ``FileCount``
    findings: tuple[DataFinding, ...] = ()  # about files without a table
    columns: tuple[ColumnUse, ...] = ()

    @property
    def tables(self) -> list[TextTable]:
        tables = (*self.logs, self.items, self.users, self.friends)
        return [table for table in tables if table is not None]


def load_dataset(
    path: Path | None,
    schema: Path | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
    overlay: DataOverlay | None = None,
    now: Callable[[], float] = time.time,
) -> LoadedData:
    """Read the data set at ``path``, a folder or a file, by a TOML schema or by its layout.

    Without a ``path`` the data set is that of the overlay alone. A folder may hold items without
    interactions. The same rows in any order give the same data set. The ``overlay`` is applied
    last. Rows later than ``now``, unix seconds, are bad.

    Raises:
        DataError: There is nothing to read, or the layout is unknown.
        TooManyBadRowsError: More than ``max_bad_share`` of a file's rows are bad.
    """
    folder, layout = find_layout(path, schema) if path else (Path(), NO_FILES)
    data = _load(folder, layout, now())
    for table in data.tables:
        if table.file:
            _check_bad_share(table, max_bad_share)
    event_weights = EventWeights(
        data.events.positive_at, layout.weights(), data.events.traits.is_explicit
    )
    if overlay and overlay.live_events is not None and path and _has_rows_without_times(data):
        ids = read_event_file(path, schema, now).events[EVENT_ID]
        overlay = replace(overlay, live_events=drop_imported(overlay.live_events, ids))
    changed = _apply_overlay(data, overlay, event_weights) if overlay else data
    served = (
        partial(overlay.logged_lists, event_weights) if overlay and overlay.logged_lists else None
    )
    counts = _count_files(data)
    unread = _unread_files(folder, counts, layout) if path is not None and path.is_dir() else ()
    return LoadedData(
        _build(changed, event_weights, overlay.live_items if overlay else ()),
        event_weights,
        layout.layout,
        counts,
        pl.concat([table.bad.sort("line") for table in data.tables]),
        served,
        overlay.archive_state if overlay else None,
        tuple(unused_columns(data.items, data.schema.items)) if data.items else (),
        data.events.time_margin,
        (*data.findings, *(f for table in data.tables for f in table.findings), *unread),
        data.columns,
    )


def _has_rows_without_times(data: _Input) -> bool:
    return not data.events.has_times and len(data.events.table.frame) > 0


def _unread_files(
    folder: Path, counts: Sequence[FileCount], layout: Schema
) -> tuple[DataFinding, ...]:
    """Return a finding that names the files of a folder that look like data and are not read."""
    used = {count.file for count in counts}
    used |= {name for part in (layout.items, layout.users, layout.friends) for name in part.files}
    unread = [
        name
        for name in list_data_files(folder)
        if not used & {name, Path(name).name} and Path(name).suffix.lower() != ".txt"
    ]
    if not unread or not used:
        return ()
    more = f" and {len(unread) - MAX_NAMES} more" if len(unread) > MAX_NAMES else ""
    text = f"Files of the folder that nothing reads: {', '.join(unread[:MAX_NAMES])}{more}."
    if layout.layout == Schema().layout:
        example = f'[items] file = "{unread[0]}"'
        text += f" If they belong to the data, name them in the schema, such as {example}."
    return (DataFinding("limit", text),)


def write_bad_rows(bad: pl.DataFrame, path: Path) -> None:
    """Write the bad rows as CSV: file, line, reason, text."""
    with atomic_path(path) as part:
        bad.write_csv(part)


def _load(folder: Path, schema: Schema, now: float) -> _Input:
    logs = load_logs(folder, schema.interactions)
    interactions = logs[0][1] if logs else schema.interactions
    items, items_part, no_items = load_optional_file(folder, schema.items)
    items_part = resolve_attributes(items, items_part) if items else items_part
    users, users_part, no_users = load_optional_file(folder, schema.users)
    friends, friends_part, no_friends = load_optional_file(folder, schema.friends)
    described = (interactions, items_part, users_part, friends_part)
    parts = dict(zip(("interactions", "items", "users", "friends"), described, strict=True))
    read = (*logs, (items, items_part), (users, users_part), (friends, friends_part))
    columns = tuple(use for table, part in read for use in list_column_uses(table, part))
    events, tables = check_logs(logs, schema, now)
    items = check_items(items, items_part, schema.items) if items else None
    users = check_users(users, users_part) if users else None
    friends = check_friends(friends, friends_part) if friends else None
    logged = events.table
    ends = (friends_part.user, friends_part.friend)
    return _Input(
        schema.model_copy(update=parts),
        events,
        match_ids(items, (items_part.item,), logged, "item") if items else None,
        match_ids(users, (users_part.user,), logged, "user") if users else None,
        match_ids(friends, ends, logged, "user", FEW_SHARE) if friends else None,
        tuple(tables),
        count_repeats(events.table),
        (*no_items, *no_users, *no_friends),
        columns,
    )


def _apply_overlay(data: _Input, more: DataOverlay, event_weights: EventWeights) -> _Input:
    schema, table = data.schema, drop_erased(data.events.table, more.erased_at, "user")
    events = replace(data.events, table=table or data.events.table)
    if more.live_events is not None and len(more.live_events):
        shift = more.archive_state.time_shift if more.archive_state else 0.0
        live = drop_trained(more.live_events, events.table.frame, shift)
        events = append_events(events, live, event_weights)
    ends = (schema.friends.user, schema.friends.friend)
    return replace(
        data,
        events=events,
        users=drop_erased(data.users, more.erased_at, schema.users.user),
        friends=drop_erased(data.friends, more.erased_at, *ends),
    )


def _build(
    data: _Input, event_weights: EventWeights, live_items: Sequence[ItemRecord] = ()
) -> Dataset:
    schema, log = data.schema, data.events.table.frame
    ends = (schema.friends.user, schema.friends.friend)
    users = build_id_index(
        log["user"], *_ids(data.users, schema.users.user), *_ids(data.friends, *ends)
    )
    live_ids = pl.Series([item.item_id for item in live_items], dtype=pl.String)
    items = build_id_index(log["item"], *_ids(data.items, schema.items.item), live_ids)
    return Dataset(
        schema.name or "",
        users,
        build_attributes(data.users, schema.users, users),
        describe_live_items(build_catalogue(data.items, schema.items, items), live_items),
        build_log(data.events, users, items, event_weights),
        data.events.traits,
        build_friends(data.friends, schema.friends, users),
    )


def _ids(table: TextTable | None, *columns: str | None) -> list[pl.Series]:
    return [table.frame[column] for column in columns if column] if table else []


def _count_files(data: _Input) -> tuple[FileCount, ...]:
    """Return the counts of each file, that of the interactions first."""
    first, *others = data.tables
    counts = (replace(_count(first), repeats=data.repeats), *map(_count, others))
    return tuple(count for count in counts if count.file)


def _count(table: TextTable) -> FileCount:
    duplicates = int((table.bad["reason"] == DUPLICATE).sum())
    return FileCount(table.file, table.lines, len(table.bad) - duplicates, duplicates)


def _check_bad_share(table: TextTable, max_bad_share: float) -> None:
    """Raise if a table has no row, no good row, or too large a share of bad rows."""
    if not table.lines:
        raise DataError(f"{table.file} has a header but no rows.")
    count = _count(table)
    if count.good and count.bad <= max_bad_share * count.lines:
        return
    bad = table.bad.filter(pl.col("reason") != DUPLICATE).sort("line")
    problems = [finding.text for finding in table.findings if finding.level == "problem"]
    raise TooManyBadRowsError(
        f"{count.bad} of the {count.lines} rows of {table.file} are bad "
        f"({count.bad / count.lines:.1%}, allowed {max_bad_share:.1%}), first line "
        f"{bad['line'][0]}: {bad['reason'][0]}; correct them, name the columns in a schema file, "
        f"or allow a larger share.{''.join(f' {text}' for text in problems)}",
        bad,
    )
