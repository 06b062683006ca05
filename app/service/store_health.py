"""Watch whether the store takes writes, and whether it has lost data of users."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from app.contracts import StageError
from app.observe.metrics import Metrics
from app.state.refused_writes import WriteRefusedError
from app.state.shared_exclusions import SharedExclusions
from app.state.store import Store

log = logging.getLogger(__name__)

PROBE_SECONDS = 60  # for which the server keeps the value that is written to try it

WriteState: TypeAlias = Literal["ok", "refused", "down"]


@dataclass(slots=True, eq=False)
class StoreHealth:
    """What one worker knows of the store. A server can answer reads while it refuses writes."""

    store: Store  # the one that writes
    prefix: str
    exclusions: SharedExclusions
    metrics: Metrics
    writes: WriteState = field(default="ok", init=False)
    _refusal: str = field(default="", init=False)

    @property
    def alerts(self) -> list[str]:
        """A sentence for each thing that is wrong, with what to do."""
        alerts = [self._refusal] if self._refusal else []
        if self.exclusions.lost_since is not None:
            since = datetime.fromtimestamp(self.exclusions.lost_since, UTC)
            alerts.append(
                f"Redis has lost data of users at {since:%Y-%m-%d %H:%M} UTC: restore a backup, or "
                "accept the loss with `recfunnel accept-loss`"
            )
        return alerts

    async def check_writes(self) -> None:
        """Write a value that has no use, to see whether the server takes it."""
        state: WriteState = "ok"
        refusal = ""
        try:
            await self.store.command("SET", f"{self.prefix}:probe", 1, "EX", PROBE_SECONDS)
        except WriteRefusedError as error:
            state, refusal = "refused", str(error)
        except StageError:
            state = "down"
        if state != self.writes:
            log.warning("writes to Redis are %s. %s", state, refusal)
        self.writes, self._refusal = state, refusal
        self.metrics.set("writes_refused", float(state == "refused"))
