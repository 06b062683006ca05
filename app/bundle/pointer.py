"""The file ``current``, which names the bundle in service. Imports nothing, so that it is cheap."""

from pathlib import Path

POINTER = "current"


def current_version(out: Path) -> str | None:
    """Return the version that ``current`` names, whether or not it exists."""
    try:
        return (out / POINTER).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
