"""Looks now and then at whether the bundle in service still fits, and says so when it does not."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.cpu import Cpu
from app.observe.drift import DriftCounter
from app.observe.metrics import Metrics

log = logging.getLogger(__name__)

CHECK_INTERVAL = 10.0  # seconds between looks
REPEAT_INTERVAL = 3_600.0  # seconds before the log has the same again
HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class DriftBounds:
    """What is let pass."""

    drift: float  # population stability index
    age: float  # seconds since the bundle was made; 0: any


@dataclass(slots=True, eq=False)
class DriftMonitor:
    """One worker's eye on the bundle in service."""

    bounds: DriftBounds
    metrics: Metrics
    cpu: Cpu
    alerts: tuple[str, ...] = field(default=(), init=False)  # sentences, as of the last look
    _looked_at: float = field(default=float("-inf"), init=False)
    _warned_at: float = field(default=float("-inf"), init=False)

    async def check(self, drift: DriftCounter, created: float, now: float) -> None:
        """Count what was served, unless that was done a moment ago.

        Args:
            drift: of the bundle in service.
            created: when the bundle was made, unix seconds.
            now: unix seconds.
        """
        if now - self._looked_at < CHECK_INTERVAL:
            return
        self._looked_at = now
        found = await self.cpu(drift.count, now)
        self.metrics.set_drift(found)
        self.metrics.set_bundle_age(now - created)
        self.alerts = tuple(drift_alerts(found, now - created, self.bounds))
        if self.alerts and now - self._warned_at >= REPEAT_INTERVAL:
            self._warned_at = now
            log.warning("the bundle may be out of date: %s", "; ".join(self.alerts))


def drift_alerts(found: Mapping[str, float], age: float, bounds: DriftBounds) -> list[str]:
    """Say what passes a bound, a sentence each."""
    moved = sorted((name for name in found if found[name] > bounds.drift), key=lambda n: -found[n])
    told = [
        f"{name} of what is served is unlike the bundle's (PSI {found[name]:.2f}, bound "
        f"{bounds.drift:g}): train again"
        for name in moved
    ]
    if bounds.age and age > bounds.age:
        told.append(
            f"the bundle is {age / HOUR:.0f} h old (bound {bounds.age / HOUR:g} h): train again"
        )
    return told
