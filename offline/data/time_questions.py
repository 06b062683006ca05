"""Questions about times that can be read in two ways, with the lines of the schema to paste."""

from collections.abc import Sequence


def unclear_zone_text(text: str, name: str, zones: Sequence[str]) -> str:
    """Return the question which of these zones a text names."""
    listed = " or ".join(f'timezone = "{zone}"' for zone in zones)
    return (
        f"{text!r} names the time zone {name}, which stands for several; set {listed} in "
        f"[interactions] of the schema."
    )


def ambiguous_date_text(text: str) -> str:
    """Return the question whether the day or the month of a date is first."""
    has_half = text.lower().endswith("m")  # am or pm
    clock = "" if ":" not in text else " %I:%M" if has_half else " %H:%M"
    clock += (":%S" if text.count(":") > 1 else "") + (" %p" if has_half else "")
    mark = "-" if "-" in text else "/"
    day, month = (f"%d{mark}%m{mark}%Y{clock}", f"%m{mark}%d{mark}%Y{clock}")
    return (
        f"{text!r} can be read as day{mark}month or as month{mark}day, and no date of the column "
        f'decides; set time_format = "{day}" or time_format = "{month}" in [interactions] of the '
        f"schema."
    )
