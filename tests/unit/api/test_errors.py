"""Every error has one shape."""

import httpx
from fastapi import FastAPI, HTTPException

from app.api import errors
from app.api.errors import RefusalError, error_response


async def test_every_error_has_one_shape_and_a_code():
    app = FastAPI()
    errors.install(app)

    @app.get("/{status}")
    def fail(status: int) -> None:
        if status == 503:
            raise RefusalError(503, "come back", "k", retry_after=7)
        raise HTTPException(status, "no")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/503")
        assert answer.headers["Retry-After"] == "7"
        assert answer.json() == {
            "error": {"code": "unavailable", "message": "come back", "field": "k"}
        }
        for status, code in ((404, "not_found"), (418, "error")):
            answer = await client.get(f"/{status}")
            assert answer.status_code == status
            assert answer.json() == {"error": {"code": code, "message": "no", "field": None}}
    assert "Retry-After" not in error_response(422, "no").headers
