"""Refuse requests whose Host header names another service."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import error_response
from app.observe.metrics import Metrics

ANY = "*"


class HostNames:
    """The names of this service; ``*.shop.com`` stands for all names below it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._includes_all = ANY in names
        self._names = frozenset(name.lower() for name in names)
        self._endings = tuple(name[1:].lower() for name in names if name.startswith("*."))

    def include(self, host: bytes) -> bool:
        """Return whether a Host header names this service."""
        if self._includes_all:
            return True
        name = name_of_host(host.decode("latin-1"))
        return name in self._names or bool(self._endings and name.endswith(self._endings))


class AllowedHosts:
    """Answers only requests for the names of this service."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str], metrics: Metrics) -> None:
        self._app = app
        self._names = HostNames(allowed_hosts)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if self._names.include(host):
            await self._app(scope, receive, send)
            return
        self._metrics.count("requests_refused", "host")
        name = name_of_host(host.decode("latin-1"))
        message = f"the Host header names {name!r}, which allowed_hosts does not list: add it there"
        await error_response(400, message)(scope, receive, send)


def name_of_host(host: str) -> str:
    """Return the name in a Host header, in lower case, without the port."""
    name = host.lower()
    if name.startswith("["):  # an address of IPv6
        return name[: name.find("]") + 1]
    return name.partition(":")[0]
