"""Check the address of Redis. This imports no client, so that the settings stay quick to import."""

from urllib.parse import urlsplit

UNREADABLE_URL = (
    "REDIS_URL cannot be read: write redis://user:password@host:6379/0, rediss:// for TLS or "
    "unix:///path/of.sock, with special characters percent-encoded (: is %3A, / is %2F, @ is %40)"
)


def public_address(url: str) -> str:
    """Return the URL without user, password and query, which must not be logged.

    Raises:
        ValueError: redis-py does not accept the URL; the text does not repeat it.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ValueError(UNREADABLE_URL) from None
    is_misread = port and not parts.hostname  # a piece of a password with a # in it
    if is_misread or parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(UNREADABLE_URL)
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
