"""What each user was shown lately, kept for policies that do not show it again so soon."""

from collections.abc import Sequence

from app.state.keys import user_key
from app.state.store import CommandPart

RECENTLY_SHOWN_TTL = 30 * 86_400  # seconds after the last list that a user was shown


def recently_shown_key(prefix: str, user: str) -> str:
    """Name the list of items that a user was shown; under the user's hash tag."""
    return user_key(prefix, user, "s")


def recently_shown_commands(
    prefix: str, user: str, items: Sequence[str], limit: int
) -> list[tuple[CommandPart, ...]]:
    """Give the commands that put these items in front and keep the newest ``limit``."""
    key = recently_shown_key(prefix, user)
    return [
        ("LPUSH", key, *reversed(items)),
        ("LTRIM", key, 0, limit - 1),
        ("EXPIRE", key, RECENTLY_SHOWN_TTL),
    ]
