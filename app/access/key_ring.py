"""The keys that a service accepts: from the environment, and from a file that may change."""

import logging
import stat
from collections.abc import Callable
from math import inf
from pathlib import Path
from time import monotonic, time

from app.access.keys import ApiKey, KeyFormatError, find_key, parse_keys

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0  # between looks at the file


class KeyRing:
    """Holds the accepted keys. A changed file is read again within about a second.

    While the file is missing or cannot be read, the keys that it had are accepted: a slip must not
    shut everybody out. A file without a line accepts nobody.
    """

    def __init__(
        self,
        fixed: tuple[ApiKey, ...] = (),
        file: Path | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Read the file, if there is one.

        Args:
            fixed: keys that do not change while the service runs.
            file: lines of ``app.access.keys.KEY_FORM``.
            clock: seconds, to look at the file at intervals.

        Raises:
            KeyFormatError: the file cannot be read.
        """
        self._fixed = fixed
        self._file = file
        self._clock = clock
        self._stamp: tuple[int, int, int] | None = None
        self._checked_at = clock()
        self._from_file: tuple[ApiKey, ...] = ()
        self._problem = ""  # why the file is not read now
        if file is not None:
            self._from_file = self._read(file)

    @property
    def is_configured(self) -> bool:
        """Whether keys are required: some are set, or a file for them is named."""
        return bool(self._fixed) or self._file is not None

    @property
    def alerts(self) -> list[str]:
        """A sentence if the file cannot be read now, with what to do."""
        if not self._problem:
            return []
        return [
            f"{self._problem}. The keys that were read last, {len(self._from_file)}, are accepted "
            "until it is mended, and no worker can start: restore the file. To revoke all keys, "
            "write a file without any line"
        ]

    def find(self, presented: str) -> ApiKey | None:
        """Return the valid key that was presented, or None."""
        self._refresh()
        return find_key((*self._fixed, *self._from_file), presented, time())

    def check_now(self) -> None:
        """Look at the file before the next request."""
        self._checked_at = -inf

    def _refresh(self) -> None:
        """Read the file again if it has changed. A file that cannot be read changes no key."""
        now = self._clock()
        if self._file is None or now < self._checked_at + CHECK_SECONDS:
            return
        self._checked_at = now
        before, self._problem = self._problem, ""
        try:
            if _stamp_of(self._file) != self._stamp:
                self._from_file = self._read(self._file)
                log.info("read %d API keys from %s", len(self._from_file), self._file)
            elif before:
                log.info("the file of API keys %s is back, unchanged", self._file)
        except KeyFormatError as error:
            self._problem = str(error)
            if self._problem != before:
                log.error("the API keys stay as they are: %s", self.alerts[0])  # noqa: TRY400

    def _read(self, file: Path) -> tuple[ApiKey, ...]:
        try:
            stamp = _stamp_of(file)
            if file.stat().st_mode & stat.S_IRWXO:
                log.warning("every user of this machine can read %s; `chmod 600` it", file)
            keys = parse_keys(file.read_text("utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFormatError(f"the file of API keys {file} cannot be read: {error}") from None
        except KeyFormatError as error:
            raise KeyFormatError(f"{file}, {error}") from None
        self._stamp = stamp
        return keys


def _stamp_of(file: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written or replaced.

    Raises:
        KeyFormatError: the file is missing, or is out of reach.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise KeyFormatError(f"the file of API keys {file} cannot be read: {error}") from None
    return status.st_mtime_ns, status.st_size, status.st_ino
