"""Check regularly for drift and age of the bundle in service, and log alerts."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.artifacts import DAY
from app.cpu import Cpu
from app.observe.drift import DriftCounter
from app.observe.metrics import Metrics

log = logging.getLogger(__name__)

CHECK_INTERVAL = 10.0  # seconds
REPEAT_INTERVAL = 3_600.0  # seconds before the log repeats an alert
HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class DriftBounds:
    """The limits of drift and age. A value above its limit raises an alert."""

    drift: float  # population stability index
    age: float  # seconds since the bundle was made; 0: no limit


@dataclass(slots=True, eq=False)
class DriftMonitor:
    """Watches the bundle in service of one worker."""

    bounds: DriftBounds
    metrics: Metrics
    cpu: Cpu
    interval: float = CHECK_INTERVAL
    alerts: tuple[str, ...] = field(default=(), init=False)  # sentences, as of the last check
    _checked_at: float = field(default=float("-inf"), init=False)
    _logged_at: float = field(default=float("-inf"), init=False)

    async def check(self, drift: DriftCounter, created: float, now: float) -> None:
        """Count the served lists, unless that was done a moment ago.

        ``created`` is when the bundle in service was made, and ``now`` the time, unix seconds.
        """
        if now - self._checked_at < self.interval:
            return
        self._checked_at = now
        indexes = await self.cpu(drift.count, now)
        for name, index in indexes.items():
            self.metrics.set("drift_psi", index, name)
        self.metrics.set("bundle_age_seconds", now - created)
        self.alerts = tuple(drift_alerts(indexes, now - created, self.bounds))
        if self.alerts and now - self._logged_at >= REPEAT_INTERVAL:
            self._logged_at = now
            log.warning("the bundle in service may not fit: %s", "; ".join(self.alerts))


def drift_alerts(indexes: Mapping[str, float], age: float, bounds: DriftBounds) -> list[str]:
    """Return a sentence for each limit that is exceeded, the largest drift first."""
    drifted = sorted(
        (name for name, index in indexes.items() if index > bounds.drift),
        key=lambda name: -indexes[name],
    )
    alerts = [
        f"{name} of served lists differs from the bundle's (PSI {indexes[name]:.2f}, bound "
        f"{bounds.drift:g}): train again"
        for name in drifted
    ]
    if bounds.age and age > bounds.age:
        alerts.append(
            f"the bundle is {age / HOUR:.0f} h old (bound {bounds.age / HOUR:g} h): train again"
        )
    if age < -DAY:
        alerts.append(
            f"the clock of this machine is {-age / DAY:,.0f} days before the bundle was made: set "
            "the clock; if you send old events again at their own times, nothing is wrong"
        )
    return alerts
