"""Which texts are public ids of users and items. Training and the HTTP API have the same rule."""

import re

MAX_ID_BYTES = 256
CONTROL_CHARACTERS = r"[\x00-\x1F\x7F-\x9F]"  # C0, delete and C1; valid for polars too
_CONTROL = re.compile(CONTROL_CHARACTERS)


def public_id_fault(value: str) -> str | None:
    """Return what is wrong with an id, as the rest of a sentence; None if it can be used.

    Spaces of any kind, joiners and emoji are allowed.
    """
    if not value:
        return "must not be empty"
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > MAX_ID_BYTES:
        return f"has {size} bytes, at most {MAX_ID_BYTES} are allowed"
    if _CONTROL.search(value):
        return "must not contain control characters"
    if value.encode("utf-8", "ignore") != value.encode("utf-8", "surrogatepass"):
        return "must be Unicode text, without half of a pair of surrogates"
    return None
