"""Erased users: their rows leave the archive, and the next training does not contain them.

Only a digest of each erased user and the time are kept. Somebody who knows all ids can find the
user of a digest. Events of a user after the erasure stay.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import redis

from app.request_log.answer_record import reply_from_json
from app.state.erasure import escape_pattern
from app.state.histories import friends_in_reply
from app.state.streams import parse_id
from app.state.user_store import erased_key_start, user_digest
from offline.archive.files import StreamFiles, write_parquet
from offline.archive.streams import log_head
from offline.data.atomic import atomic_path

log = logging.getLogger(__name__)

FILE = "erased.json"
DIGEST_LENGTH = len(user_digest(""))


@dataclass(frozen=True, slots=True)
class ErasedUsers:
    """The time of erasure of each erased user, unix seconds, by digest."""

    times: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.times)

    @classmethod
    def read(cls, archive: Path) -> "ErasedUsers":
        path = archive / FILE
        return cls(orjson.loads(path.read_bytes()) if path.is_file() else {})

    @classmethod
    def read_server(cls, client: redis.Redis, prefix: str) -> "ErasedUsers":
        start = erased_key_start(prefix)
        keys: list[bytes] = list(client.scan_iter(f"{escape_pattern(start)}*", count=1_000))
        values: Any = client.mget(keys) if keys else []
        times = zip(keys, values, strict=True)
        return cls({key.decode()[-DIGEST_LENGTH:]: float(value) for key, value in times if value})

    def merged_with(self, other: "ErasedUsers") -> "ErasedUsers":
        """Return the users of both; the later time counts."""
        both = dict(self.times)
        for name, time in other.times.items():
            both[name] = max(time, both.get(name, time))
        return ErasedUsers(both)

    @staticmethod
    def purged_at(archive: Path) -> float:
        """Return when erased users were last removed from the archive, unix seconds."""
        path = archive / FILE
        return path.stat().st_mtime if path.is_file() else -math.inf

    def write(self, archive: Path) -> None:
        archive.mkdir(parents=True, exist_ok=True)
        with atomic_path(archive / FILE) as file:
            file.write_bytes(orjson.dumps(self.times, option=orjson.OPT_SORT_KEYS))

    def erased_at(self, users: pl.Series) -> pl.Series:
        """Return when each user was erased; -inf for those who were not."""
        times = {user: self.times.get(user_digest(user), -float("inf")) for user in users.unique()}
        if not times:  # a table without rows: polars would return texts
            return pl.Series(dtype=pl.Float64)
        return users.replace_strict(times, return_dtype=pl.Float64)

    def without_erased(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of one of the archive's tables that are not about an erased user.

        The time of a list is when it was shown, because it may be written later.
        """
        moments = pl.Series(
            [parse_id(name)[0] / 1000 for name in table["stream_id"]], dtype=pl.Float64
        )
        if "at" in table.columns:
            moments = pl.select(pl.min_horizontal(moments, table["at"])).to_series()
        is_kept = moments > self.erased_at(table["user"])
        if "told" in table.columns:
            heads = map(log_head, table.select("told").iter_rows(named=True))
            is_kept &= pl.Series([not self._has_friend(head) for head in heads], dtype=pl.Boolean)
        return table.filter(is_kept)

    def without_mentions(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of events, without values of a context that name an erased user."""
        if "context" not in table.columns or not table["context"].count():
            return table
        moments = [parse_id(name)[0] / 1000 for name in table["stream_id"]]
        contexts = list(map(self._without_mentions, table["context"], moments))
        return table.with_columns(pl.Series("context", contexts, dtype=pl.String))

    def _without_mentions(self, text: str | None, moment: float) -> str | None:
        if not text:
            return text
        context: dict[str, Any] = orjson.loads(text)
        kept = {
            name: value
            for name, value in context.items()
            if not isinstance(value, str) or moment > self.times.get(user_digest(value), -math.inf)
        }
        if len(kept) == len(context):
            return text
        return orjson.dumps(kept).decode() if kept else None

    def _has_friend(self, head: Mapping[str, Any]) -> bool:
        """Return whether the user of a request has an erased user as friend."""
        friends = friends_in_reply(reply_from_json(head["raw_reply"]))
        return any(user_digest(friend) in self.times for friend in friends)


def purge(files: StreamFiles, erased: ErasedUsers, since: float = -math.inf) -> list[str]:
    """Rewrite the files that have rows of erased users, or name one, without what is theirs.

    Args:
        files: of one stream.
        erased: the users.
        since: unix seconds; files that were written earlier have no such rows.

    Returns:
        The stream ids of the removed rows.
    """
    removed: list[str] = []
    for file in files.files():
        if file.path.stat().st_mtime < since:
            continue
        (table,) = files.read([file])
        remaining = erased.without_mentions(erased.without_erased(table))
        if not remaining.equals(table):
            write_parquet(remaining, file.path)
            removed += table.join(remaining, on="stream_id", how="anti")["stream_id"].to_list()
    return removed
