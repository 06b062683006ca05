"""Wait for a server that is busy, for a bounded time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from offline.data.errors import DataError

RETRY_SECONDS = 60.0  # for which a busy or unreachable server is tried again
PAUSE = 0.5  # seconds between two attempts
MAX_TEXT = 200  # characters of an answer in a sentence
AGAIN = "run the same command again to continue"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for."""

    name: str  # of the server, in sentences
    report: Callable[[str], None] = lambda _: None  # takes a sentence before each new wait
    seconds: float = RETRY_SECONDS
    sleep: Callable[[float], None] = time.sleep

    def send(
        self,
        request: Callable[[], httpx.Response],
        is_busy: Callable[[int], bool],
        *,
        reconnects: bool,
    ) -> httpx.Response:
        """Send a request, again and again while the server is busy.

        Args:
            request: sends it once.
            is_busy: whether an answer of this status is waited for.
            reconnects: whether a server that cannot be reached is waited for, too.

        Raises:
            DataError: The server is busy for too long, asks for a longer wait, or cannot be
                reached.
        """
        deadline, reported = time.monotonic() + self.seconds, ""
        while True:
            pause, is_last = PAUSE, False
            try:
                response = request()
            except httpx.TransportError as error:
                reason, is_last = f"{self.name} cannot be reached ({error})", not reconnects
            else:
                if not is_busy(response.status_code):
                    return response
                pause = seconds_to_wait(response)
                reason = f"{self.name} answers {response.status_code}: {response.text[:MAX_TEXT]}"
            if pause > self.seconds:
                raise DataError(f"{reason}; it asks for {pause:.0f} s of pause: then {AGAIN}")
            if is_last or time.monotonic() > deadline:
                raise DataError(f"{reason}; {AGAIN}")
            sentence = f"{reason}; waiting {pause:g} s"
            if sentence != reported:
                self.report(sentence)
                reported = sentence
            self.sleep(pause)


def seconds_to_wait(response: httpx.Response) -> float:
    """Return the seconds of the next pause, by ``Retry-After``; never less than ``PAUSE``."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return max(PAUSE, float(text))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return PAUSE
    return max(PAUSE, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())
