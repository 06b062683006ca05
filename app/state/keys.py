"""How the keys of one user are named: all that name the user are under the user's hash tag."""

from urllib.parse import quote


def user_key(prefix: str, user: str, part: str) -> str:
    """Name one part of what is kept of a user; braces in the user's id are encoded."""
    return f"{prefix}:u:{{{quote(user, safe='')}}}:{part}"
