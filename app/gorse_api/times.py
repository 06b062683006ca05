"""Times and durations as Gorse's API has them: many forms of text in, RFC 3339 in UTC out."""

import re
from datetime import UTC, datetime, timedelta

from app.api.errors import RefusalError
from app.state.gorse_feedback import MICROSECONDS
from app.timestamps import EPOCH, parse_time

NO_TIME = -62_135_596_800_000_000  # microseconds since 1970: the year 1, as Gorse writes no time
LATEST = 253_402_300_799_999_999  # the end of the year 9999
UNITS = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
MAX_DELAY = 10 * 365 * 86_400.0  # seconds
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|ns))+|0")
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")


def read_time(value: object, field: str) -> int:
    """Return microseconds since 1970 of a time in a body; ``NO_TIME`` for none. Refuse others.

    Of ``3/4/2026`` the month comes first, as in Gorse. A text without a zone is in UTC.
    """
    if value is None or value == "":
        return NO_TIME
    if not isinstance(value, str):
        raise RefusalError(400, f"{field} must be a time as text, such as 2026-11-20T10:00:00Z")
    parsed = parse_time(value, order="mdy")
    at = None if parsed is None else round(parsed.seconds * MICROSECONDS)
    if at is None or not NO_TIME <= at <= LATEST:
        raise RefusalError(
            400, f"{field} {value[:40]!r} is not a time: write it as 2026-11-20T10:00:00Z"
        )
    return at


def render_time(at: int) -> str:
    """Return a time as RFC 3339 in UTC, without needless zeros."""
    moment = EPOCH + timedelta(microseconds=at)
    text = f"{moment.year:04d}{moment:-%m-%dT%H:%M:%S}"
    part = f"{moment.microsecond:06d}".rstrip("0")
    return f"{text}.{part}Z" if part else f"{text}Z"


def year_of(at: int) -> float | None:
    """Return a time as a year with a fraction; None for no time."""
    if at == NO_TIME:
        return None
    moment = EPOCH + timedelta(microseconds=at)
    begin = datetime(moment.year, 1, 1, tzinfo=UTC)
    days = 366 if moment.year % 4 == 0 and (moment.year % 100 or moment.year % 400 == 0) else 365
    return moment.year + (moment - begin).total_seconds() / (days * 86_400.0)


def time_of_year(year: float) -> int:
    """Return the time of a year with a fraction, microseconds since 1970."""
    whole = min(max(int(year), 1), 9_998)
    begin = datetime(whole, 1, 1, tzinfo=UTC)
    length = datetime(whole + 1, 1, 1, tzinfo=UTC) - begin
    return (begin + length * min(max(year - whole, 0.0), 1.0) - EPOCH) // timedelta(microseconds=1)


def read_duration(text: str, name: str) -> float:
    """Return the seconds of a duration such as ``10m`` or ``1h30m``. Refuse other texts."""
    if _DURATION.fullmatch(text) is None:
        raise RefusalError(400, f"{name} {text[:40]!r} is not a duration: write 10m or 1h30m")
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > MAX_DELAY:
        raise RefusalError(400, f"{name} {text[:40]!r} is longer than ten years")
    return seconds
