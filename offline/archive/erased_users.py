"""Who was erased: their rows leave the archive, and the next training knows nothing of them.

Kept are digests, and when it was. A digest names nobody, but who knows all ids can tell whose it
is. What a user does after that stays.
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
from app.state.histories import friends_in_reply
from app.state.user_store import erased_key, user_digest
from offline.archive.files import StreamFiles, id_of, written
from offline.data.atomic import atomic_path

log = logging.getLogger(__name__)

FILE = "erased.json"
DIGEST = len(user_digest(""))


@dataclass(frozen=True, slots=True)
class ErasedUsers:
    """When each erased user was erased, unix seconds, by digest."""

    times: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.times)

    @classmethod
    def kept(cls, archive: Path) -> "ErasedUsers":
        """Read those that the archive knows."""
        path = archive / FILE
        return cls(orjson.loads(path.read_bytes()) if path.is_file() else {})

    @classmethod
    def of_server(cls, link: redis.Redis, prefix: str) -> "ErasedUsers":
        """Read those that the server knows."""
        start = erased_key(prefix, "")[:-DIGEST]
        literal = "".join(f"\\{c}" if c in "*?[]\\^" else c for c in start)
        keys: list[bytes] = list(link.scan_iter(f"{literal}*", count=1_000))
        values: Any = link.mget(keys) if keys else []
        found = zip(keys, values, strict=True)
        return cls({key.decode()[-DIGEST:]: float(value) for key, value in found if value})

    def joined(self, other: "ErasedUsers") -> "ErasedUsers":
        """Give both; the later time counts."""
        both = dict(self.times)
        for name, time in other.times.items():
            both[name] = max(time, both.get(name, time))
        return ErasedUsers(both)

    @staticmethod
    def purged(archive: Path) -> float:
        """Say when those whom the archive knows were last taken out of it, unix seconds."""
        path = archive / FILE
        return path.stat().st_mtime if path.is_file() else -math.inf

    def write(self, archive: Path) -> None:
        """Keep them with the archive."""
        archive.mkdir(parents=True, exist_ok=True)
        with atomic_path(archive / FILE) as part:
            part.write_bytes(orjson.dumps(self.times, option=orjson.OPT_SORT_KEYS))

    def until(self, users: pl.Series) -> pl.Series:
        """Say for each user when they were erased; -inf for those who were not."""
        found = {user: self.times.get(user_digest(user), -float("inf")) for user in users.unique()}
        return users.replace_strict(found, return_dtype=pl.Float64)

    def remaining(self, table: pl.DataFrame) -> pl.DataFrame:
        """Leave the rows of one of the archive's tables that are of nobody erased.

        A list counts as of when it was shown: it may have waited to be written.
        """
        moments = pl.Series(
            [id_of(name)[0] / 1000 for name in table["stream_id"]], dtype=pl.Float64
        )
        if "at" in table.columns:
            moments = pl.select(pl.min_horizontal(moments, table["at"])).to_series()
        kept = moments > self.until(table["user"])
        if "told" in table.columns:
            kept &= pl.Series(
                [not self._befriended(told) for told in table["told"]], dtype=pl.Boolean
            )
        return table.filter(kept)

    def _befriended(self, told: str) -> bool:
        friends = friends_in_reply(reply_from_json(orjson.loads(told)["said"]))
        return any(user_digest(friend) in self.times for friend in friends)


def purge(shelf: StreamFiles, erased: ErasedUsers, since: float = -math.inf) -> list[str]:
    """Write the files anew that have rows of erased users.

    Args:
        shelf: of one stream.
        erased: the users.
        since: unix seconds; files that were written earlier have none.

    Returns:
        The stream's ids of the rows that are gone.
    """
    gone: list[str] = []
    for part in shelf.parts():
        if part.path.stat().st_mtime < since:
            continue
        (table,) = shelf.read([part])
        left = erased.remaining(table)
        if len(left) < len(table):
            written(left, part.path)
            gone += table.join(left, on="stream_id", how="anti")["stream_id"].to_list()
    return gone
