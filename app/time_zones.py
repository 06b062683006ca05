"""The names that stand for a time zone in a text: ``UTC``, ``CET``, ``Europe/Berlin``.

Some names stand for several zones. The zone of the reader decides, if it is one of them. Otherwise
RFC 2822 decides the names of North America, and the other names are errors.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

FIXED = {  # name -> hours from UTC
    # North America: those of RFC 2822, Alaska, Hawaii, Newfoundland
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
    "akst": -9, "akdt": -8, "hst": -10, "nst": -3.5,
    # South America
    "brt": -3, "art": -3,
    # Europe
    "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2, "eet": 2, "eest": 3,
    "msk": 3, "trt": 3,
    # Asia
    "pkt": 5, "ict": 7, "wib": 7, "hkt": 8, "sgt": 8, "pht": 8, "jst": 9, "kst": 9,
    # Australia and New Zealand
    "awst": 8, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
}  # fmt: skip
SHARED = {  # names of several zones, in each of which a user may be
    "ist": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "bst": ("Europe/London", "Asia/Dhaka"),
    "ast": ("Asia/Riyadh", "America/Halifax"),
    "gst": ("Asia/Dubai", "Atlantic/South_Georgia"),
    "amt": ("Asia/Yerevan", "America/Manaus"),
    "sst": ("Asia/Singapore", "Pacific/Pago_Pago"),
}
CHINA = {"cst": "Asia/Shanghai"}  # where the American name means another zone
AREAS = "Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc"
NAMES = "|".join(sorted({*FIXED, *SHARED}, key=len, reverse=True))
PATTERN = (
    r"Z|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?(?:\s*(?:UTC|GMT))?|UTC|GMT|"
    rf"(?:{NAMES})\b|(?:{AREAS})/[A-Za-z0-9_/+-]+"
)
_UNCLEAR = re.compile(rf"(?<![a-z])({'|'.join([*SHARED, *CHINA])})(?:\s+\d{{4}})?$", re.IGNORECASE)


class UnclearZoneError(ValueError):
    """The name of a zone stands for several, and the zone of the reader is none of them."""


def parse_zone(text: str, reader: tzinfo = UTC) -> tzinfo:
    """Return the zone that a text of ``PATTERN`` names.

    Args:
        text: a name, an offset, or both.
        reader: the zone of a text without one. It decides what a name of several zones means.

    Raises:
        UnclearZoneError: the reader's zone is none of those that the name stands for.
        ValueError: there is no such zone.
    """
    name = text.lower()
    if "/" in name:
        try:
            return ZoneInfo(text)
        except (KeyError, OSError) as error:
            raise ValueError(f"{text} is not a time zone") from error
    if name in SHARED or name in CHINA:
        if _is_named(reader, name):
            return reader
        if name in SHARED:
            raise UnclearZoneError(f"{text} stands for several time zones")
    if name in FIXED:
        return timezone(timedelta(hours=FIXED[name]))
    digits = re.sub(r"[^0-9+-]", "", name)
    if not digits:
        return UTC
    hours, minutes = (digits[1:], "0") if len(digits) <= 3 else (digits[1:-2], digits[-2:])  # noqa: PLR2004
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if digits[0] == "-" else offset)


def unclear_zone(text: str, reader: tzinfo = UTC) -> tuple[str, tuple[str, ...]] | None:
    """Return the name in a time that stands for several zones, and these; None if all is clear.

    The first is the zone that is used for CST. Other names have no default.
    """
    match = _UNCLEAR.search(text.strip())
    if match is None or _is_named(reader, match[1].lower()):
        return None
    name = match[1].lower()
    return match[1], SHARED.get(name) or ("America/Chicago", CHINA[name])


def _is_named(zone: tzinfo, name: str) -> bool:
    """Return whether a zone has this name in summer or winter, or is one that it stands for."""
    if getattr(zone, "key", "") in (*SHARED.get(name, ()), CHINA.get(name)):
        return True
    names = {zone.tzname(datetime(2023, month, 1)) for month in (1, 7)}  # noqa: DTZ001
    return name.upper() in names
