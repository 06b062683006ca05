"""How the keys of one user are named: all under one hash tag, so all on one node of a cluster."""

from urllib.parse import quote


def user_key(prefix: str, user: str, part: str) -> str:
    """Name one part of what is kept of a user; braces in the user's id are encoded."""
    return f"{prefix}:u:{{{quote(user, safe='')}}}:{part}"
