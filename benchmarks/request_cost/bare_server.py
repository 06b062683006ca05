"""A server that answers every request with the same bytes: what HTTP alone costs."""

import sys
from typing import Any

import uvicorn

BODY = b"x" * 1_600  # as long as a list of ten


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer one request."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1600")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="error", lifespan="off")
