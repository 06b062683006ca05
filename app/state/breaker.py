"""Stops asking a store that does not answer, so that requests lose no time on it."""

import time
from collections.abc import Callable


class Breaker:
    """Opens after ``limit`` failures in a row; then lets one caller try every ``rest`` seconds.

    Ours and not a library's: those at hand let every caller through at once when they try again,
    and a store that is only slow would be flooded with requests that all miss their deadline.
    """

    def __init__(
        self, limit: int = 5, rest: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._rest = rest
        self._clock = clock
        self._failures = 0.0
        self._resting_until = 0.0  # while open: no caller is admitted before this time

    @property
    def is_open(self) -> bool:
        """Say whether the store is being left alone."""
        return self._failures >= self._limit

    def admit(self) -> bool:
        """Say whether this caller may ask; while open, one caller in ``rest`` seconds may."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._resting_until:
            return False
        self._resting_until = now + self._rest  # a probe that never reports blocks no other
        return True

    def record(self, *, answered: bool, weight: float = 1.0) -> None:
        """Take note of how an admitted call ended; a failure counts ``weight``."""
        if answered:
            self._failures = 0.0
            return
        self._failures += weight
        if self.is_open:
            self._resting_until = self._clock() + self._rest
