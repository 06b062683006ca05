"""Every error has one shape."""

import httpx
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict

from app.api import errors
from app.api.batch_bodies import Batch
from app.api.endpoint import read_query_string
from app.api.errors import RefusalError, error_response
from app.api.event_bodies import check_events
from app.event_weights import EventWeights


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


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user_id: str
    k: int = 10


async def ask(path, **request):
    app = FastAPI()
    errors.install(app)

    @app.get("/list")
    async def read(http: Request) -> str:
        return read_query_string(http, Query).user_id

    @app.post("/list")
    async def post(body: Query) -> str:
        return body.user_id

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.request(request.pop("method", "GET"), path, **request)
        assert answer.status_code == 422
        return answer.json()["error"]


async def test_every_fault_of_a_query_string_is_named_with_the_valid_names():
    error = await ask("/list?k=x&usr_id=7&zzz=1")
    assert (error["field"], len(error["faults"])) == ("user_id", 4)
    messages = {fault["field"]: fault["message"] for fault in error["faults"]}
    assert messages["usr_id"] == "there is no usr_id: did you mean user_id? There are k, user_id"
    assert messages["zzz"] == "there is no zzz: there are k, user_id"
    assert "valid integer" in messages["k"]
    assert error["message"] == messages["user_id"]


async def test_every_fault_of_a_body_is_named_with_the_valid_names():
    error = await ask("/list", method="POST", json={"k": "x", "user": 1})
    messages = {fault["field"]: fault["message"] for fault in error["faults"]}
    assert set(messages) == {"user_id", "k", "user"}
    assert messages["user"] == "there is no user: did you mean user_id? There are k, user_id"


async def test_one_fault_needs_no_list():
    assert set(await ask("/list?user_id=7&k=x")) == {"code", "message", "field"}


def test_all_faults_of_an_event_are_in_one_message():
    batch = Batch([{"user_id": "u", "itm_id": "i", "value": "much"}])
    fault = check_events(batch, EventWeights(), 0.0).invalid[0]
    assert "value: " in fault.message
    assert "there is no itm_id: did you mean item_id?" in fault.message
