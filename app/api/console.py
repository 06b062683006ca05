"""``/console``: the static files of the console, and ``/``, which leads browsers to it.

The files are built from ``console/`` by ``make console``. They hold no data, so they need no key.
The console sends the key of its user with each request for data.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.api.errors import RefusalError

router = APIRouter(include_in_schema=False)
FOLDER = Path(__file__).parents[1] / "console"
INDEX = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class ConsoleFile(NamedTuple):
    """One file as it is sent."""

    content: bytes
    media_type: str
    etag: str


@cache
def console_files() -> Mapping[str, ConsoleFile]:
    """Return the files of the console by name, read once."""
    return {
        path.name: _read(path) for path in sorted(FOLDER.glob("*.*")) if path.suffix in MEDIA_TYPES
    }


def _read(path: Path) -> ConsoleFile:
    content = path.read_bytes()
    return ConsoleFile(content, MEDIA_TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')


@router.api_route("/", methods=["GET", "HEAD"])
async def root(http: Request) -> Response:
    """Lead a browser to the console. Refuse other callers, because there is nothing for them."""
    if "text/html" not in http.headers.get("accept", ""):
        raise RefusalError(404, "there is nothing at /: the interface is described at /docs")
    return RedirectResponse("console/")


@router.api_route("/console", methods=["GET", "HEAD"])
async def console_without_slash() -> Response:
    """Lead to the address to which the paths of the page are relative."""
    return RedirectResponse("console/")


@router.api_route("/console/{name:path}", methods=["GET", "HEAD"])
async def console_file(http: Request, name: str) -> Response:
    """Return a file of the console, or 304 if the browser has it."""
    file = console_files().get(name or INDEX)
    if file is None:
        raise RefusalError(404, f"the console has no file {name}")
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if file.etag in http.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)
