"""A circuit breaker: requests lose no time on a store that does not answer."""

import time
from collections.abc import Callable


class Breaker:
    """Opens after ``limit`` failures in a row, then admits one caller every ``rest`` seconds.

    The breakers of the libraries at hand admit every caller at once when they try again. A store
    that is only slow would then be flooded with requests that all miss their deadline.
    """

    def __init__(
        self, limit: int = 5, rest: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._rest = rest
        self._clock = clock
        self._failures = 0.0
        self._next_probe = 0.0  # while open: no caller is admitted before this time

    @property
    def is_open(self) -> bool:
        """True if callers are kept from the store."""
        return self._failures >= self._limit

    def admit(self) -> bool:
        """Return whether this caller may use the store; while open, one in ``rest`` seconds may."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._next_probe:
            return False
        self._next_probe = (
            now + self._rest
        )  # a probe that never reports does not block the next one
        return True

    def record(self, *, answered: bool, weight: float = 1.0) -> None:
        """Record how an admitted call ended; a failure counts ``weight``."""
        if answered:
            self._failures = 0.0
            return
        self._failures += weight
        if self.is_open:
            self._next_probe = self._clock() + self._rest
