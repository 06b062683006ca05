"""Questions about times that can be read in two ways, with the lines of the schema to paste."""

from collections.abc import Collection, Mapping, Sequence

from app.timestamps import DateOrder, short_date

ORDER_WORDS: Mapping[DateOrder, str] = {
    "dmy": "day/month/year",
    "mdy": "month/day/year",
    "ymd": "year/month/day",
}
READINGS: Mapping[DateOrder, tuple[str, str, str]] = {
    "dmy": ("%d", "%m", "%Y"),
    "mdy": ("%m", "%d", "%Y"),
    "ymd": ("%Y", "%m", "%d"),
}


def unclear_zone_text(text: str, name: str, zones: Sequence[str]) -> str:
    """Return the question which of these zones a text names."""
    listed = " or ".join(f'timezone = "{zone}"' for zone in zones)
    return (
        f"{text!r} names the time zone {name}, which stands for several; set {listed} in "
        f"[interactions] of the schema."
    )


def ambiguous_date_text(text: str, orders: Collection[DateOrder]) -> str:
    """Return the question what is the day, the month and the year of a date."""
    has_half = text.lower().endswith("m")  # am or pm
    clock = "" if ":" not in text else " %I:%M" if has_half else " %H:%M"
    clock += (":%S" if text.count(":") > 1 else "") + (" %p" if has_half else "")
    mark = next((mark for mark in ".-" if mark in text.split(maxsplit=1)[0]), "/")
    is_short = short_date(text) is not None
    possible = [order for order in READINGS if order in orders]
    forms = [f"{mark.join(READINGS[order])}{clock}" for order in possible]
    forms = [form.replace("%Y", "%y") for form in forms] if is_short else forms
    lines = [f'time_format = "{form}"' for form in forms]
    words = [mark.join(ORDER_WORDS[order].split("/")[: 3 if is_short else 2]) for order in possible]
    return (
        f"{text!r} can be read as {' or as '.join(words)}, and no date of the column "
        f"decides; set {' or '.join(lines)} in [interactions] of the schema."
    )
