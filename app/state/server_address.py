"""Finds the server that a service uses: the one that is named, or the embedded one."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.settings import Settings
from app.state.embedded import ADDRESS, embedded_server
from app.state.server_process import ServerError


@contextmanager
def server_url(settings: Settings, *, start: bool = True) -> Iterator[str]:
    """Give the server's URL.

    Args:
        settings: of the service; without an address it uses the embedded server.
        start: where the embedded server does not run, start it for as long as this lasts.

    Raises:
        ServerError: it does not run, or cannot be started.
    """
    folder = settings.out / "redis"
    if settings.redis_url:
        yield settings.redis_url
    elif url := _running(folder):
        yield url
    elif start:
        with embedded_server(folder) as url:
            yield url
    else:
        raise ServerError(f"no service runs on {settings.out}, and REDIS_URL is not set")


def _running(folder: Path) -> str | None:
    """Give the URL of the embedded server of a folder, if it answers."""
    with suppress(OSError):
        url = (folder / ADDRESS).read_text().strip()
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1.0)
            link.connect(unquote(urlsplit(url).path))
        return url
    return None
