"""One round of archiving after the other: all streams are drained, then old days are tidied up."""

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

OLDEST = 7  # major version of Redis: it tells how many entries a group has read


@dataclass(slots=True, eq=False)
class ArchiveRounds:
    """Keeps the drains, and what they know, from round to round, until the server fails."""

    link: redis.Redis
    drains: list[Drain]
    _tidied: dict[str, str] = field(default_factory=dict, init=False)  # stream, and on which day

    def run(self) -> None:
        """Drain all streams, whatever becomes of the files of older days."""
        for drain in self.drains:
            if drain.run():
                log.info("archived %d of %s", drain.tally.archived, drain.stream.name)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        for drain in self.drains:
            if self._tidied.get(drain.stream.name) != today:
                self._tidy(drain, today)

    def _tidy(self, drain: Drain, today: str) -> None:
        try:
            drain.merge(today)
        except (OSError, pl.exceptions.PolarsError) as error:
            log.warning("the files of %s cannot be merged now: %s", drain.stream.name, error)
        else:
            self._tidied[drain.stream.name] = today


def refuse_old(server: Mapping[str, Any]) -> None:
    """Refuse a server of which nobody can say what was lost.

    Args:
        server: what it says of itself, by ``INFO server``.

    Raises:
        DataError: it is too old.
    """
    version = str(server["redis_version"])
    if int(version.split(".", maxsplit=1)[0]) < OLDEST:
        raise DataError(
            f"Redis {version} is too old for the archive: use Redis {OLDEST}.0 or newer, or Valkey"
        )
