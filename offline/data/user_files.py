"""The users file and the friends file: checks them, builds attributes and edges."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.catalogue.ids import IdIndex
from offline.data.ids import align_to_index, to_rows
from offline.data.schema import FriendsFile, UsersFile
from offline.data.table import TextTable, id_fault


def check_users(table: TextTable, part: UsersFile) -> TextTable:
    """Remove rows without a usable id, and repeated users."""
    named = table.reject(id_fault(part.user or "", "user"))
    again = ~pl.col(part.user or "").is_first_distinct()
    once = named.reject(pl.when(again).then(pl.lit("this user is on an earlier line")))
    if part.attributes is None:
        return once
    return _report_unused(once, {part.user, *part.attributes}, "attributes = [...] in [users]")


def check_friends(table: TextTable, part: FriendsFile) -> TextTable:
    """Remove edges without a usable id at either end."""
    ends = (id_fault(part.user or "", "user"), id_fault(part.friend or "", "friend"))
    sound = table.reject(pl.coalesce(*ends))
    return _report_unused(sound, {part.user, part.friend}, "")


def _report_unused(table: TextTable, used: Collection[str | None], remedy: str) -> TextTable:
    """Return the table with a finding that lists its columns that nothing uses."""
    unused = [column for column in table.columns if column not in used]
    if not unused:
        return table
    advice = f" To use them, name them in {remedy} of the schema." if remedy else ""
    text = f"{table.file}: columns that nothing uses: {', '.join(unused)}.{advice}"
    return table.with_finding("limit", text)


def build_attributes(
    table: TextTable | None, part: UsersFile, index: IdIndex
) -> dict[str, NDArray[np.str_]]:
    """Return the raw text of each attribute, (u,); "" if it is unknown."""
    if table is None:
        return {}
    others = [c for c in table.columns if c != part.user]
    names = others if part.attributes is None else list(part.attributes)
    ids = table.frame[part.user or ""]
    return {
        name: np.array(
            align_to_index(ids, table.frame[name], index).fill_null("").to_list(), np.str_
        )
        for name in names
    }


def build_friends(table: TextTable | None, part: FriendsFile, index: IdIndex) -> NDArray[np.int32]:
    """Return the sorted edges in both directions, (e, 2), without repeats and self-loops."""
    if table is None:
        return np.empty((0, 2), np.int32)
    one = to_rows(table.frame[part.user or ""], index).to_numpy()
    other = to_rows(table.frame[part.friend or ""], index).to_numpy()
    edges = np.concatenate([np.stack([one, other], 1), np.stack([other, one], 1)])
    edges = edges[edges[:, 0] != edges[:, 1]].astype(np.int32)
    return np.unique(edges, axis=0).reshape(-1, 2)
