"""When a request is sent again, and after which pause."""

import random
from dataclasses import dataclass

import httpx

REPEATED_STATUSES = (429, 503)  # too many requests, and not now
BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)  # not a time-out, whose time is spent


@dataclass(frozen=True)
class Retry:
    """How often a request is sent, and the pauses between.

    A request is sent again after 429, 503 and a broken connection. This is safe for every
    operation: events have ids, and all else sets what is to be. Pauses double, and vary by half at
    random, so that clients do not come back at once. ``Retry-After`` makes a pause longer. If it
    asks for more than ``longest_pause``, the request fails at once.
    """

    attempts: int = 4
    first_pause: float = 0.1  # seconds
    longest_pause: float = 5.0  # seconds

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.first_pause <= self.longest_pause:
            raise ValueError(
                f"attempts is {self.attempts}, first_pause {self.first_pause} and longest_pause "
                f"{self.longest_pause}: attempts must be at least 1, the pauses must not be "
                "negative, and first_pause must not exceed longest_pause"
            )

    def pause(self, n_sent: int, outcome: httpx.Response | httpx.RequestError) -> float | None:
        """Return the seconds until the request is sent again; None if it is not."""
        if n_sent >= self.attempts or not is_temporary(outcome):
            return None
        pause = self.growing_pause(n_sent)
        if isinstance(outcome, httpx.Response):
            asked_for = retry_after(outcome)
            return max(pause, asked_for) if asked_for <= self.longest_pause else None
        return pause

    def growing_pause(self, n_failed: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        pause = min(self.first_pause * 2.0 ** min(n_failed - 1, 60), self.longest_pause)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 (nothing secret)


def is_temporary(outcome: httpx.Response | httpx.RequestError) -> bool:
    """Return whether the same request may succeed a little later."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in REPEATED_STATUSES
    return isinstance(outcome, BROKEN)


def retry_after(response: httpx.Response) -> float:
    """Return the seconds of ``Retry-After``; 0 if the header is absent or holds a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
