"""Refuse changes that a page of another site sends, where no key protects the service.

A browser sends a simple ``POST`` of any page to a service of the same machine, without asking it
first. Keys stop that: a page does not have one. The headers tell the page apart; a program sends
neither of them.
"""

from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import error_response
from app.observe.metrics import Metrics

ANY = "*"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OTHER_SITES = frozenset({b"cross-site", b"same-site"})  # another port is of the same site
REFUSED = error_response(
    403,
    "a page of another origin sent this, and the service has no keys: add the page's origin to "
    "cors_origins if it is yours",
)


class PageOrigins:
    """Refuses a change that a page of another origin sends, unless ``cors_origins`` lists it.

    A service with keys does not need it.
    """

    def __init__(self, app: ASGIApp, cors_origins: Sequence[str], metrics: Metrics) -> None:
        self._app = app
        self._allows_any = ANY in cors_origins
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] in SAFE_METHODS
            or self._allows_any
            or is_own_page(scope["headers"], self._origins)
        ):
            await self._app(scope, receive, send)
            return
        self._metrics.count("requests_refused", "origin")
        await REFUSED(scope, receive, send)


def is_own_page(headers: Iterable[tuple[bytes, bytes]], origins: frozenset[bytes]) -> bool:
    """Return whether a request is of a page of this service, of these origins, or of a program.

    The browser itself writes both headers. Where it says that the page is of the same origin, the
    ``Host`` may differ from the page's: a proxy may have changed it.
    """
    host = origin = site = b""
    for name, value in headers:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
        elif name == b"sec-fetch-site":
            site = value
    if origin and origin in origins:
        return True
    if site in OTHER_SITES:
        return False
    if site == b"same-origin" or not origin:
        return True
    return origin.partition(b"://")[2].lower() == host.lower() != b""
