"""Ids that hold a slash, in paths: ``/users/a%2Fb/friends`` is about the user ``a/b``.

A server decodes a path before it is routed, and by then nobody can tell which slash was one of the
id. The router is therefore given such a slash as a character that no id may hold.
"""

from typing import Annotated
from urllib.parse import unquote

from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.schemas import PublicId

SLASH_PLACEHOLDER = (
    "\uffff"  # is no character, and never will be: no id may hold what cannot be printed
)


class EncodedSlashes:
    """Keeps the slashes that a caller encoded apart from those between the parts of a path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        raw: bytes = scope.get("raw_path") or b""
        if b"%2F" in raw or b"%2f" in raw:
            parts = raw.decode("latin-1").replace("%2f", "%2F").split("%2F")
            scope = {
                **scope,
                "path": SLASH_PLACEHOLDER.join(map(unquote, parts)),
            }  # the server logs its own
        await self._app(scope, receive, send)


def _whole(value: str) -> str:
    return value.replace(SLASH_PLACEHOLDER, "/")


PathId = Annotated[PublicId, BeforeValidator(_whole)]  # an id that is part of a path
