"""One round of archiving: drain all streams, then merge the files of past days."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
import redis

from offline.archive.drain import Drain
from offline.data.errors import DataError

log = logging.getLogger(__name__)

MIN_REDIS_VERSION = 7  # major: from it on, the server counts the entries that a group has read


@dataclass(slots=True, eq=False)
class ArchiveRounds:
    """Runs the drains round after round, with what they remember, until the server fails."""

    client: redis.Redis
    drains: list[Drain]
    _merged: dict[str, str] = field(default_factory=dict, init=False)  # stream: day of its merge

    def run(self) -> None:
        """Drain all streams; then merge files once a day. A failed merge is tried again."""
        for drain in self.drains:
            if drain.run():
                log.info("archived %d of %s", drain.counts.archived, drain.stream.name)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        for drain in self.drains:
            if self._merged.get(drain.stream.name) != today:
                self._merge(drain, today)

    def _merge(self, drain: Drain, today: str) -> None:
        try:
            drain.merge(today)
        except (OSError, pl.exceptions.PolarsError) as error:
            log.warning("the files of %s cannot be merged now: %s", drain.stream.name, error)
        else:
            self._merged[drain.stream.name] = today


def require_version(server: Mapping[str, Any]) -> None:
    """Check that the server can tell how many entries were lost.

    Args:
        server: the reply of ``INFO server``.

    Raises:
        DataError: the server is too old.
    """
    version = str(server["redis_version"])
    if int(version.split(".", maxsplit=1)[0]) < MIN_REDIS_VERSION:
        raise DataError(
            f"Redis {version} is too old for the archive: use Redis {MIN_REDIS_VERSION}.0 or "
            "newer, or Valkey"
        )
